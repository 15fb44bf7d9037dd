"""The thread pool: a queue of jobs and a fixed number of threads that run them, written by hand.

The file follows a job through its life: ``ThreadPool.add_tasks`` accepts it, ``TaskRunner.run`` takes it from the
queue, computes it and ends it, ``ThreadPool.replace_runner`` stands in when a runner dies, and
``ThreadPool.graceful_shutdown`` and ``drain`` end the pool. ``app.fair_queue`` is the queue: how much room it has,
whose job is next, and when the runners may end. ``app.jobs`` keeps the jobs and never sees the queue.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from app.errors import ClientQueueFullError, QueueFullError, ServiceError, ShuttingDownError
from app.fair_queue import STOP, FairQueue, NoPlaceError
from app.jobs.job import Document, Job, JobRequest, JobStatus, Work, error_document
from app.jobs.job_store import CANCELLED, JobStore, Task

logger = logging.getLogger(__name__)

INTERNAL_ERROR_REASON = "the server failed to compute this; the fault is logged under the job's id"
RUNNER_DIED_REASON = "the thread that computed this died; submit the request again"
FINISHES_REMEMBERED = 256  # enough for a steady rate, few enough to follow a change of load
LONGEST_RETRY_SECONDS = 60


class PoolObserver(Protocol):
    """Counts and logs what happens in the pool. Called on the thread on which it happens, with no lock held."""

    def accepted(self, job: Job) -> None:
        """Record that a job was accepted."""

    def ended(self, job: Job, status: JobStatus, seconds: float) -> None:
        """Record that a runner ended a job, ``seconds`` after taking it."""

    def runner_replaced(self) -> None:
        """Record that a runner died and was replaced."""


class ThreadPool:
    """A fixed number of ``TaskRunner`` threads that run the jobs of one queue, which serves clients in turn.

    Safe to use from many threads. No thread polls or sleeps: runners block on the queue, and one stop token for each
    runner ends them.

    Parameters
    ----------
    store: records jobs, their states and their results
    threads: number of runners; they start at once
    queue_size: number of jobs that may wait for a runner
    observer: counts and logs what happens
    client_share: share of the queue that the jobs of one client may occupy, above 0 and up to 1
    """

    def __init__(
        self, *, store: JobStore, threads: int, queue_size: int, observer: PoolObserver, client_share: float = 1.0
    ) -> None:
        self._store = store
        self._observer = observer
        client_size = max(1, int(queue_size * client_share))
        self._queue = FairQueue(size=queue_size, client_size=client_size, runners=threads)
        self._lock = threading.Lock()  # guards _runners
        # Monotonic times of the last ends. Needs no lock: appending to a deque and reading its first item are atomic.
        self._finishes: deque[float] = deque(maxlen=FINISHES_REMEMBERED)
        self._runners = [TaskRunner(self, store, self._queue, number) for number in range(1, threads + 1)]
        for runner in self._runners:
            runner.start()

    # Accepting jobs

    def add_task(self, request: JobRequest, work: Work | None, client: str = "") -> Job:
        """Accept one job, as ``add_tasks`` does.

        Parameters
        ----------
        request: what the client asked for, as the journal records it
        work: computes the result; called on a runner's thread, and None if it is prepared there from the request
        client: who submits it; clients are served in turn
        """
        return self.add_tasks([(request, work)], client)[0]

    def add_tasks(self, tasks: Sequence[Task], client: str = "") -> list[Job]:
        """Accept several jobs of a client, or none of them. Blocks until they are recorded on disk.

        Returns the jobs in the order of the tasks, with consecutive numbers.

        Raises
        ------
        ShuttingDownError, QueueFullError, ClientQueueFullError, NotRecordedError: nothing was accepted
        """
        if not tasks:
            return []
        # 1. Take places in the queue, which also checks that it is open. A shutdown that comes later sees the places
        #    and keeps the runners until these jobs have left the queue.
        try:
            self._queue.reserve(len(tasks), client)
        except NoPlaceError as full:
            raise self._refusal(full) from None
        try:
            # 2. Record the jobs. No lock is held during the write, and no id leaves this method before it succeeded, so
            #    a crash never loses a job that a client knows of.
            jobs = self._store.accept(tasks, client)
        except BaseException:
            self._queue.give_back(len(tasks), client)  # may be what a shutdown waits for
            raise
        # 3. Queue them. From here on a runner may have ended a job before this method returns.
        for job in jobs:
            self._queue.put(job)
            self._observer.accepted(job)
        return jobs

    def resume(self) -> int:
        """Queue the jobs that an earlier run accepted and did not finish; return their number. Called once, first.

        The queue's limits do not apply: these jobs are accepted already. The journal does not say whose they are; they
        count as those of one client.
        """
        jobs = self._store.map.unfinished_jobs()
        if jobs:
            self._queue.reserve(len(jobs), "", limited=False)
        for job in jobs:
            self._queue.put(job)
        if jobs:
            logger.info("resumed %d jobs of an earlier run", len(jobs))
        return len(jobs)

    def cancel(self, job_id: str) -> str:
        """Cancel a waiting job, or remove one that has ended, with its file. Return which of the two.

        Raises
        ------
        UnknownJobError, GoneError: there is no such job
        JobBusyError: a runner is computing it
        NotRecordedError: the disk does not take it; after a crash the job may come back
        """
        job = self._store.map.find(job_id)
        outcome = self._store.cancel(job_id)
        if outcome == CANCELLED:
            self._queue.remove(job)
            self._store.record()
        return outcome

    def check_open(self) -> None:
        """Refuse early what ``add_tasks`` would refuse later.

        Raises
        ------
        ShuttingDownError: the pool is shutting down
        """
        if not self.is_open():
            raise ShuttingDownError

    def is_open(self) -> bool:
        """Return whether the pool accepts jobs."""
        return self._queue.is_open()

    def waiting(self) -> int:
        """Return the number of jobs that wait for a runner, those being recorded included."""
        return self._queue.places()

    def runners(self) -> list["TaskRunner"]:
        """Return the current runners."""
        with self._lock:
            return list(self._runners)

    def runners_alive(self) -> int:
        """Return the number of runners that are alive."""
        return sum(runner.is_alive() for runner in self.runners())

    # Ending the pool

    def graceful_shutdown(self) -> bool:
        """Accept no more jobs; those accepted will finish. Returns at once: True when no job is left.

        May be called again, which only answers whether jobs are left.
        """
        closing, waiting = self._queue.close()  # stop tokens follow the last job
        unfinished = self._store.map.unfinished()
        if closing:
            logger.info("shutdown: no more jobs are accepted, %d left", unfinished)
        return waiting == 0 and unfinished == 0

    def drain(self, seconds: float) -> bool:
        """Shut down and block until every runner has ended, for at most ``seconds``. Return whether no job is left.

        May be called again after it gave up.
        """
        self.graceful_shutdown()
        deadline = time.monotonic() + seconds
        for runner in self.runners():
            runner.join(max(0.0, deadline - time.monotonic()))
        unfinished = self._store.map.unfinished()
        logger.log(logging.WARNING if unfinished else logging.INFO, "shutdown: drained, %d jobs left", unfinished)
        return unfinished == 0

    def _refusal(self, full: NoPlaceError) -> ServiceError:
        """Return the error for a client that found no place, with the time after which to try again."""
        seconds = self._seconds_until_finished(full.waiting)
        return (ClientQueueFullError if full.of_client else QueueFullError)(full.waiting, seconds)

    def _seconds_until_finished(self, jobs: int) -> int:
        """Estimate, from the last ends, in how many whole seconds so many jobs will have finished: 1 to 60."""
        finished = len(self._finishes)
        if not finished:
            return LONGEST_RETRY_SECONDS
        seconds = jobs * (time.monotonic() - self._finishes[0]) / finished
        return math.ceil(min(max(seconds, 1), LONGEST_RETRY_SECONDS))

    # Called by the runners

    def job_ended(self, job: Job, status: JobStatus, started: float) -> None:
        """Count a job that a runner has ended; ``started`` is the monotonic time at which the runner took it."""
        now = time.monotonic()
        self._finishes.append(now)
        if self._queue.contended:
            self._queue.measured(job.statistic, now - started)
        self._observer.ended(job, status, now - started)

    def replace_runner(self, dead: "TaskRunner", held: Job | None) -> bool:
        """Start a new runner instead of a dying one and end the job that it held. Called by the dying thread.

        Returns False if the system gives no thread; then the caller must continue as the runner.
        """
        # The dead runner took no stop token, so the tokens of a shutdown still match the runners.
        replacement = TaskRunner(self, self._store, self._queue, dead.number)
        self._set_runner(replacement)  # before it starts: it may die, and be replaced, at once
        try:
            replacement.start()  # before the job ends, which waits for the disk; the queue should not
        except RuntimeError:  # the system allows no more threads
            logger.exception("%s cannot be replaced and continues", dead.name)
            replacement = dead
            self._set_runner(dead)
        try:
            self._observer.runner_replaced()  # before the job ends, so that whoever sees the end sees the count
        finally:
            if held is not None:
                self._end_held_job(held)
        return replacement is not dead

    def _set_runner(self, runner: "TaskRunner") -> None:
        with self._lock:
            self._runners[runner.number - 1] = runner

    def _end_held_job(self, job: Job) -> None:
        """End the job of a dead runner as an error, unless it had ended before the runner died."""
        self._store.map.claim(job)  # the runner may have died before it did
        if self._store.map.status(job) is JobStatus.RUNNING:
            self._store.finish(job, error_document(RUNNER_DIED_REASON), RUNNER_DIED_REASON)


class TaskRunner(threading.Thread):
    """A thread that runs jobs from the queue, one after another, until it takes a stop token."""

    def __init__(self, pool: ThreadPool, store: JobStore, queue: FairQueue, number: int) -> None:
        # A daemon: a process that has to end at once is not held up. Waiting for the runners is the drain's task.
        super().__init__(name=f"TaskRunner-{number}", daemon=True)
        self.number = number
        self._pool = pool
        self._store = store
        self._map = store.map
        self._queue = queue

    def run(self) -> None:
        """Run jobs until the stop token comes."""
        runs = True
        while runs:
            job: Job | None = None
            try:
                # Taking a job stands outside the try block that guards its work: what a job raises ends that job, and
                # only a fault of the runner itself gets here.
                while (job := self._queue.get()) is not STOP:
                    self._run_job(job)
                runs = False
            except BaseException:
                logger.exception("%s died; a new runner takes its place", self.name)
                runs = not self._pool.replace_runner(self, job)

    def _run_job(self, job: Job) -> None:
        """Compute a job, write its result, and mark it as ended."""
        if not self._map.claim(job):
            return  # cancelled at the moment at which it was queued
        started = time.monotonic()
        try:
            document, reason = self._store.work(job)(), None
        except BaseException as error:  # noqa: BLE001 - a runner outlives whatever a job raises
            document, reason = _failure(job, error)
        # Writes the file before it changes the status, so nobody sees a job done whose result is not whole.
        status = self._store.finish(job, document, reason)
        self._pool.job_ended(job, status, started)


def _failure(job: Job, error: BaseException) -> tuple[Document, str]:
    """Log why a job failed; return its error document and the reason that clients read."""
    if isinstance(error, ServiceError):
        logger.warning("%s failed: %s", job.id, error.reason)
        return error_document(error.reason), error.reason
    logger.error("%s failed", job.id, exc_info=error)
    return error_document(INTERNAL_ERROR_REASON), INTERNAL_ERROR_REASON
