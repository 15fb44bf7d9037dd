"""Jobs, their ids and states: the locked status map, and the documents that answer for finished jobs."""

import logging
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any

import orjson

from app.errors import UnknownJobError, envelope
from app.result_files import ResultFiles, job_id_of

logger = logging.getLogger(__name__)

JOB_ID = re.compile(r"job_id_([1-9][0-9]{0,17})")
ERROR_DOCUMENT_START = b'{"status":"error"'


Work = Callable[[], Mapping[str, Any]]


class JobStatus(StrEnum):
    """The states of a job, as clients see them; an accepted job is running until it has ended."""

    RUNNING = "running"
    DONE = "done"
    ERROR = "error"


RUNNING_DOCUMENT = orjson.dumps({"status": JobStatus.RUNNING})


@dataclass(slots=True, eq=False)
class Job:
    """A job. ``status`` is guarded by the store's lock.

    Parameters
    ----------
    number: place in the order of acceptance, from 1
    name: what is computed, for the log
    work: computes the result; dropped when the job has ended, and with it the table it was accepted with
    """

    number: int
    name: str
    work: Work
    status: JobStatus = JobStatus.RUNNING
    id: str = field(init=False)

    def __post_init__(self) -> None:
        self.id = job_id_of(self.number)


def _no_work() -> Mapping[str, Any]:
    """Stand in for the work of a job that has ended."""
    raise RuntimeError("the job has ended")


def done_document(data: Mapping[str, Any]) -> bytes:
    """Return the document that answers for a job that is done."""
    return orjson.dumps({"status": JobStatus.DONE, "data": data})


def error_document(reason: str) -> bytes:
    """Return the document that answers for a job that failed."""
    return orjson.dumps(envelope(reason))


class JobStore:
    """Every accepted job and its state.

    Reading never shows a state that goes backwards: a job's document is whole on disk before the job is seen as ended.

    Parameters
    ----------
    files: where the documents of ended jobs lie; jobs that have one there already are known from the start, and new
        numbers go on from the highest
    """

    def __init__(self, files: ResultFiles) -> None:
        self._files = files
        self._lock = threading.Lock()  # guards _jobs, _last_number, _unfinished, _waiters, _unsaved and Job.status
        self._jobs: dict[int, Job] = {}
        self._last_number = 0
        self._unfinished = 0
        self._waiters: dict[int, threading.Event] = {}
        self._unsaved: dict[int, bytes] = {}
        for number in files.numbers():
            self._recover(number)

    def accept(self, name: str, work: Work) -> Job:
        """Give a job the next number and keep it as running."""
        with self._lock:
            self._last_number += 1
            job = self._jobs[self._last_number] = Job(self._last_number, name, work)
            self._unfinished += 1
        return job

    def finish(self, job: Job, status: JobStatus, document: bytes) -> None:
        """Write a job's document and then mark the job as ended. Blocks on the disk, then wakes whoever waits.

        Where the document cannot be written the job ends as an error that says so; that answer is kept in memory.
        """
        unsaved = None
        try:
            self._files.write(job.number, document)
        except OSError as error:
            logger.exception("%s: its result cannot be written", job.id)
            status = JobStatus.ERROR
            unsaved = error_document(f"the result could not be written: {error.strerror}; ask again")
        with self._lock:
            job.status = status
            job.work = _no_work
            self._unfinished -= 1
            if unsaved is not None:
                self._unsaved[job.number] = unsaved
            waiter = self._waiters.pop(job.number, None)
        if waiter is not None:
            waiter.set()

    def find(self, job_id: str) -> Job:
        """Return a job by its id.

        Raises
        ------
        UnknownJobError: the text is no id, or no such job was accepted
        """
        number = parse_job_id(job_id)
        with self._lock:
            job = self._jobs.get(number)
        if job is None:
            raise UnknownJobError
        return job

    def status(self, job: Job) -> JobStatus:
        """Return the state that a job is in."""
        with self._lock:
            return job.status

    def wait(self, job: Job, seconds: float) -> JobStatus:
        """Block until a job has ended, at most so many seconds, and return its state."""
        with self._lock:
            if job.status is not JobStatus.RUNNING or seconds <= 0:
                return job.status
            waiter = self._waiters.setdefault(job.number, threading.Event())
        waiter.wait(seconds)
        return self.status(job)

    def document(self, job: Job) -> bytes:
        """Return the JSON document that answers for a job in the state that it is in."""
        with self._lock:
            status = job.status
            unsaved = self._unsaved.get(job.number)
        if status is JobStatus.RUNNING:
            return RUNNING_DOCUMENT
        return unsaved if unsaved is not None else self._files.read(job.number)

    def statuses(self, after: int = 0, limit: int | None = None) -> list[tuple[str, JobStatus]]:
        """Return id and state of the jobs after a number, in the order of acceptance, at most ``limit`` of them."""
        with self._lock:
            jobs = (job for number, job in self._jobs.items() if number > after)
            return [(job.id, job.status) for job in islice(jobs, limit)]

    def unfinished(self) -> int:
        """Return how many jobs are accepted and have not ended."""
        with self._lock:
            return self._unfinished

    def _recover(self, number: int) -> None:
        """Take a job of an earlier run over from its document."""
        failed = self._files.read(number).startswith(ERROR_DOCUMENT_START)
        status = JobStatus.ERROR if failed else JobStatus.DONE
        self._jobs[number] = Job(number, "", _no_work, status)
        self._last_number = number


def parse_job_id(job_id: str) -> int:
    """Return the number in a job id.

    Raises
    ------
    UnknownJobError: the text is no job id
    """
    match = JOB_ID.fullmatch(job_id)
    if match is None:
        raise UnknownJobError
    return int(match[1])
