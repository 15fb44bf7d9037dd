"""A model of what a server has acknowledged, and of what it may answer from then on.

It encodes what docs/reliability.md promises and no more. What faults may take away is said at ``Model.died``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from support.harm import JournalState, Record
from support.versioned_table import REQUESTS, expected_data

CANCELLED_REASON = "cancelled"
GONE_STATUSES = {404, 410}


class ViolationError(AssertionError):
    """A promise was broken.

    Parameters
    ----------
    kind: which promise, in a few words
    detail: how
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind


class Fate(StrEnum):
    """What a client was told last of a job."""

    KEPT = "kept"
    CANCELLED = "cancelled"
    REMOVED = "removed"
    FORGOTTEN = "forgotten"  # answered 404 or 410 after its record and its file were destroyed


@dataclass
class Known:
    """An acknowledged job.

    Parameters
    ----------
    request: its place in ``REQUESTS``
    batch: numbers of the jobs that were accepted together, its own among them
    version: the version of the table over which its result is computed, for ever
    seen_done: whether a client has got its result
    table_lost: whether that version's file may have been destroyed: a lost result is answered with 410 then
    without_request: whether only its result file is left, so that its result cannot be computed again
    unsure: whether its record was destroyed: any answer but a wrong result is right, until the next definite one
    number_free: whether nothing that was left says that its number had been given
    """

    number: int
    request: int
    batch: Sequence[int]
    version: int
    fate: Fate = Fate.KEPT
    seen_done: bool = False
    table_lost: bool = False
    without_request: bool = False
    unsure: bool = False
    number_free: bool = False

    def is_right(self, data: Any) -> bool:
        """Return whether data are the result of the job."""
        return bool(expected_data(self.version, self.request) == data)

    def __str__(self) -> str:
        """Return the job's id and request, for a message."""
        return f"job_id_{self.number} ({REQUESTS[self.request][0]}, {self.fate}, table {self.version})"


@dataclass
class Submission:
    """What was sent under an idempotency key, and the jobs that it has; ``sure``: whether they must be the same."""

    requests: Sequence[int]
    numbers: Sequence[int]
    sure: bool = True


@dataclass
class Model:
    """What was acknowledged, by job number and by idempotency key.

    Parameters
    ----------
    version: the current version of the table
    faulty: whether a fault lasts, so that 503 with Retry-After is right
    """

    version: int = 0
    faulty: bool = False
    jobs: dict[int, Known] = field(default_factory=dict)
    keys: dict[str, Submission] = field(default_factory=dict)

    # What the server acknowledges

    def accept(self, requests: Sequence[int], numbers: Sequence[int], key: str | None = None) -> None:
        """Record accepted jobs.

        Raises
        ------
        ViolationError: an id was given twice, or a key has other jobs than before
        """
        known = self.keys.get(key) if key is not None else None
        if known is not None:
            kept = all(self._keeps_key(self.jobs[number]) for number in known.numbers)
            # Once nothing is left of a job, another one under the same key may get the same number.
            if list(numbers) == list(known.numbers) and not any(self.jobs[number].number_free for number in numbers):
                return
            if known.sure and kept:
                raise ViolationError("another job under one key", f"{key}: {known.numbers}, then {numbers}")
        for number, request in zip(numbers, requests, strict=True):
            if number in self.jobs and not self.jobs[number].number_free:
                raise ViolationError("an id given twice", str(self.jobs[number]))
            self.jobs[number] = Known(number, request, numbers, self.version)
        if key is not None:
            self.keys[key] = Submission(requests, numbers)

    @staticmethod
    def _keeps_key(job: Known) -> bool:
        return job.fate in {Fate.KEPT, Fate.CANCELLED} and not (job.unsure or job.without_request)

    def delete(self, number: int, status: int, outcome: str | None) -> None:
        """Record the response to a DELETE; ``outcome`` is what it says was done.

        Raises
        ------
        ViolationError: no such response is right
        """
        job = self.jobs[number]
        if status == 200:
            if job.fate in {Fate.REMOVED, Fate.FORGOTTEN} and not job.unsure:
                raise ViolationError("a removed job is back", f"{job}: {outcome}")
            job.fate = Fate.CANCELLED if outcome == CANCELLED_REASON else Fate.REMOVED
            job.unsure = False
        elif status in GONE_STATUSES:
            self._gone(job, status)
        elif status == 503 and self.faulty:
            job.unsure = True  # a DELETE that was refused promises nothing
        elif status != 409:
            raise ViolationError("an unexpected status", f"DELETE of {job}: {status}")

    def change_table(self, version: int) -> None:
        """Record that another version of the table is the current one."""
        self.version = version

    def lose_tables(self) -> None:
        """Record that the files of all versions of the table were harmed. The current one is mended from memory."""
        for job in self.jobs.values():
            job.table_lost = job.table_lost or job.version != self.version

    # What a client sees

    def see_file(self, number: int, data: Any, exists: bool) -> None:
        """Record the data in a job's result file, None if there is no valid result in it."""
        job = self.jobs[number]
        if job.fate is Fate.KEPT and (exists or job.seen_done) and not job.is_right(data):
            job.unsure = job.unsure or job.without_request

    def see(self, number: int, status: int, document: Mapping[str, Any], data_in_file: Any) -> None:
        """Check the response to a poll.

        Parameters
        ----------
        data_in_file: data in the job's result file after the response, None if there is no valid result in it

        Raises
        ------
        ViolationError: it is not one of those that are right
        """
        job = self.jobs[number]
        if status in GONE_STATUSES:
            self._gone(job, status, lost=not job.is_right(data_in_file))
        elif status == 503 and self.faulty:
            return
        elif status != 200:
            raise ViolationError("an unexpected status", f"{job}: {status} {document}")
        elif document["status"] == "done":
            self._done(job, document["data"], data_in_file)
        elif document["status"] == "error":
            self._error(job, str(document["reason"]))
        elif job.fate is not Fate.KEPT and not job.unsure:
            raise ViolationError(f"a {job.fate} job runs", str(job))

    @staticmethod
    def _gone(job: Known, status: int, *, lost: bool = False) -> None:
        if lost and job.table_lost and status == 410:
            return
        if job.unsure:
            job.fate, job.unsure = Fate.FORGOTTEN, False
        elif job.fate not in {Fate.REMOVED, Fate.FORGOTTEN} or (job.fate is Fate.REMOVED and status == 404):
            raise ViolationError("an acknowledged job is lost", f"{job}: {status}")

    @staticmethod
    def _error(job: Known, reason: str) -> None:
        if job.fate is Fate.CANCELLED and reason == CANCELLED_REASON:
            job.unsure = False
        elif not (job.unsure or (job.table_lost and "of the table" in reason)):
            raise ViolationError("an acknowledged job ended as an error", f"{job}: {reason}")

    def _done(self, job: Known, data: Any, data_in_file: Any) -> None:
        if job.fate is not Fate.KEPT and not job.unsure:
            raise ViolationError(f"a {job.fate} job is done", str(job))
        if not job.is_right(data):
            others = range(self.version + 1)
            other = next((each for each in others if expected_data(each, job.request) == data), None)
            if other is None:
                raise ViolationError("a wrong result", f"{job}: {data}")
            raise ViolationError("a result changed to another table", f"{job}: over table {other}")
        job.fate, job.seen_done = Fate.KEPT, True
        if data_in_file == data:
            job.unsure = False

    # What a death of the server leaves

    def died(self, journal: JournalState, data_in_files: Mapping[int, Any]) -> None:
        """Work out what the next server can know.

        Parameters
        ----------
        data_in_files: the data in each result file by job number, None if it is no valid result

        - Of a batch, all acceptances are lost with one that was cut off: it looks like a batch that was never accepted.
        - A job whose acceptance is lost is taken over with its result file, if that is whole: without its request and
          its key. Without a whole file it may be forgotten.
        - A cancellation or removal whose line is lost may be undone; the right result of the job is all that may come.
        - A number may be given again only if a cut or deleted journal held all that was known of it.
        """
        for job in self.jobs.values():
            lost_lines = journal.damaged | (self._unrecorded(job, journal) if journal.lines_lost else set())
            if job.fate is Fate.KEPT:
                self._kept_job_died(job, lost_lines, journal, data_in_files)
            else:
                self._ended_job_died(job, lost_lines, journal)
        for submission in self.keys.values():
            if any(("accepted", number) not in journal.records for number in submission.numbers):
                submission.sure = submission.sure and not (journal.lines_lost or journal.damaged)

    @staticmethod
    def _ended_job_died(job: Known, lost_lines: set[Record], journal: JournalState) -> None:
        """Work out what is left of a job that was cancelled, removed or forgotten."""
        lost = {kind for kind, number in lost_lines if number == job.number}
        if job.fate is Fate.REMOVED and not journal.lines_lost:
            lost.discard("accepted")
        job.unsure = job.unsure or (job.fate is not Fate.FORGOTTEN and bool(lost))
        left = ("accepted", job.number) in journal.records
        job.number_free = job.number_free or (journal.lines_lost and not left)

    @staticmethod
    def _unrecorded(job: Known, journal: JournalState) -> set[Record]:
        kinds: Iterable[str] = ("accepted", "removed" if job.fate is Fate.REMOVED else "ended")
        missing = {(kind, job.number) for kind in kinds} - journal.records
        torn = any(("accepted", number) not in journal.records for number in job.batch)
        return missing | ({("accepted", job.number)} if torn else set())

    def _kept_job_died(
        self, job: Known, lost: set[Record], journal: JournalState, data_in_files: Mapping[int, Any]
    ) -> None:
        if ("accepted", job.number) in lost:
            job.without_request = True
        if job.without_request and not job.is_right(data_in_files.get(job.number)):
            job.unsure = True
            left = ("accepted", job.number) in journal.records or job.number in data_in_files
            job.number_free = job.number_free or (journal.lines_lost and not left)
