"""Idempotency keys: a submission that is sent again under its key creates no second job."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from app.errors import KeyReusedError
from app.jobs.job import Job, Submission


@dataclass(slots=True)
class _KeyedJobs:
    """The jobs of one submission; ``first`` is the number of the first one."""

    first: int
    jobs: list[Job] = field(default_factory=list)


class IdempotencyKeys:
    """The jobs of each key, for as long as all of them are kept. Safe to use from many threads.

    It mirrors the journal: a key is added when its jobs are recorded, and forgotten with the first of them that is
    removed.

    Parameters
    ----------
    jobs: jobs of an earlier run, in the order of their numbers
    """

    def __init__(self, jobs: Iterable[Job] = ()) -> None:
        self._lock = threading.Lock()  # guards _by_key and _key_locks
        self._by_key: dict[str, _KeyedJobs] = {}
        self._key_locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self.add(jobs)
        for known in list(self._by_key.values()):
            submission = _submission_of(known.jobs[0])
            if submission is not None and len(known.jobs) < submission.jobs:  # one of them has been removed
                del self._by_key[submission.key]

    def lock_for(self, key: str) -> threading.Lock:
        """Return the lock of a key, to be held until the submission's jobs are recorded or refused.

        Of two simultaneous submissions under one key, the second then finds the jobs of the first.
        """
        with self._lock:
            return self._key_locks.setdefault(key, threading.Lock())

    def jobs_of(self, submission: Submission) -> list[Job]:
        """Return the jobs of an earlier submission with the same key and content; an empty list if there is none.

        Raises
        ------
        KeyReusedError: the key was used for another request
        """
        with self._lock:
            known = self._by_key.get(submission.key)
            jobs = list(known.jobs) if known else []
        earlier = _submission_of(jobs[0]) if jobs else None
        if earlier is not None and earlier.fingerprint != submission.fingerprint:
            raise KeyReusedError
        return jobs

    def add(self, jobs: Iterable[Job]) -> None:
        """Add the keys of recorded jobs, given in the order of their numbers."""
        for job in jobs:
            submission = _submission_of(job)
            if submission is not None:
                self._add(job, submission)

    def _add(self, job: Job, submission: Submission) -> None:
        first = job.number - submission.place
        with self._lock:
            known = self._by_key.get(submission.key)
            if known is None or known.first != first:
                known = self._by_key[submission.key] = _KeyedJobs(first)
            known.jobs.append(job)

    def forget(self, job: Job) -> None:
        """Forget the key of a job that is being removed, if it has one."""
        submission = _submission_of(job)
        if submission is None:
            return
        with self._lock:
            known = self._by_key.get(submission.key)
            if known is not None and known.first == job.number - submission.place:
                del self._by_key[submission.key]


def _submission_of(job: Job) -> Submission | None:
    """Return the submission of a job that was sent under a key, otherwise None."""
    submission = job.request.submission if job.request is not None else None
    return submission if submission is not None and submission.key else None
