"""A mixed load: clients that check every response, among hostile requests, pictures, batches, deletions and reloads."""

import json
import random
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice, permutations
from typing import Any

import requests

from app.errors import GoneError
from checker import difference
from support.hostile_requests import HostileClient
from support.load import CASES, compare, running
from support.plain_survey import plain_rows
from support.real_server import BUNDLED_TABLE

TOKEN = "the-operator-of-the-mixed-load"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
ADDRESSES = ("203.0.113.1", "203.0.113.2", "203.0.113.3", "198.51.100.7", "2001:db8:1::1", "2001:db8:2::1")
IDENTITIES = [OPERATOR, *({"X-Forwarded-For": address} for address in ADDRESSES)]
DIMENSIONS = ("location", "year", "category", "stratum")
PAGES = ("/", "/jobs", "/metrics", "/openapi.json", "/api/questions", "/api/states", "/api/dataset", "/api/queue")
LISTS = ("/api/jobs?limit=50", "/api/job_details?limit=50", "/api/num_jobs", "/readyz", "/healthz")
TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.02
WIDE_REMEMBERED = 8
IDS_AT_ONCE = 200
GONE = 410
RUNNING = {"status": "running"}
REMOVED = {"status": "error", "reason": GoneError().reason}

Rows = Mapping[tuple[str, int, str, str], float | None]


@dataclass(frozen=True)
class Asked:
    """A request, and a function that returns what is wrong with its result document, None if nothing is."""

    statistic: str
    body: Any
    problem: Callable[[Mapping[str, Any]], str | None]

    def in_batch(self) -> Any:
        """Return the request as an element of a batch."""
        return {"statistic": self.statistic, **self.body}


CHECKED_CASES = [Asked(case.statistic, case.body, partial(compare, case=case)) for case in CASES]


@cache
def rows_by_question() -> Mapping[str, Rows]:
    """Return the value of each row of the bundled table, by question and key."""
    found: dict[str, dict[tuple[str, int, str, str], float | None]] = {}
    for row in plain_rows(BUNDLED_TABLE):
        found.setdefault(row.question, {})[row.place, row.year, row.category, row.stratum] = row.value
    return found


def wide_estimate(chance: random.Random) -> Asked:
    """Return a request for one of thousands of different results of half a mebibyte: each row of a question but one."""
    question = chance.choice(sorted(rows_by_question()))
    expected = rows_by_question()[question]
    without = chance.choice(sorted({place for place, *_ in expected}))
    keys = chance.choice(list(permutations(DIMENSIONS)))
    left = {key: value for key, value in expected.items() if key[0] != without}
    return Asked("estimate", {"question": question, "by": keys, "exclude": [without]}, partial(_wrong_rows, left))


def _wrong_rows(expected: Rows, answer: Mapping[str, Any]) -> str | None:
    if answer.get("status") != "done":
        return f"answered {answer}"
    found = {tuple(row[name] or "" for name in DIMENSIONS): row["value"] for row in answer["data"]}
    return None if found == expected else difference(dict(sorted(expected.items())), dict(sorted(found.items())))


class RefusedError(Exception):
    """The server refused a request with 503 and a time to retry, which is counted."""


class Seen:
    """The clients' observations; many threads write them.

    ``statuses`` counts responses by action and status, ``refusals`` those with 503 by reason, ``acknowledged`` has the
    request of each job id, ``deleted`` the ids that were deleted, ``wrong`` a line for each broken promise.
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.acknowledged: dict[str, Asked] = {}
        self.deleted: set[str] = set()
        self.statuses: Counter[tuple[str, int | None]] = Counter()
        self.refusals: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.checked = 0
        self._lock = threading.Lock()  # guards the counters

    def count(self, action: str, status: int | None) -> None:
        """Count a response, None for a closed connection."""
        with self._lock:
            self.statuses[action, status] += 1

    def refuse(self, reason: str) -> None:
        """Count a response with 503; numbers in its reason do not matter."""
        with self._lock:
            self.refusals[re.sub("[0-9]+", "n", reason)] += 1

    def check(self, job_id: str, asked: Asked, answer: Mapping[str, Any]) -> None:
        """Check a result document."""
        problem = asked.problem(answer)
        with self._lock:
            self.checked += 1
            if problem:
                self.wrong.append(f"{job_id}, {asked.statistic}: {problem}")

    def requests(self) -> int:
        """Return the number of requests so far."""
        with self._lock:
            return self.statuses.total()

    def of_action(self, action: str) -> dict[int | None, int]:
        """Return how often an action got each status."""
        with self._lock:
            return {status: count for (name, status), count in self.statuses.items() if name == action}


class MixedClient:
    """A client that does one thing after another, chosen by chance, and checks every response.

    Parameters
    ----------
    address: base address of the server
    identity: headers by which the server tells the client from others
    seen: gets the observations
    seed: of the choices
    """

    def __init__(self, address: str, identity: Mapping[str, str], seen: Seen, seed: int) -> None:
        self._address = address
        self._seen = seen
        self._chance = random.Random(seed)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update(identity)
        self._hostile = HostileClient(address, self._chance)
        self._wide: deque[tuple[str, Asked]] = deque(maxlen=WIDE_REMEMBERED)
        self._action = ""
        weights = {
            self.poll: 24,
            self.wait: 24,
            self.prefer: 24,
            self.repeat_with_key: 10,
            self.batch: 4,
            self.wide: 2,
            self.many_wide: 0.3,
            self.picture: 1.5,
            self.delete: 4,
            self.look_around: 12,
            self.hostile: 10,
            self.hold: 1,
        }
        self._actions, self._weights = list(weights), list(weights.values())

    def do_each(self) -> None:
        """Do everything once."""
        for action in self._actions:
            self._do(action)

    def work(self, pause_seconds: float) -> None:
        """Do one thing after another, with a pause of that mean length, until the load stops."""
        while not self._seen.stop.wait(self._chance.expovariate(1 / pause_seconds)):
            self._do(self._chance.choices(self._actions, self._weights)[0])

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
        self._hostile.close()

    def _do(self, action: Callable[[], None]) -> None:
        self._action = action.__name__
        try:
            action()
        except RefusedError:
            pass  # counted where it was raised
        except Exception as error:  # noqa: BLE001 - whatever ends an action is a finding
            self._seen.wrong.append(f"{self._action}: {error!r}")

    # What honest clients do

    def poll(self) -> None:
        """Submit a case and poll until it is done."""
        asked = self._case()
        job_id = self._submit(asked)
        while (answer := self._ask("GET", f"/api/get_results/{job_id}").json()) == RUNNING:
            time.sleep(POLL_SECONDS)
        self._seen.check(job_id, asked, answer)

    def wait(self) -> None:
        """Submit a case and wait for its result."""
        asked = self._case()
        job_id = self._submit(asked)
        self._seen.check(job_id, asked, self._result(job_id))

    def prefer(self) -> None:
        """Submit a case and get the result in the same response."""
        self._prefer(self._case())

    def repeat_with_key(self) -> None:
        """Submit a case twice under one key; it must get the same id."""
        asked = self._case()
        key = {"Idempotency-Key": f"{self._chance.getrandbits(64):x}"}
        first, second = self._submit(asked, key), self._submit(asked, key)
        if first != second:
            self._seen.wrong.append(f"{first} and {second} under one key")
        self._seen.check(second, asked, self._result(second))

    def batch(self) -> None:
        """Submit a batch, and get its results in the same response or by their ids."""
        batch = self._chance.choices(CHECKED_CASES, k=self._chance.randint(2, 20))
        prefer = {"Prefer": "wait=30"} if self._chance.random() < 0.5 else {}
        answer = self._ask("POST", "/api/batch", json=[asked.in_batch() for asked in batch], headers=prefer).json()
        job_ids = answer["job_ids"]
        self._seen.acknowledged.update(zip(job_ids, batch, strict=True))
        data = answer["data"] if "data" in answer else self._results(job_ids)
        for job_id, asked in zip(job_ids, batch, strict=True):
            self._seen.check(job_id, asked, data[job_id])

    def wide(self) -> None:
        """Get a large result, and remember its job."""
        asked = wide_estimate(self._chance)
        self._wide.append((self._prefer(asked), asked))

    def many_wide(self) -> None:
        """Get the last large results in one response."""
        if self._wide:
            data = self._results([job_id for job_id, _ in self._wide])
            for job_id, asked in self._wide:
                self._seen.check(job_id, asked, data[job_id])

    def picture(self) -> None:
        """Get a chart as a picture."""
        job_id = self._prefer(self._case())
        name, start = self._chance.choice([("svg", b"<svg"), ("png", b"\x89PNG")])
        theme = self._chance.choice(["light", "dark"])
        picture = self._ask("GET", f"/api/get_results/{job_id}?format={name}&theme={theme}").content
        if not picture.startswith(start):
            self._seen.wrong.append(f"{job_id} is drawn as {picture[:50]!r}")

    def delete(self) -> None:
        """Delete a finished job, whose result must then be gone."""
        job_id = self._prefer(self._case())
        answer = self._ask("DELETE", f"/api/jobs/{job_id}", headers=OPERATOR).json()
        if answer["data"] != {job_id: "removed"}:
            self._seen.wrong.append(f"{job_id} deleted: {answer}")
        self._seen.deleted.add(job_id)
        self._ask("GET", f"/api/get_results/{job_id}", expected=GONE)

    def look_around(self) -> None:
        """Get a page or a list."""
        self._ask("GET", self._chance.choice([*PAGES, *LISTS]))

    # What hostile clients do

    def hostile(self) -> None:
        """Send a hostile request, which must be refused."""
        name, status = self._hostile.attack()
        self._seen.count("hostile", status)
        if status is not None and not 400 <= status < 500:
            self._seen.wrong.append(f"{name} got {status}")

    def hold(self) -> None:
        """Leave a connection open in the middle of a request."""
        self._hostile.hold()

    # The parts of these

    def _case(self) -> Asked:
        return self._chance.choice(CHECKED_CASES)

    def _submit(self, asked: Asked, headers: Mapping[str, str] | None = None) -> str:
        job_id = str(self._ask("POST", f"/api/{asked.statistic}", json=asked.body, headers=headers).json()["job_id"])
        self._seen.acknowledged[job_id] = asked
        return job_id

    def _prefer(self, asked: Asked) -> str:
        """Submit a request, check the result in the response, and return the job's id."""
        headers = {"Prefer": "wait=30"}
        answer = self._ask("POST", f"/api/{asked.statistic}", json=asked.body, headers=headers).json()
        job_id = str(answer["job_id"])
        self._seen.acknowledged[job_id] = asked
        self._seen.check(job_id, asked, answer if "status" in answer else self._result(job_id))
        return job_id

    def _result(self, job_id: str) -> Mapping[str, Any]:
        """Return the result document of a job; wait as often as a busy machine needs."""
        answer: Mapping[str, Any] = RUNNING
        while answer == RUNNING:
            answer = self._ask("GET", f"/api/get_results/{job_id}?wait=30").json()
        return answer

    def _results(self, job_ids: Sequence[str]) -> Mapping[str, Any]:
        """Return the result documents of jobs by id, in one response."""
        data: Mapping[str, Any] = {}
        while not data or RUNNING in data.values():
            data = self._ask("GET", f"/api/get_results?wait=30&ids={','.join(job_ids)}").json()["data"]
        return data

    def _ask(self, method: str, path: str, *, expected: int = 200, **options: Any) -> requests.Response:
        """Send a request and return the response.

        Raises
        ------
        RefusedError: the server is not available now, and says when to retry
        ValueError: the status is not the expected one
        """
        response = self._session.request(method, self._address + path, timeout=TIMEOUT_SECONDS, **options)
        self._seen.count(self._action, response.status_code)
        if response.status_code == 503 and int(response.headers["Retry-After"]) > 0:
            self._seen.refuse(json.loads(response.content)["reason"])
            raise RefusedError
        if response.status_code != expected:
            raise ValueError(f"{method} {path[:80]} got {response.status_code}: {response.text[:200]}")
        return response


@contextmanager
def mixed_load(address: str, pause_seconds: float) -> Iterator[Seen]:
    """Keep clients of several addresses, and one with a token, at work until the block ends.

    Parameters
    ----------
    pause_seconds: mean pause of a client between two actions
    """
    seen = Seen()
    clients = [MixedClient(address, identity, seen, number) for number, identity in enumerate(IDENTITIES)]
    threads = [threading.Thread(target=client.work, args=(pause_seconds,)) for client in clients]
    with ExitStack() as stack:
        for client in clients:
            stack.callback(client.close)
        with running(threads, seen.stop):
            yield seen


def reload_table(address: str, seen: Seen) -> None:
    """Start a reload of the table, as its operator."""
    seen.count("reload", requests.post(f"{address}/api/dataset/reload", headers=OPERATOR, timeout=30).status_code)


def final_problems(address: str, seen: Seen, kept: int) -> list[str]:
    """Ask for every acknowledged job again; return a line for each that is lost or wrong.

    Only deleted jobs, which have to be gone, and those before the last ``kept`` may have been removed.
    """
    numbered = iter(sorted(seen.acknowledged, key=lambda job_id: int(job_id.rpartition("_")[2])))
    older = set(islice(numbered, max(0, len(seen.acknowledged) - kept)))
    problems = []
    job_ids = iter(seen.acknowledged)
    while some := list(islice(job_ids, IDS_AT_ONCE)):
        url = f"{address}/api/get_results?wait=30&ids={','.join(some)}"
        for job_id, answer in requests.get(url, headers=OPERATOR, timeout=TIMEOUT_SECONDS).json()["data"].items():
            removed = answer == REMOVED
            if removed is not (job_id in seen.deleted) and not (removed and job_id in older):
                problems.append(f"{job_id} is {'lost' if removed else 'deleted and back'}")
            elif not removed and (problem := seen.acknowledged[job_id].problem(answer)):
                problems.append(f"{job_id}: {problem}")
    return problems
