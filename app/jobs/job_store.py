"""The job store: a job is recorded before its id is returned, and its result written before it is done.

A job gets its number and becomes known when its line is in the journal, never earlier. Its status becomes ``done`` when
its document is whole on disk, never earlier. The store knows nothing of the queue; ``app.task_runner`` does.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from app.errors import NotRecordedError, ServiceError, one_line
from app.jobs.documents import Documents
from app.jobs.group_commit import GroupCommit
from app.jobs.idempotency import IdempotencyKeys
from app.jobs.job import Document, Job, JobRequest, JobStatus, Work, error_document
from app.jobs.journal import Journal, accepted_line, ended_line, highest_line, removed_line
from app.jobs.status_map import RUNNING, Recovered, Retention, StatusMap

logger = logging.getLogger(__name__)

CANCELLED, REMOVED = "cancelled", "removed"
LOST_REASON = "the result file is lost and the result cannot be computed again"
SPARE_JOURNAL_LINES = 10_000  # compacting a shorter journal is not worth the write
JOURNAL_LINES_PER_JOB = 4
MAINTENANCE_SECONDS = 1.0

Task = tuple[JobRequest, Work]


@dataclass(slots=True)
class _Acceptance:
    """Tasks on their way to being accepted as jobs, all of them or none."""

    tasks: Sequence[Task]
    jobs: list[Job] = field(default_factory=list)

    def number_from(self, first: int) -> int:
        """Make the jobs, numbered from ``first`` on; return the next free number."""
        now = time.time()
        numbered = enumerate(self.tasks, first)
        self.jobs = [Job(number, request, work, accepted_at=now) for number, (request, work) in numbered]
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
        # A commit without an acceptance (None) flushes what the journal has buffered.
        self._commits: GroupCommit[_Acceptance | None] = GroupCommit(self._commit)
        recovered = recovered or Recovered()
        self.keys = IdempotencyKeys(recovered.jobs.values())
        self.map = StatusMap(recovered)

    # Accepting

    def accept(self, tasks: Sequence[Task]) -> list[Job]:
        """Record jobs and make them known under the next numbers. Blocks until the journal holds all of them.

        Raises
        ------
        NotRecordedError: the journal cannot be written; none of the jobs is accepted
        """
        acceptance = _Acceptance(tasks)
        try:
            self._commits.submit(acceptance)
        except OSError as error:
            raise NotRecordedError(one_line(error)) from error
        return acceptance.jobs

    def flush(self) -> None:
        """Write what the journal has buffered, compact it if it has grown, and sync it if the setting asks for it.

        Raises
        ------
        OSError: it cannot be written
        """
        self._commits.submit(None)

    def _commit(self, batch: list[_Acceptance | None]) -> None:
        """Write one batch of acceptances. GroupCommit runs this on one thread at a time, so numbers need no lock."""
        self._check_folder()
        acceptances = [item for item in batch if item is not None]
        flushing = len(acceptances) < len(batch)
        next_number = self.map.last_number() + 1
        for acceptance in acceptances:
            next_number = acceptance.number_from(next_number)
        jobs = [job for acceptance in acceptances for job in acceptance.jobs]
        # 1. The journal. If the file was deleted, a new one is written from memory first: appending to a deleted file
        #    would lose the lines.
        if self._journal.is_deleted() or self._has_grown() or (flushing and not self._journal.is_in_place()):
            self._journal.rewrite(self._snapshot)
        self._journal.append(b"".join([accepted_line(job) for job in jobs]))
        if flushing:
            self._journal.sync()
        # 2. The idempotency keys, before any job can end and be removed: removing a job forgets its key.
        self.keys.add(jobs)
        # 3. The status map. From here on clients can find the jobs.
        for job in jobs:
            self.map.publish(job)

    def _has_grown(self) -> bool:
        return self._journal.lines > SPARE_JOURNAL_LINES + JOURNAL_LINES_PER_JOB * self.map.size()

    def _snapshot(self) -> Iterator[bytes]:
        """Yield the lines of a journal that holds exactly what is known now."""
        last_number, jobs = self.map.snapshot()
        yield highest_line(last_number)
        for job in jobs:
            yield accepted_line(job)
            if self.map.status(job) is not RUNNING:
                yield ended_line(job)

    # Running

    def work(self, job: Job) -> Work:
        """Return the function that computes a job; for a job of an earlier run it is prepared anew.

        Raises
        ------
        ServiceError: the request cannot be computed over the current table
        """
        return self.map.work(job) or self._documents.prepare(job)

    def finish(self, job: Job, document: Document, reason: str | None = None) -> JobStatus:
        """Write a job's document, then mark the job as ended; return its final state. Blocks on the disk.

        A result that cannot be written ends the job as an error that says so.

        Parameters
        ----------
        document: what clients get for the job
        reason: why the job failed, None if it is done
        """
        checksum = None
        try:
            self._documents.write(job.number, document)
            checksum = document.checksum
        except OSError as error:
            logger.exception("%s: its result cannot be written", job.id)
            reason = reason or f"the result could not be written: {one_line(error)}; submit the request again"
        # The status changes only now that the file is whole; the journal need not wait for it, since a restart
        # recognizes a finished job by its whole file too.
        if self.map.end(job, reason, checksum):
            self._journal.buffer(ended_line(job))
            self.expire()
        return self.map.status(job)

    # Removing

    def cancel(self, job_id: str) -> str:
        """End a waiting job as cancelled, or remove one that has ended, with its file. Return which of the two.

        Raises
        ------
        UnknownJobError, GoneError: there is no such job
        JobBusyError: a runner is computing it
        """
        job = self.map.find(job_id)
        if self.map.cancel(job, CANCELLED):
            self._journal.buffer(ended_line(job))
            return CANCELLED
        if self.map.forget(job):
            self._delete([job])
        return REMOVED

    def expire(self) -> None:
        """Remove the finished jobs beyond the retention limits, with their files. Blocks on the disk."""
        self._delete(self.map.expire(self._retention))

    def _delete(self, jobs: list[Job]) -> None:
        for job in jobs:
            self.keys.forget(job)
            self._journal.buffer(removed_line(job.number))
            try:
                self._documents.delete(job.number)
            except OSError:
                logger.exception("%s: its file cannot be removed; the next start removes it", job.id)

    # Reading

    def document(self, job: Job) -> Document:
        """Return the JSON document of a job in its current state. Blocks on the disk.

        A result whose file is missing or damaged is computed again.
        """
        outcome = self.map.outcome(job)
        document = self._documents.read(job, outcome)
        if document is None:
            try:
                document = self._documents.restore(job)
            except ServiceError as error:
                return error_document(f"{LOST_REASON}: {error.reason}")
            self.map.set_checksum(job, document.checksum)
        return document

    def close(self) -> None:
        """Flush the journal and close it.

        Raises
        ------
        OSError: it cannot be written
        """
        self.flush()
        self._journal.close()


class Maintenance(threading.Thread):
    """A thread that expires finished jobs and flushes the journal once a second, until it is stopped."""

    def __init__(self, store: JobStore) -> None:
        super().__init__(name="Maintenance", daemon=True)
        self._store = store
        self._stopped = threading.Event()

    def run(self) -> None:
        """Expire and flush; log a fault once, and try again after the interval."""
        failing = False
        while not self._stopped.wait(MAINTENANCE_SECONDS):
            try:
                self._store.expire()
                self._store.flush()
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
