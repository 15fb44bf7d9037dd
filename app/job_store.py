"""The job store: jobs are recorded before they are acknowledged, and written before they are done.

A job is accepted when its line is in the journal, and not before: only then has it a number, and only then can it be
found. It is done when its document is whole on disk, and not before.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

from app.answers import Answers
from app.errors import NotRecordedError
from app.group_commit import GroupCommit
from app.job import Job, JobRequest, JobStatus, Outcome, Work
from app.journal import Journal, accepted_line, ended_line, highest_line, removed_line
from app.recovery import Recovered
from app.status_map import RUNNING, Enqueue, Retention, StatusMap

logger = logging.getLogger(__name__)

CANCELLED, REMOVED = "cancelled", "removed"
SPARE_JOURNAL_LINES = 10_000  # a journal shorter than this is not worth compacting
JOURNAL_LINES_PER_JOB = 4


@dataclass(slots=True)
class _Submission:
    """A job on its way to being accepted."""

    request: JobRequest
    work: Work
    enqueue: Enqueue
    job: Job | None = None


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
        self.map = StatusMap(recovered or Recovered())

    # Accepting

    def accept(self, request: JobRequest, work: Work, enqueue: Enqueue) -> Job:
        """Record a job, give it the next number, and queue it. Blocks until it is recorded.

        Parameters
        ----------
        enqueue: puts the job into a queue without blocking; called in the order of the numbers

        Raises
        ------
        NotRecordedError: the journal cannot be written; the job is not accepted
        """
        submission = _Submission(request, work, enqueue)
        try:
            self._commits.submit(submission)
        except OSError as error:
            raise NotRecordedError(str(error.strerror)) from error
        if submission.job is None:
            raise RuntimeError("a recorded submission has no job")
        return submission.job

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
        first = self.map.last_number() + 1
        now = time.time()
        jobs = [Job(number, item.request, item.work, accepted_at=now) for number, item in enumerate(submissions, first)]
        flushing = len(submissions) < len(batch)
        if self._journal.is_deleted() or self._has_grown() or (flushing and not self._journal.is_in_place()):
            self._journal.rewrite(self._snapshot)
        self._journal.append(b"".join(map(accepted_line, jobs)))
        if flushing:
            self._journal.sync()
        for job, submission in zip(jobs, submissions, strict=True):
            submission.job = job
        self.map.publish(zip(jobs, (submission.enqueue for submission in submissions), strict=True))

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

    def start(self, job: Job) -> bool:
        """Mark a job as taken by a runner; False where it was cancelled while it waited."""
        return self.map.start(job)

    def work(self, job: Job) -> Work:
        """Return what computes a job.

        Raises
        ------
        ServiceError: the work of a job of an earlier run cannot be made anew
        """
        return self._answers.work(job)

    def finish(self, job: Job, outcome: Outcome) -> JobStatus:
        """Write a job's document and then mark the job as ended. Blocks on the disk, then wakes whoever waits.

        Where a result cannot be written the job ends as an error that says so. Returns the state it has ended in.
        """
        reason, checksum = outcome.reason, None
        try:
            self._answers.write(job.number, outcome.document)
            checksum = outcome.document.checksum
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
            self._journal.note(removed_line(job.number))
            try:
                self._answers.delete(job.number)
            except OSError:
                logger.exception("%s: its file cannot be removed; the next start removes it", job.id)

    # Reading

    def document(self, job: Job) -> bytes:
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
