"""The client: a Python class whose methods are the server's routes, with the waiting done.

>>> from app.client import Client
>>> with Client("http://127.0.0.1:5000") as client:
...     client.ask("state_mean", question="Q036", state="OH")
"""

import math
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from app.client.connection import DEFAULT_ADDRESS, RETRIES, Bearer, Connection, Pause, silent_pause
from app.client.errors import AnswerError, BrokenAnswerError, JobFailedError, NotDoneError
from app.client.parcels import parcels

HOLD_SECONDS = 20.0  # a waiting request is held so long; the server holds it for 30 at most
HOLD_MANY_SECONDS = 1.0  # one for many jobs, so that those which have ended are seen soon
LOOK_AGAIN_SECONDS = 0.1  # where the server had no room to hold a request
READ_AT_ONCE = 200
NOT_FOUND = 404
RESULTS_PATH = "/api/get_results"
FORM_TYPES = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "svg": "image/svg+xml",
    "png": "image/png",
}

Document = dict[str, Any]
Request = Mapping[str, Any]
Ended = tuple[str, Document]  # the id of a job that has ended, and its document


@dataclass(frozen=True, slots=True)
class StatisticInfo:
    """A statistic that the server computes: its name, what it is, and the fields of a request for it."""

    name: str
    summary: str
    needed: tuple[str, ...]
    optional: tuple[str, ...]


class Client:
    """A client of one server. For one thread at a time; use it in a ``with`` block, or close it.

    Every method raises a ``ClientError``: ``UnreachableError`` where no answer comes, ``AnswerError`` where the server
    refuses, ``BrokenAnswerError`` where what answers is no such server.

    Parameters
    ----------
    address: base address of the server
    token: the operator's token, for cancelling and shutting down
    retries: how often a request is sent again where no answer comes, or the server has no room now
    pause: waits before the next attempt, for some seconds and for the reason given
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        token: str | None = None,
        retries: int = RETRIES,
        pause: Pause = silent_pause,
    ) -> None:
        self._connection = Connection(address, retries=retries, pause=pause)
        self._operator = {"auth": Bearer(token)} if token else {}
        self.address = self._connection.address

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def ask(self, statistic: str, *, timeout_seconds: float = math.inf, **fields: Any) -> Any:
        """Submit a request, wait for its result and return that: the ``data`` of the server's document.

        Raises
        ------
        JobFailedError: the job failed
        NotDoneError: it has not ended in time
        """
        return self.wait(self.submit(statistic, **fields), timeout_seconds)["data"]

    def submit(self, statistic: str, **fields: Any) -> str:
        """Submit a request and return the id of its job."""
        return str(self._member(self._post(f"/api/{_part(statistic)}", fields), "job_id"))

    def look(self, job_id: str, hold_seconds: float = 0.0) -> Document:
        """Return the document of a job as it is when it ends or some seconds are over, 30 at most."""
        asked = time.monotonic()
        path = f"{RESULTS_PATH}/{_part(job_id)}"
        document = self._connection.answer("GET", path, held_seconds=hold_seconds, params=_wait(hold_seconds))
        if self._member(document, "status") == "running":
            self._rest_unless_held(asked, hold_seconds)
        return document

    def wait(self, job_id: str, timeout_seconds: float = math.inf) -> Document:
        """Wait until a job is done and return its document.

        Raises
        ------
        JobFailedError: the job failed
        NotDoneError: it has not ended in time
        """
        deadline = time.monotonic() + timeout_seconds
        left = timeout_seconds
        while (document := self.look(job_id, min(left, HOLD_SECONDS)))["status"] == "running":
            left = deadline - time.monotonic()
            if left <= 0:
                raise NotDoneError(f"{job_id} has not ended within {timeout_seconds:g} s; it goes on")
        if document["status"] != "done":
            raise JobFailedError(f"{job_id} failed: {document.get('reason', 'without a reason')}")
        return document

    def fetch(self, job_id: str, form: str) -> bytes:
        """Return the result of a job that is done in a form: csv, parquet, svg or png.

        Raises
        ------
        BrokenAnswerError: the server answers in another form, as one that does not know this one does
        """
        answer = self._connection.send("GET", f"{RESULTS_PATH}/{_part(job_id)}", params={"format": form})
        sent_type = answer.headers.get("Content-Type", "no type")
        if sent_type.partition(";")[0].strip() != FORM_TYPES[form]:
            raise BrokenAnswerError(f"the server does not give results as {form}: it sent {sent_type}")
        return answer.content

    def batch(self, requests: Iterable[Request], on_end: Callable[[], None] = lambda: None) -> Iterator[Ended]:
        """Run any number of requests and yield the id and the document of each, in the order of the requests.

        They are sent in parcels of what the server takes at once, each when the one before it has ended. A parcel is
        accepted or refused as a whole. A job that failed is yielded too: its document has the status error.

        Parameters
        ----------
        requests: objects with ``statistic`` and the fields of a request for it
        on_end: is called whenever a job has ended
        """
        for parcel in parcels(requests):
            job_ids = self.submit_parcel(parcel)
            documents: dict[str, Document] = {}
            for job_id, document in self.ended(job_ids):
                documents[job_id] = document
                on_end()
            yield from ((job_id, documents[job_id]) for job_id in job_ids)

    def submit_parcel(self, parcel: Sequence[Request]) -> list[str]:
        """Submit up to 1,000 requests, accepted or refused as a whole; return the ids of their jobs."""
        job_ids = self._member(self._post("/api/batch", list(parcel)), "job_ids")
        if len(job_ids) != len(parcel):
            raise BrokenAnswerError(f"the server gave {len(job_ids)} ids for {len(parcel)} requests")
        return list(map(str, job_ids))

    def ended(self, job_ids: Iterable[str]) -> Iterator[Ended]:
        """Wait for jobs and yield each that ends, with its document; one that failed too."""
        waiting = list(dict.fromkeys(job_ids))
        while waiting:
            ended = dict(self._look_at_many(waiting[:READ_AT_ONCE]))
            yield from ended.items()
            waiting = [job_id for job_id in waiting if job_id not in ended]

    def jobs(self, after: str | None = None) -> dict[str, str]:
        """Return the state of every job, or of those accepted after one, by id in the order of acceptance."""
        listed = self._data("/api/jobs", **({"after": after} if after else {}))
        return {job_id: state for entry in listed for job_id, state in entry.items()}

    def unfinished(self) -> int:
        """Return how many jobs are accepted and have not ended."""
        return int(self._member(self._connection.answer("GET", "/api/num_jobs"), "num_jobs"))

    def cancel(self, job_id: str) -> str:
        """Cancel a job that waits, or remove one that has ended; return what was done."""
        answer = self._connection.answer("DELETE", f"/api/jobs/{_part(job_id)}", **self._operator)
        return str(self._member(answer, "data")[job_id])

    def shutdown(self) -> bool:
        """Tell the server to take no more jobs; return whether all that it had accepted have ended."""
        answer = self._connection.answer("POST", "/api/graceful_shutdown", **self._operator)
        return bool(self._member(answer, "status") == "done")

    def questions(self) -> list[dict[str, Any]]:
        """Return the questions: id, text, class, direction, years, rows."""
        return list(self._data("/api/questions"))

    def states(self) -> list[dict[str, Any]]:
        """Return the locations: name and abbreviation."""
        return list(self._data("/api/states"))

    def dataset(self) -> dict[str, Any]:
        """Return where the table comes from and what was made of its rows."""
        return dict(self._data("/api/dataset"))

    def statistics(self) -> list[StatisticInfo]:
        """Return the statistics that the server computes, none where it does not tell."""
        try:
            told = self._data("/api/statistics")
        except AnswerError as error:
            if error.status == NOT_FOUND:
                return []
            raise
        return [StatisticInfo(s["name"], s["summary"], tuple(s["needed"]), tuple(s["optional"])) for s in told]

    def rest(self, seconds: float) -> None:
        """Wait for some seconds."""
        self._connection.pause(seconds, "")

    def _post(self, path: str, content: object) -> Document:
        return self._connection.answer("POST", path, json=content, headers={"Idempotency-Key": str(uuid.uuid4())})

    def _look_at_many(self, job_ids: Sequence[str]) -> list[Ended]:
        """Return those of some jobs that have ended, with their documents; pause where there is none."""
        asked = time.monotonic()
        parameters = {"ids": ",".join(job_ids), **_wait(HOLD_MANY_SECONDS)}
        answer = self._connection.answer("GET", RESULTS_PATH, held_seconds=HOLD_MANY_SECONDS, params=parameters)
        seen = self._member(answer, "data")
        documents = [(job_id, self._member(seen, job_id)) for job_id in job_ids]
        ended = [(job_id, document) for job_id, document in documents if document["status"] != "running"]
        if not ended:
            self._rest_unless_held(asked, HOLD_MANY_SECONDS)
        return ended

    def _rest_unless_held(self, asked: float, hold_seconds: float) -> None:
        """Rest where the server had no room to hold a request, asked at that time (monotonic), as long as it should."""
        if time.monotonic() - asked < hold_seconds / 2:
            self.rest(LOOK_AGAIN_SECONDS)

    def _data(self, path: str, **parameters: str) -> Any:
        return self._member(self._connection.answer("GET", path, params=parameters), "data")

    def _member(self, answer: Document, name: str) -> Any:
        """Return what an answer has under a name.

        Raises
        ------
        BrokenAnswerError: it has nothing there
        """
        if name not in answer:
            raise BrokenAnswerError(f"what answers at {self.address} is not the health statistics server: no {name!r}")
        return answer[name]


def _part(name: str) -> str:
    """Return a name as a part of a path: whatever it holds, it stays one part."""
    return quote(name, safe="")


def _wait(seconds: float) -> dict[str, str]:
    return {"wait": f"{seconds:g}"} if seconds > 0 else {}
