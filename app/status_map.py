"""The locked status map: which jobs there are and how far they are. Nothing here touches a file, logs, or computes."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from app.errors import GoneError, JobBusyError, UnknownJobError
from app.job import Job, JobStatus, parse_job_id
from app.job_details import JobDetails, details_of
from app.recovery import Recovered

RUNNING = JobStatus.RUNNING

Enqueue = Callable[[Job], None]


@dataclass(frozen=True, slots=True)
class Retention:
    """How many jobs that have ended are kept, and how long (seconds)."""

    jobs: int
    seconds: float


class StatusMap:
    """Jobs by number, their states, and who waits for them. A state never goes backwards.

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
        self._waiting = self._unfinished = len(self._jobs) - len(self._ended)
        # A waiter is a lock that is held until its job ends: an Event would do the same by way of three of them.
        self._waiters: dict[int, list[threading.Lock]] = {}

    def publish(self, jobs: Iterable[tuple[Job, Enqueue]]) -> None:
        """Make accepted jobs known, in the order of their numbers, and put each into its queue, without blocking."""
        with self._lock:
            for job, enqueue in jobs:
                self._jobs[job.number] = job
                self._last_number = job.number
                self._waiting += 1
                self._unfinished += 1
                enqueue(job)

    def start(self, job: Job) -> bool:
        """Mark a job as taken by a runner; False where it has ended while it waited."""
        now = time.time()
        with self._lock:
            if job.status is not RUNNING:
                return False
            self._waiting -= 1
            job.started = True
            job.started_at = now
            return True

    def end(self, job: Job, reason: str | None, checksum: int | None) -> bool:
        """Mark a job as ended, as done where there is no reason for its failure, and wake whoever waits for it.

        False where it had ended before: the first end holds.
        """
        with self._lock:
            if job.status is not RUNNING:
                return False
            self._end(job, reason, checksum)
            return True

    def cancel(self, job: Job, reason: str) -> bool:
        """End a waiting job as failed; False where it has ended already.

        Raises
        ------
        JobBusyError: a runner has taken it
        """
        with self._lock:
            if job.status is not RUNNING:
                return False
            if job.started:
                raise JobBusyError(job.id)
            self._waiting -= 1
            self._end(job, reason, None)
            return True

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
            return self._unfinished

    def waiting(self) -> int:
        """Return how many jobs wait for a runner."""
        with self._lock:
            return self._waiting

    def _end(self, job: Job, reason: str | None, checksum: int | None) -> None:
        """Mark a running job as ended. The lock is held."""
        job.status = JobStatus.DONE if reason is None else JobStatus.ERROR
        job.reason, job.checksum = reason, checksum
        job.ended_at = time.time()
        job.work = None
        self._unfinished -= 1
        self._ended[job.number] = job
        for waiter in self._waiters.pop(job.number, ()):
            waiter.release()
