"""The locked status map: which jobs there are and how far they are. Nothing here touches a file, logs, or computes."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from app.errors import GoneError, JobBusyError, ShuttingDownError, UnknownJobError
from app.jobs.job import Job, JobStatus, parse_job_id
from app.jobs.job_details import JobDetails, JobState, details_of


@dataclass
class Recovered:
    """The jobs by number, and the highest number that was ever given."""

    jobs: dict[int, Job] = field(default_factory=dict)
    last_number: int = 0


RUNNING, DONE, ERROR = JobStatus.RUNNING, JobStatus.DONE, JobStatus.ERROR


@dataclass(frozen=True, slots=True)
class Retention:
    """How many jobs that have ended are kept, and how long (seconds)."""

    jobs: int
    seconds: float


class StatusMap:
    """Jobs by number, their states, and who waits for them. A state never goes backwards.

    What every job passes through calls nothing while it holds the lock: a thread of Python gives the interpreter up
    only where it calls or repeats something, so no other finds the lock held by a thread that is not running.

    Parameters
    ----------
    recovered: the jobs of an earlier run
    """

    def __init__(self, recovered: Recovered) -> None:
        # Guards every field below, and what changes of a Job.
        self._lock = threading.Lock()
        self._jobs = recovered.jobs
        self._last_number = recovered.last_number
        ended = sorted((job for job in self._jobs.values() if job.status is not RUNNING), key=lambda job: job.ended_at)
        self._ended = OrderedDict((job.number, job) for job in ended)  # in the order in which they ended
        self._waiting = len(self._jobs) - len(self._ended)  # places in the queue, those that are only reserved too
        self._closed = False
        self._when_none_waits: Callable[[], None] | None = None
        # A waiter is a lock that is held until its job ends: an Event would do the same by way of three of them.
        self._waiters: dict[int, list[threading.Lock]] = {}

    # Accepting

    def reserve(self, places: int, most_waiting: int) -> bool:
        """Reserve places for jobs that are to be recorded; False where more would wait than may.

        Raises
        ------
        ShuttingDownError: no more jobs are accepted
        """
        with self._lock:
            if self._closed:
                raise ShuttingDownError
            if self._waiting + places > most_waiting:
                return False
            self._waiting += places
            return True

    def give_back(self, places: int) -> None:
        """Give back places of jobs that were not accepted."""
        with self._lock:
            self._waiting -= places
        self._tell_when_none_waits()

    def publish(self, job: Job) -> None:
        """Make an accepted job known, for which a place is reserved. To be called in the order of the numbers."""
        with self._lock:
            self._jobs[job.number] = job
            self._last_number = job.number

    def close(self, when_none_waits: Callable[[], None]) -> bool:
        """Accept no more jobs; False where that is so already.

        Parameters
        ----------
        when_none_waits: called once no job waits and no place is reserved, on the thread that has seen to that
        """
        with self._lock:
            closing, self._closed = not self._closed, True
            if closing:
                self._when_none_waits = when_none_waits
        self._tell_when_none_waits()
        return closing

    def is_open(self) -> bool:
        """Tell whether jobs are accepted."""
        with self._lock:
            return not self._closed

    def _tell_when_none_waits(self) -> None:
        with self._lock:
            if self._waiting or self._when_none_waits is None:
                return
            tell, self._when_none_waits = self._when_none_waits, None
        tell()

    # Running

    def start(self, job: Job) -> bool:
        """Mark a job as taken by a runner; False where it has been taken or has ended before."""
        now = time.time()
        with self._lock:
            if job.started_at or job.status is not RUNNING:
                return False
            job.started_at = now
            self._waiting -= 1
            closed = self._closed
        if closed:
            self._tell_when_none_waits()
        return True

    def end(self, job: Job, reason: str | None, checksum: int | None) -> bool:
        """Mark a job as ended, as done where there is no reason for its failure, and wake whoever waits for it.

        False where it had ended before: the first end holds.
        """
        now, woken = time.time(), None
        with self._lock:
            if job.status is not RUNNING:
                return False
            job.status = DONE if reason is None else ERROR
            job.reason = reason
            job.checksum = checksum
            job.ended_at = now
            job.work = None
            self._ended[job.number] = job
            if self._waiters and job.number in self._waiters:
                woken = self._waiters[job.number]
                del self._waiters[job.number]
        if woken is not None:
            for waiter in woken:
                waiter.release()
        return True

    def cancel(self, job: Job, reason: str) -> bool:
        """End a waiting job as failed; False where it has ended already.

        Raises
        ------
        JobBusyError: a runner has taken it
        """
        if self.start(job):
            return self.end(job, reason, None)
        if self.status(job) is RUNNING:
            raise JobBusyError(job.id)
        return False

    def forget(self, job: Job) -> bool:
        """Take an ended job out of the map; False where it is out already."""
        with self._lock:
            self._ended.pop(job.number, None)
            return self._jobs.pop(job.number, None) is not None

    def expire(self, retention: Retention) -> list[Job]:
        """Take the ended jobs that a rule does not keep out of the map, and return them."""
        oldest_kept = time.time() - retention.seconds
        expired = []
        with self._lock:
            while self._ended:
                job = next(iter(self._ended.values()))
                if len(self._ended) <= retention.jobs and job.ended_at >= oldest_kept:
                    break
                self._ended.popitem(last=False)
                del self._jobs[job.number]
                expired.append(job)
        return expired

    def find(self, job_id: str) -> Job:
        """Return a job by its id.

        Raises
        ------
        UnknownJobError: the text is no id, or no such job was accepted
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
        """Return the state that a job is in."""
        with self._lock:
            return job.status

    def wait(self, job: Job, seconds: float) -> JobStatus:
        """Block until a job has ended, at most so many seconds, and return its state."""
        with self._lock:
            if job.status is not RUNNING or seconds <= 0:
                return job.status
            waiter = threading.Lock()
            waiter.acquire()
            self._waiters.setdefault(job.number, []).append(waiter)
        if not waiter.acquire(timeout=seconds):
            self._give_up(job, waiter)
        return self.status(job)

    def _give_up(self, job: Job, waiter: threading.Lock) -> None:
        with self._lock:
            waiters = self._waiters.get(job.number, [])
            if waiter in waiters:
                waiters.remove(waiter)
                if not waiters:
                    del self._waiters[job.number]

    def statuses(self, after: int = 0, limit: int | None = None) -> list[tuple[str, JobStatus]]:
        """Return id and state of the jobs after a number, in the order of acceptance, at most ``limit`` of them."""
        with self._lock:
            jobs = (job for number, job in self._jobs.items() if number > after)
            return [(job.id, job.status) for job in islice(jobs, limit)]

    def snapshot(self) -> tuple[int, list[Job]]:
        """Return the highest number given, and all the jobs."""
        with self._lock:
            return self._last_number, list(self._jobs.values())

    def newest(self) -> list[Job]:
        """Return all the jobs, the last accepted first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def details(self, jobs: Iterable[Job]) -> list[JobDetails]:
        """Return the details of some jobs, all of the same moment."""
        with self._lock:
            return [details_of(job) for job in jobs]

    def size(self) -> int:
        """Return how many jobs are kept."""
        with self._lock:
            return len(self._jobs)

    def last_number(self) -> int:
        """Return the highest number given."""
        with self._lock:
            return self._last_number

    def unfinished(self) -> int:
        """Return how many jobs are accepted and have not ended."""
        with self._lock:
            return len(self._jobs) - len(self._ended)

    def is_idle(self) -> bool:
        """Tell whether every job has ended and no place is reserved."""
        with self._lock:
            return len(self._jobs) == len(self._ended) and self._waiting == 0

    def waiting(self) -> int:
        """Return how many jobs wait for a runner, those that are being recorded among them."""
        with self._lock:
            return self._waiting


JOBS_AT_A_TIME = 500  # the lock is held for so many


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs, and whether there are older ones."""

    jobs: list[JobDetails]
    more: bool


def job_page(jobs: StatusMap, limit: int, before: int | None = None, state: JobState | None = None) -> JobPage:
    """Return the details of the newest jobs.

    Parameters
    ----------
    limit: how many at most
    before: only jobs accepted before the one of this number
    state: only jobs in this state
    """
    found = list(islice(_matching(jobs, before, state), limit + 1))
    return JobPage(found[:limit], len(found) > limit)


def _matching(jobs: StatusMap, before: int | None, state: JobState | None) -> Iterator[JobDetails]:
    older = (job for job in jobs.newest() if before is None or job.number < before)
    while some := list(islice(older, JOBS_AT_A_TIME)):
        yield from (details for details in jobs.details(some) if state is None or details.state is state)
