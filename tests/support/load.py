"""Clients that keep a server busy with cases of known results, and record every acknowledged job."""

import os
import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from checker import difference, find_cases
from support.real_server import PROJECT_ROOT

SUBMIT_SECONDS = 30.0
WAIT_SECONDS = 30
QUICK_STATISTICS = frozenset({"global_mean", "state_mean", "best5", "states_mean", "state_mean_by_category"})
RANKINGS = frozenset({"states_mean", "best5", "worst5", "diff_from_mean"})


@dataclass(frozen=True)
class Case:
    """A request and the data that a plain computation expects."""

    statistic: str
    body: Any
    expected: Any


CASES = [
    Case(case.statistic, case.body(), case.expected())
    for case in find_cases(PROJECT_ROOT / "tests" / "cases")
    if case.statistic in QUICK_STATISTICS
]


def scaled(short: int, long: int) -> int:
    """Return the size of a test: the short one in ``make run_tests``, the long one in ``make soak``."""
    return long if os.environ.get("SOAK") else short


class Load:
    """The clients' observations; many threads write them.

    ``acknowledged`` has the case of each returned job id, ``statuses`` counts the responses to submissions by status,
    ``broken`` counts broken connections.
    """

    def __init__(self) -> None:
        self.acknowledged: dict[str, Case] = {}
        self.statuses: Counter[int] = Counter()
        self.broken = 0
        self.wrong: list[str] = []
        self.stop = threading.Event()


@contextmanager
def load(address: str, *, clients: int = 4, seed: int = 1, read_back: bool = False) -> Iterator[Load]:
    """Keep clients submitting until the block ends; a client ends early when its connection breaks.

    Parameters
    ----------
    read_back: wait for each job and check its result before submitting the next
    """
    seen = Load()
    threads = [
        threading.Thread(target=_submit, args=(address, seen, random.Random(seed + number), read_back))
        for number in range(clients)
    ]
    with running(threads, seen.stop):
        yield seen


@contextmanager
def running(threads: Sequence[threading.Thread], stop: threading.Event) -> Iterator[None]:
    """Run threads until the block ends; then set the event that stops them, and wait for them."""
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _submit(address: str, seen: Load, choice: random.Random, read_back: bool) -> None:
    with requests.Session() as session:
        session.trust_env = False
        while not seen.stop.is_set():
            case = choice.choice(CASES)
            try:
                job_id = submit(session, address, case, seen)
                if read_back and job_id is not None:
                    _compare(session, address, job_id, case, seen)
            except requests.RequestException:
                seen.broken += 1
                return


def submit(session: requests.Session, address: str, case: Case, seen: Load) -> str | None:
    """Submit a case; record and return its job id, None if the server rejects it."""
    answer = session.post(f"{address}/api/{case.statistic}", json=case.body, timeout=SUBMIT_SECONDS)
    seen.statuses[answer.status_code] += 1
    if answer.status_code != 200:
        return None
    job_id = str(answer.json()["job_id"])
    seen.acknowledged[job_id] = case
    return job_id


def result_of(session: requests.Session, address: str, job_id: str) -> Mapping[str, Any]:
    """Wait for a job and return its result document."""
    url = f"{address}/api/get_results/{job_id}?wait={WAIT_SECONDS}"
    answer: Mapping[str, Any] = session.get(url, timeout=WAIT_SECONDS + SUBMIT_SECONDS).json()
    return answer


def _compare(session: requests.Session, address: str, job_id: str, case: Case, seen: Load) -> None:
    found = compare(result_of(session, address, job_id), case)
    if found:
        seen.wrong.append(f"{job_id}: {found}")


def compare(answer: Mapping[str, Any], case: Case) -> str | None:
    """Return how a result differs from the expected one, None if it does not."""
    if answer.get("status") != "done":
        return f"answered {answer}"
    return difference(case.expected, answer["data"], ranking=case.statistic in RANKINGS)


def check_acknowledged(address: str, acknowledged: Mapping[str, Case]) -> list[str]:
    """Fetch every acknowledged job; return a line for each that is lost, failed or wrong."""
    problems = []
    with requests.Session() as session:
        session.trust_env = False
        for job_id, case in acknowledged.items():
            found = compare(result_of(session, address, job_id), case)
            if found:
                problems.append(f"{job_id}: {found}")
    return problems
