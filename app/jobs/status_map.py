"""The locked status map: every job, its state, and the threads that wait for it. Touches no file and logs nothing."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from app.errors import GoneError, JobBusyError, UnknownJobError
from app.jobs.job import Job, JobOutcome, JobStatus, Work, parse_job_id
from app.jobs.job_details import JobDetails, JobState, details_of
from app.jobs.retention import JobClock

RUNNING, DONE, ERROR = JobStatus.RUNNING, JobStatus.DONE, JobStatus.ERROR
REMOVED = "removed"  # reported as the state of a job that is not kept any more
DETAILS_PER_LOCK = 500  # job details copied in one critical section


@dataclass
class Recovered:
    """What is left of an earlier run.

    Parameters
    ----------
    jobs: jobs by number
    last_number: the highest number ever given
    removed: numbers of removed jobs whose files still exist
    """

    jobs: dict[int, Job] = field(default_factory=dict)
    last_number: int = 0
    removed: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class JobPage:
    """Details of some jobs, and whether older ones exist."""

    jobs: list[JobDetails]
    more: bool


class StatusMap:
    """Jobs by number with their states. A state only moves forward: running, then done or error.

    Safe to use from many threads. Hot paths make no calls while they hold the lock: CPython switches threads at calls
    and loops, so no thread finds the lock held by one that is not running.

    Parameters
    ----------
    recovered: jobs of an earlier run
    """

    def __init__(self, recovered: Recovered) -> None:
        # Guards every field below and every field of a Job that changes (app.jobs.job names them).
        self._lock = threading.Lock()
        self._jobs = recovered.jobs
        self._last_number = recovered.last_number
        self.clock = JobClock(max((job.last_time() for job in self._jobs.values()), default=0.0))
        ended = sorted((job for job in self._jobs.values() if job.status is not RUNNING), key=lambda job: job.ended_at)
        self._ended = OrderedDict((job.number, job) for job in ended)  # in the order in which they ended
        self._ended_bytes = sum(job.size for job in ended)  # of their documents, each counted by itself
        # A waiter is a lock, held until its job ends. An Event would do the same with three locks.
        self._waiters: dict[int, list[threading.Lock]] = {}
        self._changed: Callable[[Job, str], None] = _ignore_change

    def on_change(self, changed: Callable[[Job, str], None]) -> None:
        """Call a function after each change of a job's state, outside the lock, on the thread that changes it.

        It gets the job and its new state, or ``REMOVED``. The retention rule removes jobs without a call. Set it before
        the first job is accepted.
        """
        self._changed = changed

    # A job's life

    def publish(self, job: Job) -> None:
        """Make a recorded job known. Called in the order of the numbers."""
        with self._lock:
            self._jobs[job.number] = job
            self._last_number = job.number
        self._changed(job, JobState.WAITING)

    def claim(self, job: Job) -> bool:
        """Mark a job as taken, by a runner or by who cancels it; return False if it was taken, or has ended, before."""
        now = self.clock.now()
        with self._lock:
            if job.started_at or job.status is not RUNNING:
                return False
            job.started_at = now
        self._changed(job, JobState.RUNNING)
        return True

    def end(self, job: Job, reason: str | None, checksum: int | None, size: int = 0) -> bool:
        """Mark a job as ended and wake the threads that wait for it; return False if it had ended before.

        Parameters
        ----------
        reason: why the job failed, None if it is done
        checksum: CRC-32 of its document
        size: length of its document in bytes
        """
        now, monotonic, waiters = self.clock.now(), time.monotonic(), None
        with self._lock:
            if job.status is not RUNNING:
                return False  # the first end counts
            job.status = DONE if reason is None else ERROR
            job.reason = reason
            job.checksum = checksum
            job.size = size
            job.ended_at = now if now > job.accepted_at else job.accepted_at  # the clock may have been set back
            job.ended_monotonic = monotonic
            job.work = None  # it may keep a table alive that has been reloaded since
            self._ended[job.number] = job
            self._ended_bytes += size
            if self._waiters and job.number in self._waiters:
                waiters = self._waiters[job.number]
                del self._waiters[job.number]
        if waiters is not None:
            for waiter in waiters:
                waiter.release()
        self._changed(job, JobState.DONE if reason is None else JobState.ERROR)
        return True

    def cancel(self, job: Job, reason: str) -> bool:
        """End a waiting job as failed; return False if it has ended already.

        Raises
        ------
        JobBusyError: a runner has taken it
        """
        # Claiming it keeps every runner from taking it; of two who claim a job only one succeeds.
        if self.claim(job):
            return self.end(job, reason, None)
        if self.status(job) is RUNNING:
            raise JobBusyError(job.id)
        return False

    def set_document(self, job: Job, checksum: int, size: int) -> None:
        """Record the checksum and length of a document that was computed again."""
        with self._lock:
            if job.number in self._ended:
                self._ended_bytes += size - job.size
            job.checksum = checksum
            job.size = size

    def forget(self, job: Job) -> bool:
        """Remove an ended job; return False if it was removed before."""
        with self._lock:
            if self._ended.pop(job.number, None) is not None:
                self._ended_bytes -= job.size
            removed = self._jobs.pop(job.number, None) is not None
        if removed:
            self._changed(job, REMOVED)
        return removed

    def expire_surplus(self, most: int, most_bytes: int) -> list[Job]:
        """Remove the ended jobs beyond a number or beyond so many bytes of results; return them.

        The earliest ended go first; the last one stays, however long its result is.
        """
        expired = []
        with self._lock:
            while len(self._ended) > most or (self._ended_bytes > most_bytes and len(self._ended) > 1):
                number, job = self._ended.popitem(last=False)
                self._ended_bytes -= job.size
                del self._jobs[number]
                expired.append(job)
        return expired

    def expire_old(self, seconds: float) -> list[Job]:
        """Remove the jobs that ended longer ago than ``seconds``, the earliest ended first, and return them."""
        now, monotonic = self.clock.now(), time.monotonic()
        expired = []
        with self._lock:
            while self._ended:
                number, job = next(iter(self._ended.items()))
                age = monotonic - job.ended_monotonic if job.ended_monotonic else now - job.ended_at
                if age <= seconds:
                    break
                del self._ended[number], self._jobs[number]
                self._ended_bytes -= job.size
                expired.append(job)
        return expired

    # One job

    def find(self, job_id: str) -> Job:
        """Return a job by its id.

        Raises
        ------
        UnknownJobError: the text is not an id, or no such job was accepted
        GoneError: the job has been removed
        """
        number = parse_job_id(job_id)
        with self._lock:
            job = self._jobs.get(number)
            last_number = self._last_number
        if job is None:
            raise GoneError if number <= last_number else UnknownJobError
        return job

    def status(self, job: Job) -> JobStatus:
        """Return a job's status."""
        with self._lock:
            return job.status

    def outcome(self, job: Job) -> JobOutcome:
        """Return a job's status with the reason and checksum that belong to it."""
        with self._lock:
            status, reason, checksum, ended_at, size = job.status, job.reason, job.checksum, job.ended_at, job.size
        return JobOutcome(status, reason, checksum, ended_at, size)

    def keeps(self, job: Job) -> bool:
        """Return whether a job is kept: it has not been removed."""
        with self._lock:
            return self._jobs.get(job.number) is job

    def work(self, job: Job) -> Work | None:
        """Return the function that computes a job; None for an ended job or one of an earlier run."""
        with self._lock:
            return job.work

    def wait(self, job: Job, seconds: float) -> JobStatus:
        """Block until a job has ended, for at most ``seconds``; return its status then."""
        with self._lock:
            if job.status is not RUNNING or seconds <= 0:
                return job.status
            waiter = threading.Lock()
            waiter.acquire()
            self._waiters.setdefault(job.number, []).append(waiter)
        if not waiter.acquire(timeout=seconds):
            self._remove_waiter(job, waiter)
        return self.status(job)

    def _remove_waiter(self, job: Job, waiter: threading.Lock) -> None:
        with self._lock:
            waiters = self._waiters.get(job.number, [])
            if waiter in waiters:
                waiters.remove(waiter)
                if not waiters:
                    del self._waiters[job.number]

    # All jobs

    def statuses(self, after: int = 0, limit: int | None = None) -> list[tuple[str, JobStatus]]:
        """Return id and status of at most ``limit`` jobs with numbers above ``after``, in the order of acceptance."""
        with self._lock:
            jobs = (job for number, job in self._jobs.items() if number > after)
            return [(job.id, job.status) for job in islice(jobs, limit)]

    def snapshot(self) -> tuple[int, list[Job]]:
        """Return the highest number given, and all jobs in the order of acceptance."""
        with self._lock:
            return self._last_number, list(self._jobs.values())

    def tables(self) -> set[str]:
        """Return the ids of the versions of the table that the kept jobs need."""
        _, jobs = self.snapshot()
        return {job.request.table for job in jobs if job.request is not None}

    def unfinished_jobs(self) -> list[Job]:
        """Return the jobs that have not ended, in the order of acceptance."""
        with self._lock:
            return [job for job in self._jobs.values() if job.status is RUNNING]

    def details(self, jobs: Iterable[Job]) -> list[JobDetails]:
        """Return the details of some jobs, all read in one critical section."""
        with self._lock:
            return [details_of(job) for job in jobs]

    def size(self) -> int:
        """Return the number of jobs that are kept."""
        with self._lock:
            return len(self._jobs)

    def last_number(self) -> int:
        """Return the highest number given."""
        with self._lock:
            return self._last_number

    def unfinished(self) -> int:
        """Return the number of jobs that are accepted and have not ended."""
        with self._lock:
            return len(self._jobs) - len(self._ended)


def job_page(jobs: StatusMap, limit: int, before: int | None = None, state: JobState | None = None) -> JobPage:
    """Return the details of the newest jobs, the last accepted first.

    Parameters
    ----------
    limit: number of jobs at most
    before: only jobs with a number below this one
    state: only jobs in this state
    """
    page = list(islice(_matching(jobs, before, state), limit + 1))
    return JobPage(page[:limit], len(page) > limit)


def _matching(jobs: StatusMap, before: int | None, state: JobState | None) -> Iterator[JobDetails]:
    newest_first = reversed(jobs.snapshot()[1])
    older = (job for job in newest_first if before is None or job.number < before)
    while chunk := list(islice(older, DETAILS_PER_LOCK)):
        yield from (details for details in jobs.details(chunk) if state is None or details.state is state)


def _ignore_change(_job: Job, _state: str) -> None:
    """Ignore a change: nobody wants to know."""
