"""The client: one method per route of the server, with waiting, batching and checks.

>>> from health_statistics import Client
>>> with Client("http://127.0.0.1:5000") as client:
...     client.ask("state_mean", question="Q036", state="OH")
"""

import io
import json
import math
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import quote

from health_statistics.connection import DEFAULT_ADDRESS, RETRIES, BearerAuth, Connection, Pause, pause_silently
from health_statistics.errors import JobFailedError, JobTimeoutError, ProtocolError, ResponseError, UsageError
from health_statistics.formats import MEDIA_TYPES
from health_statistics.verification import check_jobs, next_job_id

HOLD_SECONDS = 20  # how long the server may hold a response for one job; it accepts up to 30
BATCH_HOLD_SECONDS = 1  # the same for many jobs; short, so that progress shows
POLL_SECONDS = 0.1  # between requests when the server has no room to hold a response
JOBS_PER_POLL = 200
MAX_BATCH_REQUESTS = 1_000  # the server's limits for one batch
MAX_BATCH_BYTES = 1024 * 1024
SEPARATOR_BYTES = 2
NOT_FOUND = 404
RESULTS_PATH = "/api/get_results"
DATAFRAME = "dataframe"

Document = dict[str, Any]
Request = Mapping[str, Any]


class FinishedJob(NamedTuple):
    """The id of a job that is done or has failed, and its result document."""

    job_id: str
    document: Document


@dataclass(frozen=True, slots=True)
class StatisticInfo:
    """A statistic that the server computes, and the fields of its requests."""

    name: str
    summary: str
    needed: tuple[str, ...]
    optional: tuple[str, ...]


class Client:
    """A client of one server. Not thread-safe; use it in a ``with`` block, or close it.

    Every method raises a ``ClientError``: ``UnreachableError`` if no response arrives, ``ResponseError`` if the server
    answers with an error, ``ProtocolError`` if the address is not a health statistics server.

    Parameters
    ----------
    address: base address of the server
    token: the operator's token, for cancelling, reloading and shutting down
    retries: how often to retry a request when the server does not respond or is busy
    pause: waits for some seconds before a retry; its text gives the reason
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        token: str | None = None,
        retries: int = RETRIES,
        pause: Pause = pause_silently,
    ) -> None:
        self._connection = Connection(address, retries=retries, pause=pause)
        self._operator = {"auth": BearerAuth(token)} if token else {}
        self.address = self._connection.address

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def ask(
        self,
        statistic: str,
        *,
        format: str | None = None,
        kind: str | None = None,
        theme: str | None = None,
        timeout_seconds: float = math.inf,
        **fields: Any,
    ) -> Any:
        """Submit a request, wait for its result and return it.

        Parameters
        ----------
        format: None for the ``data`` of the result document, "dataframe" for a pandas DataFrame, or the name of a
            file format (csv, parquet, bibtex, csljson, zip, svg, png) for bytes
        kind, theme: of a picture, such as "map" and "dark"
        fields: the fields of the request, such as question and state

        Raises
        ------
        UsageError: the format is unknown, or needs pandas, which is not installed
        JobFailedError: the job failed
        JobTimeoutError: the job did not finish in time
        ProtocolError: the result belongs to another request
        """
        if format is not None and format not in {DATAFRAME, *MEDIA_TYPES}:
            raise UsageError(f"format {format!r} is unknown; choose one of {', '.join((DATAFRAME, *MEDIA_TYPES))}")
        # Import pandas before the request is sent: a missing package costs no job then.
        parse = _dataframe_parser() if format == DATAFRAME else bytes
        job_id, document = self.run(statistic, timeout_seconds=timeout_seconds, **fields)
        if format is None:
            return document["data"]
        file_format = "csv" if format == DATAFRAME else format
        request = {**fields, "statistic": statistic}
        return parse(self.fetch(job_id, file_format, kind=kind, theme=theme, request=request))

    def run(self, statistic: str, *, timeout_seconds: float = math.inf, **fields: Any) -> FinishedJob:
        """Submit a request and wait until its job is done; errors are those of ``ask``."""
        deadline = time.monotonic() + timeout_seconds
        response = self._post(f"/api/{_quoted(statistic)}", fields, int(min(timeout_seconds, HOLD_SECONDS)))
        job_id = str(self._require(response, "job_id"))
        if "status" in response:
            # This result cannot belong to another request: it came in the response to its own.
            return FinishedJob(job_id, _successful(job_id, {k: v for k, v in response.items() if k != "job_id"}))
        with self._verified([job_id], [{**fields, "statistic": statistic}]):
            return FinishedJob(job_id, self.wait(job_id, deadline - time.monotonic()))

    def submit(self, statistic: str, **fields: Any) -> str:
        """Submit a request and return the id of its job."""
        return str(self._require(self._post(f"/api/{_quoted(statistic)}", fields), "job_id"))

    def poll(self, job_id: str, hold_seconds: float = 0.0) -> Document:
        """Return the document of a job as soon as it finishes, at the latest after some seconds (30 at most)."""
        started = time.monotonic()
        path = f"{RESULTS_PATH}/{_quoted(job_id)}"
        document = self._connection.request_json("GET", path, held_seconds=hold_seconds, params=_wait(hold_seconds))
        if self._require(document, "status") == "running":
            self._pause_unless_held(started, hold_seconds)
        return document

    def wait(self, job_id: str, timeout_seconds: float = math.inf) -> Document:
        """Wait until a job is done and return its document.

        Raises
        ------
        JobFailedError: the job failed
        JobTimeoutError: the job did not finish in time
        """
        deadline = time.monotonic() + timeout_seconds
        left = max(0.0, timeout_seconds)
        while (document := self.poll(job_id, min(left, HOLD_SECONDS)))["status"] == "running":
            left = deadline - time.monotonic()
            if left <= 0:
                raise JobTimeoutError(job_id)
        return _successful(job_id, document)

    def fetch(
        self,
        job_id: str,
        format: str,
        *,
        kind: str | None = None,
        theme: str | None = None,
        request: Request | None = None,
    ) -> bytes:
        """Return the result of a finished job in a file format, or its citation: csv, zip, bibtex, or another of `ask`.

        Parameters
        ----------
        kind, theme: of a picture, such as "map" and "dark"
        request: the statistic and the fields of the job's request, to verify that the result belongs to it

        Raises
        ------
        ProtocolError: the server does not support the format, or the result belongs to another request
        """
        parameters = {"format": format, "kind": kind, "theme": theme}
        with self._verified([job_id], [request] if request is not None else []):
            response = self._connection.request("GET", f"{RESULTS_PATH}/{_quoted(job_id)}", params=parameters)
        content_type = response.headers.get("Content-Type", "no type")
        if content_type.partition(";")[0].strip() != MEDIA_TYPES[format]:
            raise ProtocolError(f"the server does not support {format}: it sent {content_type}")
        return response.content

    def batch(
        self, requests: Iterable[Request], on_finished: Callable[[], None] = lambda: None
    ) -> Iterator[FinishedJob]:
        """Run any number of requests and yield their jobs in the order of the requests, failed ones too.

        The client sends chunks as large as the server allows, one after the other. The server accepts or rejects a
        chunk as a whole.

        Parameters
        ----------
        requests: objects with ``statistic`` and the fields of its request
        on_finished: called whenever a job has finished
        """
        for chunk in chunks(requests):
            job_ids = self.submit_batch(chunk)
            documents: dict[str, Document] = {}
            with self._verified(job_ids, chunk):
                for job_id, document in self.as_finished(job_ids):
                    documents[job_id] = document
                    on_finished()
            yield from (FinishedJob(job_id, documents[job_id]) for job_id in job_ids)

    def submit_batch(self, requests: Sequence[Request]) -> list[str]:
        """Submit up to 1,000 requests, which the server accepts or rejects as a whole; return the ids of their jobs."""
        job_ids = self._require(self._post("/api/batch", list(requests)), "job_ids")
        if len(job_ids) != len(requests):
            raise ProtocolError(f"{self.address} returned {len(job_ids)} job ids for {len(requests)} requests")
        return list(map(str, job_ids))

    def as_finished(self, job_ids: Iterable[str]) -> Iterator[FinishedJob]:
        """Wait for jobs and yield each when it has finished, failed ones too."""
        waiting = list(dict.fromkeys(job_ids))
        while waiting:
            finished = dict(self._poll_many(waiting[:JOBS_PER_POLL]))
            yield from (FinishedJob(job_id, document) for job_id, document in finished.items())
            waiting = [job_id for job_id in waiting if job_id not in finished]

    def jobs(self, after: str | None = None) -> dict[str, str]:
        """Return the states of all jobs, or of those after a job, by id in the order of acceptance."""
        entries = self._data("/api/jobs", {"after": after} if after else {})
        return {job_id: state for entry in entries for job_id, state in entry.items()}

    def unfinished(self) -> int:
        """Return the number of accepted jobs that have not finished."""
        return int(self._require(self._connection.request_json("GET", "/api/num_jobs"), "num_jobs"))

    def cancel(self, job_id: str) -> str:
        """Cancel a waiting job or remove a finished one; return "cancelled" or "removed"."""
        response = self._connection.request_json("DELETE", f"/api/jobs/{_quoted(job_id)}", **self._operator)
        return str(self._require(self._require(response, "data"), job_id))

    def shutdown(self) -> bool:
        """Make the server reject new jobs; return True if all accepted jobs have finished."""
        response = self._connection.request_json("POST", "/api/graceful_shutdown", **self._operator)
        return bool(self._require(response, "status") == "done")

    def reload(self) -> None:
        """Start reloading the table; ``dataset()["reload"]`` shows how far it is."""
        self._require(self._connection.request_json("POST", "/api/dataset/reload", **self._operator), "status")

    def questions(self) -> list[dict[str, Any]]:
        """Return the questions: id, text, class, direction, years, rows."""
        return list(self._data("/api/questions"))

    def states(self) -> list[dict[str, Any]]:
        """Return the locations: name and abbreviation."""
        return list(self._data("/api/states"))

    def dataset(self) -> dict[str, Any]:
        """Return the source of the table, its row counts, and the state of the last reload."""
        return dict(self._data("/api/dataset"))

    def tables(self) -> list[dict[str, Any]]:
        """Return the versions of the table that the server keeps, the one that was served last first."""
        return list(self._data("/api/tables"))

    def statistics(self) -> list[StatisticInfo]:
        """Return the statistics that the server computes; none if the server does not list them."""
        try:
            entries = self._data("/api/statistics")
        except ResponseError as error:
            if error.status == NOT_FOUND:
                return []
            raise
        return [StatisticInfo(s["name"], s["summary"], tuple(s["needed"]), tuple(s["optional"])) for s in entries]

    def pause(self, seconds: float) -> None:
        """Wait for some seconds."""
        self._connection.pause(seconds, "")

    def _post(self, path: str, content: object, wait_seconds: int = 0) -> Document:
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        if wait_seconds:
            headers["Prefer"] = f"wait={wait_seconds}"
        return self._connection.request_json("POST", path, held_seconds=wait_seconds, json=content, headers=headers)

    @contextmanager
    def _verified(self, job_ids: Sequence[str], requests: Sequence[Request]) -> Iterator[None]:
        """Check that jobs belong to their requests, before and after a block that reads their results.

        A proxy in front of several servers may mix up their job ids. If it sends requests to each server in turn, one
        check alone could reach the right server, and the block another one.

        Raises
        ------
        ProtocolError: a job has another statistic, question or state
        """
        self._check_requests(job_ids, requests)
        yield
        self._check_requests(job_ids, requests)

    def _check_requests(self, job_ids: Sequence[str], requests: Sequence[Request]) -> None:
        if not requests:
            return
        parameters = {"limit": str(len(job_ids)), "before": next_job_id(job_ids[-1])}
        try:
            entries = self._data("/api/job_details", parameters)
        except ResponseError as error:
            if error.status == NOT_FOUND:  # a server without this route cannot be checked
                return
            raise
        check_jobs(entries, dict(zip(job_ids, requests, strict=True)))

    def _poll_many(self, job_ids: Sequence[str]) -> list[FinishedJob]:
        """Return the jobs that have finished; pause if there is none."""
        started = time.monotonic()
        parameters = {"ids": ",".join(job_ids), **_wait(BATCH_HOLD_SECONDS)}
        documents = self._data(RESULTS_PATH, parameters, BATCH_HOLD_SECONDS)
        jobs = [FinishedJob(job_id, self._require(documents, job_id)) for job_id in job_ids]
        finished = [job for job in jobs if self._require(job.document, "status") != "running"]
        if not finished:
            self._pause_unless_held(started, BATCH_HOLD_SECONDS)
        return finished

    def _pause_unless_held(self, started: float, hold_seconds: float) -> None:
        """Pause if the server responded at once instead of holding the response, for lack of room.

        Without this pause, the client would poll a busy server as fast as it can.
        """
        if time.monotonic() - started < hold_seconds / 2:
            self.pause(POLL_SECONDS)

    def _data(self, path: str, parameters: Mapping[str, str] | None = None, held_seconds: float = 0.0) -> Any:
        response = self._connection.request_json("GET", path, held_seconds=held_seconds, params=parameters)
        return self._require(response, "data")

    def _require(self, document: Document, name: str) -> Any:
        """Return a field of a response.

        Raises
        ------
        ProtocolError: it is missing
        """
        if not isinstance(document, dict) or name not in document:
            raise ProtocolError(f"{self.address} is not a health statistics server: its response has no {name!r}")
        return document[name]


def chunks(requests: Iterable[Request]) -> Iterator[list[Request]]:
    """Yield requests in their order, in lists that are as long as the server allows."""
    chunk: list[Request] = []
    size = SEPARATOR_BYTES
    for request in requests:
        length = len(json.dumps(request)) + SEPARATOR_BYTES
        if chunk and (len(chunk) == MAX_BATCH_REQUESTS or size + length > MAX_BATCH_BYTES):
            yield chunk
            chunk, size = [], SEPARATOR_BYTES
        chunk.append(request)
        size += length
    if chunk:
        yield chunk


def _dataframe_parser() -> Callable[[bytes], Any]:
    try:
        import pandas as pd  # noqa: PLC0415 (optional)
    except ImportError as error:
        raise UsageError("format 'dataframe' needs pandas; install it: pip install pandas") from error
    return lambda content: pd.read_csv(io.BytesIO(content), keep_default_na=False, na_values=[""])


def _successful(job_id: str, document: Document) -> Document:
    """Return the document of a job that is done.

    Raises
    ------
    JobFailedError: the job failed
    """
    if document["status"] != "done":
        raise JobFailedError(f"{job_id} failed: {document.get('reason', 'without a reason')}")
    return document


def _quoted(name: str) -> str:
    """Return a name as one part of a path; slashes in it cannot lead to another route."""
    return quote(name, safe="")


def _wait(seconds: float) -> dict[str, str]:
    return {"wait": f"{seconds:g}"} if seconds > 0 else {}
