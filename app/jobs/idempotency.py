"""The keys that clients submit under, so that a submission which is sent again makes no second job."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from app.errors import KeyReusedError
from app.jobs.job import Job, Submission


@dataclass(slots=True)
class _Known:
    """The jobs of one submission, the first of which has the number ``first``."""

    first: int
    jobs: list[Job] = field(default_factory=list)


class Keys:
    """The submissions that came with a key, for as long as all their jobs are kept. Safe to use from many threads.

    What is here is what the journal tells: a key is noted when its jobs are recorded, and forgotten with the first of
    them that is removed.

    Parameters
    ----------
    jobs: those of an earlier run, in the order of their numbers
    """

    def __init__(self, jobs: Iterable[Job] = ()) -> None:
        self._lock = threading.Lock()  # guards _known and _turns
        self._known: dict[str, _Known] = {}
        self._turns: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self.add(jobs)
        for known in list(self._known.values()):
            submission = _submission_of(known.jobs[0])
            if submission is not None and len(known.jobs) < submission.jobs:  # one of them has been removed
                del self._known[submission.key]

    def turn(self, key: str) -> threading.Lock:
        """Return the lock that whoever submits under a key holds until its jobs are recorded or refused.

        So of two who come with one key at the same moment the second finds what the first has made.
        """
        with self._lock:
            return self._turns.setdefault(key, threading.Lock())

    def jobs_of(self, submission: Submission) -> list[Job]:
        """Return the jobs that a submission has made when it came before, none where it did not.

        Raises
        ------
        KeyReusedError: another submission came with its key
        """
        with self._lock:
            known = self._known.get(submission.key)
            jobs = list(known.jobs) if known else []
        earlier = _submission_of(jobs[0]) if jobs else None
        if earlier is not None and earlier.fingerprint != submission.fingerprint:
            raise KeyReusedError
        return jobs

    def add(self, jobs: Iterable[Job]) -> None:
        """Note the keys of jobs that are recorded, in the order of their numbers."""
        for job in jobs:
            submission = _submission_of(job)
            if submission is not None:
                self._add(job, submission)

    def _add(self, job: Job, submission: Submission) -> None:
        first = job.number - submission.place
        with self._lock:
            known = self._known.get(submission.key)
            if known is None or known.first != first:
                known = self._known[submission.key] = _Known(first)
            known.jobs.append(job)

    def forget(self, job: Job) -> None:
        """Forget the key of a job that is removed, if it has one."""
        submission = _submission_of(job)
        if submission is None:
            return
        with self._lock:
            known = self._known.get(submission.key)
            if known is not None and known.first == job.number - submission.place:
                del self._known[submission.key]


def _submission_of(job: Job) -> Submission | None:
    """Return what a job came with, None where that has no key."""
    submission = job.request.submission if job.request is not None else None
    return submission if submission is not None and submission.key else None
