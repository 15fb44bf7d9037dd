"""The thread pool: one queue of jobs and a fixed number of threads that run them, written by hand.

The file follows a job through its life: ``ThreadPool.add_tasks`` accepts it, ``TaskRunner.run`` takes it from the
queue, computes it and ends it, ``ThreadPool.replace_runner`` stands in when a runner dies, and
``ThreadPool.graceful_shutdown`` and ``drain`` end the pool. Everything about the queue is in here; ``app.jobs`` keeps
the jobs and never sees the queue.

The pool counts its *places*. A job occupies a place from before it is recorded until a runner takes it, so the number
of occupied places answers both "is there room?" and "can a job still reach the queue?".
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
from app.jobs.job_store import CANCELLED, JobStore, Task

logger = logging.getLogger(__name__)

STOP = None  # the stop token: a runner that takes it from the queue ends
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
    """A fixed number of ``TaskRunner`` threads that run the jobs of one queue, first in, first out.

    Safe to use from many threads. No thread polls or sleeps: runners block on the queue, and one stop token for each
    runner ends them.

    Parameters
    ----------
    store: records jobs, their states and their results
    threads: number of runners; they start at once
    queue_size: number of jobs that may wait for a runner
    observer: counts and logs what happens
    """

    def __init__(self, *, store: JobStore, threads: int, queue_size: int, observer: PoolObserver) -> None:
        self._store = store
        self._queue_size = queue_size
        self._observer = observer
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        # Guards _open, _places and _runners. Nothing is computed, logged or written while it is held, and hot paths
        # make no calls under it: CPython switches threads at calls, so the lock is never held by a thread that does not
        # run.
        self._lock = threading.Lock()
        self._open = True
        self._places = 0  # jobs that wait for a runner or are on their way into the queue
        # Monotonic times of the last ends. Needs no lock: appending to a deque and reading its first item are atomic.
        self._finishes: deque[float] = deque(maxlen=FINISHES_REMEMBERED)
        self._runners = [TaskRunner(self, store, self._queue, number) for number in range(1, threads + 1)]
        for runner in self._runners:
            runner.start()

    # Accepting jobs

    def add_task(self, request: JobRequest, work: Work) -> Job:
        """Accept one job, as ``add_tasks`` does.

        Parameters
        ----------
        request: what the client asked for, as the journal records it
        work: computes the result; called on a runner's thread
        """
        return self.add_tasks([(request, work)])[0]

    def add_tasks(self, tasks: Sequence[Task]) -> list[Job]:
        """Accept several jobs, or none of them. Blocks until they are recorded on disk.

        Returns the jobs in the order of the tasks, with consecutive numbers.

        Raises
        ------
        ShuttingDownError, QueueFullError, NotRecordedError: nothing was accepted
        """
        # 1. Take the places. Checking that the pool is open and taking them is one critical section: a shutdown that
        #    comes later sees the places and keeps the runners until these jobs have been taken from the queue.
        self._take_places(len(tasks))
        try:
            # 2. Record the jobs. No lock is held during the write, and no id leaves this method before it succeeded, so
            #    a crash never loses a job that a client knows of.
            jobs = self._store.accept(tasks)
        except BaseException:
            self.release_places(len(tasks))  # may be what a shutdown waits for
            raise
        # 3. Queue them. From here on a runner may have ended a job before this method returns.
        for job in jobs:
            self._queue.put(job)
            self._observer.accepted(job)
        return jobs

    def resume(self) -> int:
        """Queue the jobs that an earlier run accepted and did not finish; return their number. Called once, first.

        The queue's limit does not apply: these jobs are accepted already.
        """
        jobs = self._store.map.unfinished_jobs()
        with self._lock:
            self._places += len(jobs)
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
        outcome = self._store.cancel(job_id)
        if outcome == CANCELLED:
            # The job itself stays in the queue. The runner that takes it finds it ended and drops it.
            self.release_places(1)
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
        with self._lock:
            return self._open

    def waiting(self) -> int:
        """Return the number of jobs that wait for a runner, those being recorded included."""
        with self._lock:
            return self._places

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
        with self._lock:
            closing, self._open = self._open, False
            waiting = self._places
        # The tokens go in behind the last job. While places are occupied, that job may still be on its way into the
        # queue; then the thread that releases the last place puts the tokens in.
        if closing and waiting == 0:
            self._put_stop_tokens()
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

    def _put_stop_tokens(self) -> None:
        """Put one stop token for each runner into the queue. Called exactly once, when no job can follow."""
        for _ in self.runners():
            self._queue.put(STOP)

    # Places in the queue

    def _take_places(self, count: int) -> None:
        """Occupy places for jobs that are about to be recorded.

        Raises
        ------
        ShuttingDownError, QueueFullError: no place was taken
        """
        with self._lock:
            if not self._open:
                raise ShuttingDownError
            waiting = self._places
            if waiting + count <= self._queue_size:
                self._places = waiting + count
                return
        raise QueueFullError(waiting, self._seconds_until_finished(waiting))

    def release_places(self, count: int) -> None:
        """Free places; the last one to be freed after a shutdown began ends the runners."""
        with self._lock:
            self._places -= count
            # Once closed, the count only falls, so it reaches 0 once and the tokens are put once.
            if self._places or self._open:
                return
        self._put_stop_tokens()

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
                self._end_held_job(dead, held)
        return replacement is not dead

    def _set_runner(self, runner: "TaskRunner") -> None:
        with self._lock:
            self._runners[runner.number - 1] = runner

    def _end_held_job(self, dead: "TaskRunner", job: Job) -> None:
        """End the job of a dead runner as an error, unless it had ended before the runner died."""
        claimed_now = self._store.map.claim(job)
        if self._store.map.status(job) is not JobStatus.RUNNING:
            return
        if claimed_now or dead.holds_place:  # it died before the job's place was free
            self.release_places(1)
        self._store.finish(job, error_document(RUNNER_DIED_REASON), RUNNER_DIED_REASON)


class TaskRunner(threading.Thread):
    """A thread that runs jobs from the queue, one after another, until it takes a stop token."""

    def __init__(self, pool: ThreadPool, store: JobStore, queue: SimpleQueue[Job | None], number: int) -> None:
        # A daemon: a process that has to end at once is not held up. Waiting for the runners is the drain's task.
        super().__init__(name=f"TaskRunner-{number}", daemon=True)
        self.number = number
        self.holds_place = False  # whether the place of its job is still occupied
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
            return  # cancelled while it waited; the cancellation released its place
        self.holds_place = True
        self._pool.release_places(1)
        self.holds_place = False
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
