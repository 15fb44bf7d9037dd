"""The pool that the project exists for: threads that take jobs from one queue and run them, written by hand.

How it stays whole:

- Checking that the pool is open, accepting a job, and putting it into the queue is one critical section, so no job is
  accepted and then left behind by a shutdown, and jobs run in the order of their numbers.
- A shutdown puts one stop token per runner into the queue, behind all the work that still waits. Nobody polls.
- A runner waits for work outside the ``try`` that guards the job: whatever a job raises ends that job, not the runner.
"""

import logging
import threading
import time
from queue import SimpleQueue

from app.errors import ServiceError, ShuttingDownError
from app.job_store import Job, JobStatus, JobStore, Work, done_document, error_document

logger = logging.getLogger(__name__)

INTERNAL_ERROR_REASON = "the server failed to compute this; the fault is logged under the job's id"


class ThreadPool:
    """A fixed number of ``TaskRunner`` threads that work through one queue of jobs.

    Parameters
    ----------
    store: keeps the jobs, their states and their answers
    threads: how many runners; they start at once
    """

    def __init__(self, *, store: JobStore, threads: int) -> None:
        self._store = store
        self._queue: SimpleQueue[Job | None] = SimpleQueue()  # None is the stop token
        self._lock = threading.Lock()  # guards _open, and the order of _queue
        self._open = True
        self.runners = tuple(TaskRunner(self, self._queue, number) for number in range(1, threads + 1))
        for runner in self.runners:
            runner.start()

    def add_task(self, name: str, work: Work) -> Job:
        """Accept a job and queue it. Does not block.

        Parameters
        ----------
        name: what is computed, for the log
        work: computes the result, on a runner's thread

        Raises
        ------
        ShuttingDownError: the pool takes no more jobs; nothing was accepted
        """
        with self._lock:
            if not self._open:
                raise ShuttingDownError
            job = self._store.accept(name, work)
            self._queue.put(job)
        logger.info("%s accepted: %s", job.id, name)
        return job

    def update_job_status(self, job: Job, status: JobStatus, document: bytes) -> None:
        """Record how a job has ended, with the document that answers for it. Blocks on the disk."""
        self._store.finish(job, status, document)

    def check_open(self) -> None:
        """Refuse early what ``add_task`` would refuse.

        Raises
        ------
        ShuttingDownError: the pool takes no more jobs
        """
        with self._lock:
            if not self._open:
                raise ShuttingDownError

    def graceful_shutdown(self) -> bool:
        """Take no more jobs from now on; those accepted will finish. Returns at once, True when none is left."""
        with self._lock:
            closing, self._open = self._open, False
            if closing:
                for _ in self.runners:
                    self._queue.put(None)
        unfinished = self._store.unfinished()
        if closing:
            logger.info("shutdown: no more jobs are taken, %d left", unfinished)
        return unfinished == 0

    def drain(self, seconds: float) -> bool:
        """Shut down and block until every runner has ended, at most so many seconds. Returns whether none is left."""
        self.graceful_shutdown()
        deadline = time.monotonic() + seconds
        for runner in self.runners:
            runner.join(max(0.0, deadline - time.monotonic()))
        unfinished = self._store.unfinished()
        logger.log(logging.WARNING if unfinished else logging.INFO, "shutdown: drained, %d jobs left", unfinished)
        return unfinished == 0


class TaskRunner(threading.Thread):
    """A thread that runs one job after another until it takes a stop token."""

    def __init__(self, pool: ThreadPool, queue: SimpleQueue[Job | None], number: int) -> None:
        # A daemon, so that a process which has been told to end at once is not held up: the drain is what waits.
        super().__init__(name=f"TaskRunner-{number}", daemon=True)
        self._pool = pool
        self._queue = queue

    def run(self) -> None:
        """Work through the queue."""
        while (job := self._queue.get()) is not None:
            self._run_job(job)

    def _run_job(self, job: Job) -> None:
        started = time.perf_counter()
        logger.info("%s started", job.id)
        status, document = _outcome(job)
        self._pool.update_job_status(job, status, document)
        logger.info("%s ended: %s in %.1f ms", job.id, status, (time.perf_counter() - started) * 1000)


def _outcome(job: Job) -> tuple[JobStatus, bytes]:
    """Compute a job and return how it ended, whatever it raises."""
    try:
        return JobStatus.DONE, done_document(job.work())
    except ServiceError as error:
        logger.warning("%s failed: %s", job.id, error.reason)
        return JobStatus.ERROR, error_document(error.reason)
    except BaseException:  # the runner outlives whatever a job raises, SystemExit too
        logger.exception("%s failed", job.id)
        return JobStatus.ERROR, error_document(INTERNAL_ERROR_REASON)
