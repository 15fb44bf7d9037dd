"""The keys that clients submit under, so that a submission which is sent again makes no second job."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from app.errors import KeyReusedError
from app.job import Job, Key


@dataclass(slots=True)
class _Submission:
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
        self._lock = threading.Lock()  # guards _submissions and _turns
        self._submissions: dict[str, _Submission] = {}
        self._turns: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self.add(jobs)
        for text, submission in list(self._submissions.items()):
            key = _key_of(submission.jobs[0])
            if key is None or len(submission.jobs) < key.jobs:  # one of them has been removed
                del self._submissions[text]

    def turn(self, text: str) -> threading.Lock:
        """Return the lock that whoever submits under a key holds until its jobs are recorded or refused.

        So of two who come with one key at the same moment the second finds what the first has made.
        """
        with self._lock:
            return self._turns.setdefault(text, threading.Lock())

    def jobs_of(self, key: Key) -> list[Job]:
        """Return the jobs of the submission that came with a key, none where there was none.

        Raises
        ------
        KeyReusedError: it was another submission
        """
        with self._lock:
            submission = self._submissions.get(key.text)
            jobs = list(submission.jobs) if submission else []
        known = _key_of(jobs[0]) if jobs else None
        if known is not None and known.fingerprint != key.fingerprint:
            raise KeyReusedError
        return jobs

    def add(self, jobs: Iterable[Job]) -> None:
        """Note the keys of jobs that are recorded, in the order of their numbers."""
        for job in jobs:
            key = _key_of(job)
            if key is not None:
                self._add(job, key)

    def _add(self, job: Job, key: Key) -> None:
        first = job.number - key.place
        with self._lock:
            submission = self._submissions.get(key.text)
            if submission is None or submission.first != first:
                submission = self._submissions[key.text] = _Submission(first)
            submission.jobs.append(job)

    def forget(self, job: Job) -> None:
        """Forget the key of a job that is removed, if it has one."""
        key = _key_of(job)
        if key is None:
            return
        with self._lock:
            submission = self._submissions.get(key.text)
            if submission is not None and submission.first == job.number - key.place:
                del self._submissions[key.text]


def _key_of(job: Job) -> Key | None:
    return job.request.key if job.request is not None else None
