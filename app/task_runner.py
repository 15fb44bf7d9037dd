"""The pool that the project exists for: threads that take jobs from one queue and run them, written by hand.

How it stays whole:

- Checking that the pool is open and counting a submission in is one critical section, and a shutdown puts the stop
  tokens into the queue only after every submission counted in has been queued. So no job is accepted and then left
  behind by a shutdown, although a job is written to disk between the two.
- There is one stop token per runner, behind all the work that still waits. Nobody polls.
- A runner waits for work outside the ``try`` that guards the job: whatever a job raises ends that job, not the runner.
  A runner that dies all the same is replaced, and the job it held ends as an error.
"""

import logging
import threading
import time
from queue import SimpleQueue
from typing import Protocol

from app.errors import QueueFullError, ServiceError, ShuttingDownError
from app.finish_rate import FinishRate
from app.job import Job, JobRequest, JobStatus, Outcome, Work, error_document
from app.job_store import JobStore

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
        self._queue_size = queue_size
        self.observer = observer
        self._rate = FinishRate()
        self._queue: SimpleQueue[Job | None] = SimpleQueue()  # None is the stop token
        self._lock = threading.Lock()  # guards _open, _arriving, _tokens_put and _runners
        self._open = True
        self._arriving = 0  # submissions that have been counted in and are being recorded
        self._tokens_put = False
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
        self._count_in()
        try:
            job = self._store.accept(request, work, self._queue.put)
        finally:
            self._count_out()
        self.observer.accepted(job)
        return job

    def resume(self) -> int:
        """Queue what an earlier run accepted and did not finish; return how many jobs that are."""
        resumed = self._store.resume(self._queue.put)
        if resumed:
            logger.info("resumed %d jobs of an earlier run", resumed)
        return resumed

    def update_job_status(self, job: Job, outcome: Outcome) -> JobStatus:
        """Record how a job has ended. Blocks on the disk."""
        status = self._store.finish(job, outcome)
        self._rate.count()
        return status

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
        with self._lock:
            return self._open

    def graceful_shutdown(self) -> bool:
        """Take no more jobs from now on; those accepted will finish. Returns at once, True when none is left."""
        with self._lock:
            closing, self._open = self._open, False
            self._put_stop_tokens_when_due()
            arriving = self._arriving
        unfinished = self._store.map.unfinished()
        if closing:
            logger.info("shutdown: no more jobs are taken, %d left", unfinished)
        return unfinished == 0 and arriving == 0

    def drain(self, seconds: float) -> bool:
        """Shut down and block until every runner has ended, at most so many seconds. Returns whether none is left."""
        self.graceful_shutdown()
        deadline = time.monotonic() + seconds
        for runner in self.runners():
            runner.join(max(0.0, deadline - time.monotonic()))
        unfinished = self._store.map.unfinished()
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
            self.update_job_status(held, Outcome(error_document(RUNNER_DIED_REASON), RUNNER_DIED_REASON))

    def _count_in(self) -> None:
        with self._lock:
            if not self._open:
                raise ShuttingDownError
            waiting = self._store.map.waiting() + self._arriving
            if waiting < self._queue_size:
                self._arriving += 1
                return
        raise QueueFullError(waiting, self._rate.seconds_for(waiting))

    def _count_out(self) -> None:
        with self._lock:
            self._arriving -= 1
            if not self._open:
                self._put_stop_tokens_when_due()

    def _put_stop_tokens_when_due(self) -> None:
        """Put the stop tokens behind the last job, once. The pool is closed, and the lock is held."""
        if self._arriving == 0 and not self._tokens_put:
            self._tokens_put = True
            for _ in self._runners:
                self._queue.put(None)


class TaskRunner(threading.Thread):
    """A thread that runs one job after another until it takes a stop token."""

    def __init__(self, pool: ThreadPool, store: JobStore, queue: SimpleQueue[Job | None], number: int) -> None:
        # A daemon, so that a process which has been told to end at once is not held up: the drain is what waits.
        super().__init__(name=f"TaskRunner-{number}", daemon=True)
        self.number = number
        self._pool = pool
        self._store = store
        self._queue = queue

    def run(self) -> None:
        """Work through the queue."""
        job = None
        try:
            while (job := self._queue.get()) is not None:
                self._run_job(job)
        except BaseException:
            logger.exception("%s died and is replaced", self.name)
            self._pool.replace(self, job)

    def _run_job(self, job: Job) -> None:
        if not self._store.start(job):
            return
        started = time.perf_counter()
        status = self._pool.update_job_status(job, self._outcome(job))
        seconds = time.perf_counter() - started
        self._pool.observer.ended(job, status, seconds)

    def _outcome(self, job: Job) -> Outcome:
        """Compute a job and return how it ended, whatever it raises."""
        try:
            return Outcome(self._store.work(job)())
        except ServiceError as error:
            logger.warning("%s failed: %s", job.id, error.reason)
            return Outcome(error_document(error.reason), error.reason)
        except BaseException:  # the runner outlives whatever a job raises, SystemExit too
            logger.exception("%s failed", job.id)
            return Outcome(error_document(INTERNAL_ERROR_REASON), INTERNAL_ERROR_REASON)
