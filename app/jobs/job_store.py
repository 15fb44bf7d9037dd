"""The job store: a job is recorded before its id is returned, and its result written before it is done.

A job gets its number and becomes known when its line is in the journal, never earlier. Its status becomes ``done`` when
its document is whole on disk, never earlier. The store knows nothing of the queue; ``app.task_runner`` does.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from app.errors import (
    GoneError,
    LostResultError,
    NotRecordedError,
    ServiceError,
    TableGoneError,
    UnavailableError,
    one_line,
)
from app.jobs.documents import Documents
from app.jobs.group_commit import GroupCommit
from app.jobs.idempotency import IdempotencyKeys
from app.jobs.job import Document, Job, JobOutcome, JobRequest, JobStatus, Work, error_document
from app.jobs.journal import Journal, accepted_line, ended_line, highest_line, removed_line
from app.jobs.retention import Retention
from app.jobs.status_map import RUNNING, Recovered, StatusMap

logger = logging.getLogger(__name__)

CANCELLED, REMOVED = "cancelled", "removed"
LOST_REASON = "the result file is lost and the result cannot be computed again"
CHANGED_REASON = (
    "the result file is lost, and this version of the server computes another document than the one that was given; "
    "submit the request again"
)
SPARE_JOURNAL_LINES = 10_000  # compacting a shorter journal is not worth the write
JOURNAL_LINES_PER_JOB = 4
MAINTENANCE_SECONDS = 1.0

Task = tuple[JobRequest, Work | None]


@dataclass(slots=True)
class _Acceptance:
    """Tasks on their way to being accepted as jobs, all of them or none."""

    tasks: Sequence[Task]
    client: str
    jobs: list[Job] = field(default_factory=list)

    def number_from(self, first: int, now: float) -> int:
        """Make the jobs, numbered from ``first`` on and accepted now; return the next free number."""
        numbered = enumerate(self.tasks, first)
        client = self.client
        self.jobs = [Job(number, request, work, client, accepted_at=now) for number, (request, work) in numbered]
        return first + len(self.jobs)


class JobStore:
    """Every accepted job with its state and its result. Safe to use from many threads.

    Parameters
    ----------
    documents: result documents by job number
    journal: append-only record of what was accepted, ended and removed
    retention: which finished jobs are kept
    recovered: jobs of an earlier run
    check_folder: checks the lock on the results folder, before each write and each second
    """

    def __init__(
        self,
        *,
        documents: Documents,
        journal: Journal,
        retention: Retention,
        recovered: Recovered | None = None,
        check_folder: Callable[[], None] = lambda: None,
    ) -> None:
        self._check_folder = check_folder
        self._documents = documents
        self._journal = journal
        self._retention = retention
        # A commit takes acceptances and other lines; one of None flushes what the journal has buffered.
        self._commits: GroupCommit[_Acceptance | bytes | None] = GroupCommit(self._commit)
        recovered = recovered or Recovered()
        self._removed_lock = threading.Lock()  # guards _removed and _undeletable
        # Numbers of removed jobs whose files may still exist. A file is deleted only once its removal is recorded.
        self._removed = set(recovered.removed)
        self._undeletable: set[int] = set()
        self._restoring = threading.Lock()  # held while a lost result is computed and recorded again
        self.keys = IdempotencyKeys(recovered.jobs.values())
        self.map = StatusMap(recovered)

    # Accepting

    def accept(self, tasks: Sequence[Task], client: str = "") -> list[Job]:
        """Record jobs of a client and make them known under the next numbers. Blocks until the journal holds them.

        Raises
        ------
        NotRecordedError: the journal cannot be written; none of the jobs is accepted
        """
        acceptance = _Acceptance(tasks, client)
        try:
            self._commits.submit(acceptance)
        except OSError as error:
            raise NotRecordedError(one_line(error)) from error
        return acceptance.jobs

    def flush(self) -> None:
        """Write what memory is ahead of the disk: buffered lines of the journal, files to delete, unwritten results.

        Also compacts the journal if it has grown, and syncs it if the setting asks for it.

        Raises
        ------
        OSError: the journal cannot be written
        """
        with self._removed_lock:
            removed = list(self._removed)  # their lines are in the buffer, or written already
        self._commits.submit(None)
        for number in removed:
            self._delete_file(number)
        self._documents.write_again()

    def record(self) -> None:
        """Flush the store, before an answer that says that something is recorded.

        Raises
        ------
        NotRecordedError: the journal cannot be written
        """
        try:
            self.flush()
        except OSError as error:
            raise NotRecordedError(one_line(error)) from error

    def _commit(self, batch: list[_Acceptance | bytes | None]) -> None:
        """Write one batch of acceptances. GroupCommit runs this on one thread at a time, so numbers need no lock."""
        self._check_folder()
        acceptances = [item for item in batch if isinstance(item, _Acceptance)]
        others = [item for item in batch if isinstance(item, bytes)]
        flushing = len(acceptances) + len(others) < len(batch)
        next_number, now = self.map.last_number() + 1, self.map.clock.now()
        for acceptance in acceptances:
            next_number = acceptance.number_from(next_number, now)
        jobs = [job for acceptance in acceptances for job in acceptance.jobs]
        # 1. The journal. If the file was deleted, truncated or written to by somebody else, a new one is written from
        #    memory first: appending would lose lines.
        if self._must_rewrite() or (flushing and not self._journal.is_in_place()):
            self._journal.rewrite(self._snapshot)
        self._journal.append(b"".join([accepted_line(job) for job in jobs] + others))
        if flushing:
            self._journal.sync()
        # 2. The idempotency keys, before any job can end and be removed: removing a job forgets its key.
        self.keys.add(jobs)
        # 3. The status map. From here on clients can find the jobs.
        for job in jobs:
            self.map.publish(job)

    def _must_rewrite(self) -> bool:
        with self._removed_lock:
            needed = self.map.size() + len(self._removed)
        has_grown = self._journal.lines > SPARE_JOURNAL_LINES + JOURNAL_LINES_PER_JOB * needed
        return has_grown or self._journal.outdated or not self._journal.is_whole()

    def _snapshot(self) -> Iterator[bytes]:
        """Yield the lines of a journal that holds exactly what is known now."""
        last_number, jobs = self.map.snapshot()
        with self._removed_lock:
            removed = frozenset(self._removed)
        yield highest_line(last_number)
        for number in removed:
            yield removed_line(number)
        for job in jobs:
            if job.number in removed:
                continue
            yield accepted_line(job)
            outcome = self.map.outcome(job)
            if outcome.status is not RUNNING:
                yield ended_line(job.number, outcome)
        yield highest_line(last_number)  # once more: a number must not be given twice if one of the two is damaged

    # Running

    def work(self, job: Job) -> Work:
        """Return the function that computes a job; for one that has none it is prepared from its request.

        Raises
        ------
        ServiceError: the request cannot be computed
        TableGoneError: the version of the table that it needs is not kept any more
        """
        return self.map.work(job) or self._documents.prepare(job)

    def finish(self, job: Job, document: Document, reason: str | None = None) -> JobStatus:
        """Write a job's document, then mark the job as ended; return its final state. Blocks on the disk.

        Parameters
        ----------
        document: what clients get for the job
        reason: why the job failed, None if it is done
        """
        self._documents.write(job.number, document)
        # The status changes only now that the file is whole; the journal need not wait for it, since a restart
        # recognizes a finished job by its whole file too.
        if self.map.end(job, reason, document.checksum, len(document.content)):
            self._journal.buffer(ended_line(job.number, self.map.outcome(job)))
            self._retire(self.map.expire_surplus(self._retention.jobs, self._retention.bytes))
        return self.map.status(job)

    # Removing

    def cancel(self, job_id: str) -> str:
        """End a waiting job as cancelled, or remove one that has ended, with its file. Return which of the two.

        The removal is recorded when this returns, the cancellation by the next ``record``.

        Raises
        ------
        UnknownJobError, GoneError: there is no such job
        JobBusyError: a runner is computing it
        NotRecordedError: the removal cannot be recorded; the job stays
        """
        job = self.map.find(job_id)
        if self.map.cancel(job, CANCELLED):
            self._journal.buffer(ended_line(job.number, self.map.outcome(job)))
            return CANCELLED
        self._remove(job)
        return REMOVED

    def _remove(self, job: Job) -> None:
        """Remove an ended job: first in the journal, then in memory, then its file."""
        with self._removed_lock:
            self._removed.add(job.number)  # from here on a compacted journal leaves it out
        try:
            self._commits.submit(removed_line(job.number))
        except OSError as error:
            with self._removed_lock:
                self._removed.discard(job.number)
            raise NotRecordedError(one_line(error)) from error
        self.map.forget(job)
        self.keys.forget(job)
        self._delete_file(job.number)

    def expire_old(self) -> None:
        """Remove the finished jobs that are older than the retention limit."""
        self._retire(self.map.expire_old(self._retention.seconds))

    def _retire(self, jobs: list[Job]) -> None:
        """Record that jobs have left the status map; the next ``flush`` deletes their files."""
        for job in jobs:
            self.keys.forget(job)
            with self._removed_lock:
                self._removed.add(job.number)
            self._journal.buffer(removed_line(job.number))

    def _delete_file(self, number: int) -> None:
        """Delete the file of a job whose removal is recorded."""
        try:
            self._documents.delete(number)
        except OSError as error:  # every flush tries again; logged once
            with self._removed_lock:
                known = number in self._undeletable
                self._undeletable.add(number)
            if not known:
                logger.warning("job_id_%d: its file cannot be deleted: %s", number, one_line(error))
        else:
            with self._removed_lock:
                self._removed.discard(number)
                self._undeletable.discard(number)

    # Reading

    def document(self, job: Job) -> Document:
        """Return the JSON document of a job in its current state. Blocks on the disk.

        A result whose file is missing or damaged is computed again, over the version of the table that the job was
        accepted with: one job has one result for ever.

        Raises
        ------
        GoneError: the job has been removed
        TableGoneError: its file is lost, and that version of the table is not kept any more
        LostResultError: its file is lost, and computed again it would be another one
        UnavailableError: the file cannot be read now, or a result that was computed again cannot be recorded
        """
        document = self._documents.read(job, self.map.outcome(job))
        return document if document is not None else self._restore(job)

    def _restore(self, job: Job) -> Document:
        """Return a lost result again, from memory or computed anew, and write it."""
        with self._restoring:  # of two threads, the second finds what the first has written
            outcome = self.map.outcome(job)
            document = self._documents.read(job, outcome)
            if document is not None:
                return document
            if not self.map.keeps(job):
                raise GoneError
            try:
                document = self._documents.recover(job)
            except TableGoneError as error:
                raise TableGoneError(f"{LOST_REASON}: {error.reason}") from error
            except UnavailableError:
                raise
            except ServiceError as error:
                return error_document(f"{LOST_REASON}: {error.reason}")
            if outcome.checksum is None:
                self._record_document(job, outcome, document)
            elif document.checksum != outcome.checksum:
                raise LostResultError(CHANGED_REASON)
            self._documents.write(job.number, document)
            if not self.map.keeps(job):  # removed meanwhile
                self._documents.delete(job.number)
            return document

    def _record_document(self, job: Job, outcome: JobOutcome, document: Document) -> None:
        """Record that a job has another document now, before anybody gets it."""
        try:
            new = replace(outcome, checksum=document.checksum, size=len(document.content))
            self._commits.submit(ended_line(job.number, new))
        except OSError as error:
            raise NotRecordedError(one_line(error)) from error
        self.map.set_document(job, document.checksum, len(document.content))

    def close(self) -> None:
        """Flush the journal and close it. One whose content has been damaged meanwhile is written anew from memory.

        Raises
        ------
        OSError: it cannot be written
        """
        self.flush()
        if not self._journal.has_its_content():
            logger.warning("the journal was damaged while the server ran; it is written anew")
            self._journal.rewrite(self._snapshot)
        self._journal.close()


class Maintenance(threading.Thread):
    """A thread that expires finished jobs and flushes the store once a second, until it is stopped.

    Parameters
    ----------
    also: called after each flush
    """

    def __init__(self, store: JobStore, also: Callable[[], None] = lambda: None) -> None:
        super().__init__(name="Maintenance", daemon=True)
        self._store = store
        self._also = also
        self._stopped = threading.Event()

    def run(self) -> None:
        """Expire and flush; log a fault once, and try again after the interval."""
        failing = False
        while not self._stopped.wait(MAINTENANCE_SECONDS):
            try:
                if self._store.map.clock.is_steady():
                    self._store.expire_old()
                self._store.flush()
                self._also()
            except Exception:  # the next round tries again
                if not failing:
                    logger.exception("maintenance failed; retrying every %g s", MAINTENANCE_SECONDS)
                failing = True
            else:
                failing = False

    def stop(self) -> None:
        """End the thread. Blocks until it has ended."""
        self._stopped.set()
        self.join()
