"""The job store: jobs are recorded before they are acknowledged, and written before they are done.

A job is accepted when its line is in the journal, and not before: only then has it a number, and only then can it be
found. It is done when its document is whole on disk, and not before.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from app.errors import NotRecordedError
from app.jobs.documents import Answers
from app.jobs.group_commit import GroupCommit
from app.jobs.idempotency import Keys
from app.jobs.job import Document, Job, JobRequest, JobStatus, Work
from app.jobs.journal import Journal, accepted_line, ended_line, highest_line, removed_line
from app.jobs.status_map import RUNNING, Recovered, Retention, StatusMap

logger = logging.getLogger(__name__)

CANCELLED, REMOVED = "cancelled", "removed"
SPARE_JOURNAL_LINES = 10_000  # a journal shorter than this is not worth compacting
JOURNAL_LINES_PER_JOB = 4

Task = tuple[JobRequest, Work]
Enqueue = Callable[[Job], None]


@dataclass(slots=True)
class _Submission:
    """Tasks on their way to being accepted as jobs, all of them or none."""

    tasks: Sequence[Task]
    enqueue: Enqueue
    jobs: list[Job] = field(default_factory=list)

    def give_numbers(self, first: int) -> int:
        """Make the jobs, numbered from the first number on; return the next number."""
        now = time.time()
        numbered = enumerate(self.tasks, first)
        self.jobs = [Job(number, request, work, accepted_at=now) for number, (request, work) in numbered]
        return first + len(self.jobs)


class JobStore:
    """Every accepted job, its state, and its answer.

    Parameters
    ----------
    answers: the documents of the jobs
    journal: what was accepted and how it ended
    retention: which ended jobs are kept
    recovered: what an earlier run has left; ``resume`` queues what of it has not ended
    """

    def __init__(
        self, *, answers: Answers, journal: Journal, retention: Retention, recovered: Recovered | None = None
    ) -> None:
        self._answers = answers
        self._journal = journal
        self._retention = retention
        self._commits: GroupCommit[_Submission | None] = GroupCommit(self._record)
        recovered = recovered or Recovered()
        self.keys = Keys(recovered.jobs.values())
        self.map = StatusMap(recovered)

    # Accepting

    def accept(self, request: JobRequest, work: Work, enqueue: Enqueue) -> Job:
        """Accept one job, as ``accept_all`` does."""
        return self.accept_all([(request, work)], enqueue)[0]

    def accept_all(self, tasks: Sequence[Task], enqueue: Enqueue) -> list[Job]:
        """Record jobs, give them the next numbers, and queue them. Blocks until they are recorded.

        Parameters
        ----------
        tasks: what is asked and what computes it; a place in the map is reserved for each
        enqueue: puts a job into a queue without blocking; called in the order of the numbers

        Raises
        ------
        NotRecordedError: the journal cannot be written; none of the jobs is accepted
        """
        submission = _Submission(tasks, enqueue)
        try:
            self._commits.submit(submission)
        except OSError as error:
            raise NotRecordedError(str(error.strerror)) from error
        return submission.jobs

    def resume(self, enqueue: Enqueue) -> int:
        """Queue the jobs that an earlier run accepted and did not finish; return how many."""
        unfinished = [job for job in self.map.snapshot()[1] if job.status is RUNNING]
        for job in unfinished:
            enqueue(job)
        return len(unfinished)

    def flush(self) -> None:
        """Write what the journal has noted, compact it where it has grown, force it to disk where that is asked for.

        Raises
        ------
        OSError: it cannot be written
        """
        self._commits.submit(None)

    def _record(self, batch: list[_Submission | None]) -> None:
        """Write a batch to the journal, then make its jobs known. One thread at a time runs this."""
        submissions = [item for item in batch if item is not None]
        number = self.map.last_number() + 1
        for submission in submissions:
            number = submission.give_numbers(number)
        jobs = [(job, submission.enqueue) for submission in submissions for job in submission.jobs]
        flushing = len(submissions) < len(batch)
        if self._journal.is_deleted() or self._has_grown() or (flushing and not self._journal.is_in_place()):
            self._journal.rewrite(self._snapshot)
        self._journal.append(b"".join([accepted_line(job) for job, _ in jobs]))
        if flushing:
            self._journal.sync()
        self.keys.add(job for job, _ in jobs)  # before anybody can end or remove them
        for job, enqueue in jobs:
            self.map.publish(job)
            enqueue(job)

    def _has_grown(self) -> bool:
        return self._journal.lines > SPARE_JOURNAL_LINES + JOURNAL_LINES_PER_JOB * self.map.size()

    def _snapshot(self) -> Iterator[bytes]:
        """Give the lines of a journal that holds just what is known now."""
        last_number, jobs = self.map.snapshot()
        yield highest_line(last_number)
        for job in jobs:
            yield accepted_line(job)
            if self.map.status(job) is not RUNNING:
                yield ended_line(job)

    # Running

    def work(self, job: Job) -> Work:
        """Return what computes a job.

        Raises
        ------
        ServiceError: the work of a job of an earlier run cannot be made anew
        """
        return self._answers.work(job)

    def finish(self, job: Job, document: Document, reason: str | None = None) -> JobStatus:
        """Write a job's document and then mark the job as ended. Blocks on the disk, then wakes whoever waits.

        Where a result cannot be written the job ends as an error that says so. Returns the state it has ended in.

        Parameters
        ----------
        document: answers for the job
        reason: why the job failed, None where it is done
        """
        checksum = None
        try:
            self._answers.write(job.number, document)
            checksum = document.checksum
        except OSError as error:
            logger.exception("%s: its result cannot be written", job.id)
            reason = reason or f"the result could not be written: {error.strerror}; ask again"
        if self.map.end(job, reason, checksum):
            self._journal.note(ended_line(job))
            self.expire()
        return self.map.status(job)

    # Removing

    def cancel(self, job_id: str) -> str:
        """End a waiting job as cancelled, or remove one that has ended, with its file. Returns which of the two.

        Raises
        ------
        UnknownJobError, GoneError: there is no such job
        JobBusyError: the job is being computed
        """
        job = self.map.find(job_id)
        if self.map.cancel(job, CANCELLED):
            self._journal.note(ended_line(job))
            return CANCELLED
        if self.map.forget(job):
            self._delete([job])
        return REMOVED

    def expire(self) -> None:
        """Remove the ended jobs that the retention rule does not keep, with their files. Blocks on the disk."""
        self._delete(self.map.expire(self._retention))

    def _delete(self, jobs: list[Job]) -> None:
        for job in jobs:
            self.keys.forget(job)
            self._journal.note(removed_line(job.number))
            try:
                self._answers.delete(job.number)
            except OSError:
                logger.exception("%s: its file cannot be removed; the next start removes it", job.id)

    # Reading

    def document(self, job: Job) -> Document:
        """Return the JSON document that answers for a job in the state that it is in. Blocks on the disk."""
        return self._answers.document(job, self.map.status(job))

    def close(self) -> None:
        """Write out the journal and close it.

        Raises
        ------
        OSError: it cannot be written
        """
        self.flush()
        self._journal.close()


INTERVAL_SECONDS = 1.0


class Housekeeper(threading.Thread):
    """Write out the journal and remove what has expired, once a second, until it is stopped."""

    def __init__(self, store: JobStore) -> None:
        super().__init__(name="Housekeeper", daemon=True)
        self._store = store
        self._stopped = threading.Event()

    def run(self) -> None:
        """Keep house; a fault is logged once, and tried again after the interval."""
        faulty = False
        while not self._stopped.wait(INTERVAL_SECONDS):
            try:
                self._store.expire()
                self._store.flush()
            except Exception:  # the next round tries again
                if not faulty:
                    logger.exception("housekeeping failed; it is tried again every %g s", INTERVAL_SECONDS)
                faulty = True
            else:
                faulty = False

    def stop(self) -> None:
        """End the thread. Blocks until it has ended."""
        self._stopped.set()
        self.join()
