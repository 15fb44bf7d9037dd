"""Benchmark the pool alone: empty tasks per second, with status tracking, against ThreadPoolExecutor."""

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
from benchmarks.progress import print_now

THREADS = 4
TARGET = 4.0
DRAIN_SECONDS = 120.0
REQUEST = JobRequest("empty", b"{}")


class MemoryStore:
    """An in-memory job store: the real status map without journal and files.

    Only one thread hands in jobs, so that numbers are given in order without a lock.
    """

    def __init__(self) -> None:
        self.map = StatusMap(Recovered())
        self._numbers = itertools.count(1)

    def accept(self, tasks: Sequence[Task], client: str) -> list[Job]:
        """Register jobs under the next numbers."""
        jobs = [Job(next(self._numbers), request, work, client) for request, work in tasks]
        for job in jobs:
            self.map.publish(job)
        return jobs

    def work(self, job: Job) -> Work:
        """Return the function that computes a job."""
        return job.work or _empty

    def finish(self, job: Job, document: Document, reason: str | None) -> JobStatus:
        """Record that a job has finished."""
        self.map.end(job, reason, document.checksum)
        return DONE if reason is None else ERROR


class NobodyObserves:
    """An observer that records nothing, as the executor has no metrics either."""

    def accepted(self, job: Job) -> None:
        """Do nothing."""

    def ended(self, job: Job, status: JobStatus, seconds: float) -> None:
        """Do nothing."""

    def runner_replaced(self) -> None:
        """Do nothing."""


def compare_pool(*, rounds: int, tasks: int) -> list[Comparison]:
    """Measure our pool and the executor in turns, with new threads each time."""
    rates: dict[Callable[[int], float], list[float]] = {_our_rate: [], _executor_rate: []}
    for _ in range(rounds):
        for measure, measured in rates.items():
            gc.collect()  # a turn must not pay for the garbage of the one before
            measured.append(measure(tasks))
    ours, rival = (median(measured) for measured in rates.values())
    print_now(f"pool: {ours:,.0f} tasks/s, ThreadPoolExecutor {rival:,.0f} tasks/s")
    what = f"pool of {THREADS} threads, empty tasks, ThreadPoolExecutor"
    return [rate_over(what, ours, rival, "tasks/s", TARGET)]


EMPTY = done_document({})


def _empty() -> Document:
    return EMPTY


def _our_rate(tasks: int) -> float:
    """Return how many tasks per second our pool finishes, including their submission."""
    store = MemoryStore()
    pool = ThreadPool(
        store=cast("JobStore", store),  # it has every method that the pool calls
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
    """Return how many tasks per second the executor finishes, with each status in a dict under a lock."""
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
