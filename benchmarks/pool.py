"""The pool alone: empty tasks a second, their status recorded, against the standard library's executor."""

import gc
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import cast

from app.jobs.job import Document, Job, JobRequest, JobStatus, Work, done_document
from app.jobs.job_store import JobStore, Task
from app.jobs.status_map import DONE, ERROR, Recovered, StatusMap
from app.task_runner import ThreadPool
from benchmarks.comparison import Comparison, VoidRunError, rate_over
from benchmarks.progress import tell

THREADS = 4
TARGET = 4.0
DRAIN_SECONDS = 120.0
REQUEST = JobRequest("empty", b"{}")


class MemoryStore:
    """What the pool asks of a store, with nothing behind it but the status map: no journal, no files.

    Only one thread hands in jobs, so that numbers are given in order without a lock.
    """

    def __init__(self) -> None:
        self.map = StatusMap(Recovered())
        self._numbers = itertools.count(1)

    def accept(self, tasks: Sequence[Task]) -> list[Job]:
        """Give jobs the next numbers and make them known."""
        jobs = [Job(next(self._numbers), request, work) for request, work in tasks]
        for job in jobs:
            self.map.publish(job)
        return jobs

    def work(self, job: Job) -> Work:
        """Return what computes a job."""
        return job.work or _empty

    def finish(self, job: Job, document: Document, reason: str | None) -> JobStatus:
        """Record that a job has ended."""
        self.map.end(job, reason, document.checksum)
        return DONE if reason is None else ERROR


class NobodyObserves:
    """An observer that looks away: the executor counts nothing either."""

    def accepted(self, job: Job) -> None:
        """Do nothing."""

    def ended(self, job: Job, status: JobStatus, seconds: float) -> None:
        """Do nothing."""

    def runner_replaced(self) -> None:
        """Do nothing."""


def compare_pool(*, rounds: int, tasks: int) -> list[Comparison]:
    """Measure ours and the executor in turns, each time with new threads."""
    rates: dict[Callable[[int], float], list[float]] = {_our_rate: [], _executor_rate: []}
    for _ in range(rounds):
        for measure, measured in rates.items():
            gc.collect()  # what the turn before has left is not this one's to collect
            measured.append(measure(tasks))
    ours, rival = (median(measured) for measured in rates.values())
    tell(f"pool: {ours:,.0f} tasks/s, ThreadPoolExecutor {rival:,.0f} tasks/s")
    what = f"pool of {THREADS} threads, empty tasks, ThreadPoolExecutor"
    return [rate_over(what, ours, rival, "tasks/s", TARGET)]


EMPTY = done_document({})


def _empty() -> Document:
    return EMPTY


def _our_rate(tasks: int) -> float:
    """Return how many tasks a second our pool finishes, their submission included."""
    store = MemoryStore()
    pool = ThreadPool(
        store=cast("JobStore", store),  # the pool asks no more of it than what is there
        threads=THREADS,
        queue_size=tasks,
        observer=NobodyObserves(),
    )
    started = time.perf_counter()
    for _ in range(tasks):
        pool.add_task(REQUEST, _empty)
    drained = pool.drain(DRAIN_SECONDS)
    seconds = time.perf_counter() - started
    if not drained or any(status is not JobStatus.DONE for _, status in store.map.statuses()):
        raise VoidRunError("our pool has left tasks behind")
    return tasks / seconds


def _executor_rate(tasks: int) -> float:
    """Return how many tasks a second the executor finishes, with the status of each in a dict under a lock."""
    lock = threading.Lock()
    statuses: dict[int, JobStatus] = {}

    def record(number: int, status: JobStatus) -> None:
        with lock:
            statuses[number] = status

    def task(number: int) -> None:
        _empty()
        record(number, JobStatus.DONE)

    executor = ThreadPoolExecutor(THREADS)
    started = time.perf_counter()
    for number in range(tasks):
        record(number, JobStatus.RUNNING)
        executor.submit(task, number)
    executor.shutdown(wait=True)
    seconds = time.perf_counter() - started
    if set(statuses.values()) != {JobStatus.DONE} or len(statuses) != tasks:
        raise VoidRunError("the executor has left tasks behind")
    return tasks / seconds
