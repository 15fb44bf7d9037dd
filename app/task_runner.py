"""The pool that the project exists for: threads that take jobs from one queue and run them, written by hand.

How it stays whole:

- Checking that the pool is open and reserving a place in the queue is one critical section, in the status map. A place
  is given back when a runner takes the job. A shutdown puts the stop tokens into the queue only once no place is taken
  any more, so no job is accepted and then left behind, although a job is written to disk between the two.
- There is one stop token per runner. Nobody polls.
- A runner waits for work outside the ``try`` that guards the job: whatever a job raises ends that job, not the runner.
  A runner that dies all the same is replaced, and the job it held ends as an error.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Protocol

from app.errors import QueueFullError, ServiceError, ShuttingDownError
from app.jobs.job import Document, Job, JobRequest, JobStatus, Work, error_document
from app.jobs.job_store import JobStore, Task

FINISHES_LOOKED_AT = 256
LONGEST_SECONDS = 60


class FinishRate:
    """The rate at which the last jobs have finished."""

    def __init__(self) -> None:
        # Monotonic seconds. Without a lock: a deque is appended to, and its first item read, in one step each.
        self._finishes: deque[float] = deque(maxlen=FINISHES_LOOKED_AT)
        self.count = self._finishes.append  # counts a job that has finished at a monotonic time

    def seconds_for(self, jobs: int) -> int:
        """Return in how many whole seconds so many jobs will finish, from 1 to 60; 60 while nothing finishes."""
        finished = len(self._finishes)
        span = time.monotonic() - self._finishes[0] if finished else math.inf
        seconds = jobs * span / finished if finished else math.inf
        return math.ceil(min(max(seconds, 1), LONGEST_SECONDS))


logger = logging.getLogger(__name__)

INTERNAL_ERROR_REASON = "the server failed to compute this; the fault is logged under the job's id"
RUNNER_DIED_REASON = "the thread that computed this died; ask again"


class PoolObserver(Protocol):
    """Who is told what happens in the pool, on the thread on which it happens."""

    def accepted(self, job: Job) -> None:
        """Note that a job was accepted."""

    def ended(self, job: Job, status: JobStatus, seconds: float) -> None:
        """Note that a runner has ended a job, so many seconds after it took it."""

    def runner_replaced(self) -> None:
        """Note that a runner has died and was replaced."""


class ThreadPool:
    """A fixed number of ``TaskRunner`` threads that work through one queue of jobs.

    Parameters
    ----------
    store: keeps the jobs, their states and their answers
    threads: how many runners; they start at once
    queue_size: how many jobs may wait
    observer: is told what happens
    """

    def __init__(self, *, store: JobStore, threads: int, queue_size: int, observer: PoolObserver) -> None:
        self._store = store
        self._map = store.map
        self._queue_size = queue_size
        self.observer = observer
        self.rate = FinishRate()
        self._queue: SimpleQueue[Job | None] = SimpleQueue()  # None is the stop token
        self._put = self._queue.put
        self._lock = threading.Lock()  # guards _runners
        self._runners = [TaskRunner(self, store, self._queue, number) for number in range(1, threads + 1)]
        for runner in self._runners:
            runner.start()

    def add_task(self, request: JobRequest, work: Work) -> Job:
        """Accept a job and queue it. Blocks until the job is recorded on disk.

        Parameters
        ----------
        request: what is asked, for the journal and the log
        work: computes the result, on a runner's thread

        Raises
        ------
        ShuttingDownError, QueueFullError, NotRecordedError: nothing was accepted
        """
        if not self._map.reserve(1, self._queue_size):
            raise self._queue_full()
        try:
            job = self._store.accept(request, work, self._put)
        except BaseException:
            self._map.give_back(1)
            raise
        self.observer.accepted(job)
        return job

    def add_tasks(self, tasks: Sequence[Task]) -> list[Job]:
        """Accept several jobs and queue them, or accept none of them. Blocks until they are recorded on disk.

        Returns the jobs in the order of the tasks; their numbers are consecutive.

        Raises
        ------
        ShuttingDownError, QueueFullError, NotRecordedError: nothing was accepted
        """
        if not self._map.reserve(len(tasks), self._queue_size):
            raise self._queue_full()
        try:
            jobs = self._store.accept_all(tasks, self._put)
        except BaseException:
            self._map.give_back(len(tasks))
            raise
        for job in jobs:
            self.observer.accepted(job)
        return jobs

    def resume(self) -> int:
        """Queue what an earlier run accepted and did not finish; return how many jobs that are."""
        resumed = self._store.resume(self._queue.put)
        if resumed:
            logger.info("resumed %d jobs of an earlier run", resumed)
        return resumed

    def update_job_status(self, job: Job, document: Document, reason: str | None = None) -> JobStatus:
        """Record how a job has ended. Blocks on the disk.

        Parameters
        ----------
        document: answers for the job from now on
        reason: why the job failed, None where it is done
        """
        return self._store.finish(job, document, reason)

    def check_open(self) -> None:
        """Refuse early what ``add_task`` would refuse.

        Raises
        ------
        ShuttingDownError: the pool takes no more jobs
        """
        if not self.is_open():
            raise ShuttingDownError

    def is_open(self) -> bool:
        """Tell whether the pool takes jobs."""
        return self._map.is_open()

    def graceful_shutdown(self) -> bool:
        """Take no more jobs from now on; those accepted will finish. Returns at once, True when none is left."""
        if self._map.close(self._put_stop_tokens):
            logger.info("shutdown: no more jobs are taken, %d left", self._map.unfinished())
        return self._map.is_idle()

    def drain(self, seconds: float) -> bool:
        """Shut down and block until every runner has ended, at most so many seconds. Returns whether none is left."""
        self.graceful_shutdown()
        deadline = time.monotonic() + seconds
        for runner in self.runners():
            runner.join(max(0.0, deadline - time.monotonic()))
        unfinished = self._map.unfinished()
        logger.log(logging.WARNING if unfinished else logging.INFO, "shutdown: drained, %d jobs left", unfinished)
        return unfinished == 0

    def runners(self) -> list["TaskRunner"]:
        """Return the runners of now."""
        with self._lock:
            return list(self._runners)

    def replace(self, dead: "TaskRunner", held: Job | None) -> None:
        """Put a new runner in the place of one that dies; the job that it held ends. Called by the dying thread."""
        runner = TaskRunner(self, self._store, self._queue, dead.number)
        with self._lock:
            self._runners[dead.number - 1] = runner
        runner.start()
        self.observer.runner_replaced()
        if held is not None:
            self._map.start(held)  # it may have died before that
            self.update_job_status(held, error_document(RUNNER_DIED_REASON), RUNNER_DIED_REASON)

    def _queue_full(self) -> QueueFullError:
        waiting = self._map.waiting()
        return QueueFullError(waiting, self.rate.seconds_for(waiting))

    def _put_stop_tokens(self) -> None:
        """Put a stop token per runner into the queue, behind the last job. Called once, when the pool is closed."""
        for _ in self.runners():
            self._queue.put(None)


class TaskRunner(threading.Thread):
    """A thread that runs one job after another until it takes a stop token."""

    def __init__(self, pool: ThreadPool, store: JobStore, queue: SimpleQueue[Job | None], number: int) -> None:
        # A daemon, so that a process which has been told to end at once is not held up: the drain is what waits.
        super().__init__(name=f"TaskRunner-{number}", daemon=True)
        self.number = number
        self._pool = pool
        self._store = store
        self._map = store.map
        self._queue = queue

    def run(self) -> None:
        """Work through the queue."""
        job = None
        pool, now = self._pool, time.monotonic
        take, start = self._queue.get, self._map.start  # looked up once, not for every job
        finish, count, ended = pool.update_job_status, pool.rate.count, pool.observer.ended
        try:
            while (job := take()) is not None:
                if not start(job):
                    continue
                started_at = now()
                try:
                    document, reason = (job.work or self._store.work(job))(), None
                except BaseException as error:  # noqa: BLE001 - the runner outlives all that a job raises
                    document, reason = _failure(job, error)
                status = finish(job, document, reason)
                ended_at = now()
                count(ended_at)
                ended(job, status, ended_at - started_at)
        except BaseException:
            logger.exception("%s died and is replaced", self.name)
            pool.replace(self, job)


def _failure(job: Job, error: BaseException) -> tuple[Document, str]:
    """Log why a job failed; return the document that answers for it, and the reason that clients read."""
    if isinstance(error, ServiceError):
        logger.warning("%s failed: %s", job.id, error.reason)
        return error_document(error.reason), error.reason
    logger.error("%s failed", job.id, exc_info=error)
    return error_document(INTERNAL_ERROR_REASON), INTERNAL_ERROR_REASON
