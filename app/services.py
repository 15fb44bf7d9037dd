"""What the routes call: the parts of one running server, put together once."""

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial

import orjson

from app.charts.converter import Converter
from app.data_ingestor import DataIngestor
from app.errors import ServiceError, UnavailableError
from app.jobs.job import Job, Submission, error_document, fingerprint
from app.jobs.job_store import JobStore, Maintenance
from app.logger_config import Log
from app.metrics import Metrics
from app.planner import CurrentPlanner
from app.settings import Settings
from app.task_runner import ThreadPool

logger = logging.getLogger(__name__)

MOST_WAITING_REQUESTS = 1024  # a quarter of the HTTP threads: the others go on answering
NOT_READY_RETRY_SECONDS = 5


@dataclass(frozen=True)
class Services:
    """The table, the jobs and the pool of one server."""

    settings: Settings
    ingestor: DataIngestor
    planner: CurrentPlanner
    store: JobStore
    pool: ThreadPool
    maintenance: Maintenance
    metrics: Metrics
    converter: Converter
    log: Log
    _closing: threading.Lock = field(default_factory=threading.Lock)
    _closed: threading.Event = field(default_factory=threading.Event)
    _waits: threading.BoundedSemaphore = field(
        default_factory=partial(threading.BoundedSemaphore, MOST_WAITING_REQUESTS)
    )

    def submit(self, statistic: str, raw: bytes, key: str | None = None) -> Job:
        """Turn the body of a request into an accepted job. Blocks until it is recorded on disk.

        The job keeps the table that its body was checked against. With a key that came with the same request before, it
        is the job of that time.

        Raises
        ------
        UnavailableError: no job is accepted now
        InvalidRequestError: the body asks for nothing that can be computed
        KeyReusedError: the key came with another request before
        """
        if key is None:
            return self._accept(statistic, raw)
        submission = Submission(key, fingerprint(statistic, raw))
        return self._once(submission, lambda: [self._accept(statistic, raw, submission)])[0]

    def submit_batch(self, raw: bytes, key: str | None = None) -> list[Job]:
        """Turn a list of requests into accepted jobs, all of them or none; otherwise as ``submit``.

        Raises
        ------
        UnavailableError, InvalidRequestError, KeyReusedError: as ``submit``
        """
        if key is None:
            return self._accept_all(raw, Submission())
        submission = Submission(key, fingerprint("batch", raw))
        return self._once(submission, lambda: self._accept_all(raw, submission))

    def _accept(self, statistic: str, raw: bytes, submission: Submission | None = None) -> Job:
        self.pool.check_open()
        plan = self.planner.get().plan(statistic, raw)
        request = replace(plan.request, submission=submission) if submission else plan.request
        return self.pool.add_task(request, plan.work)

    def _accept_all(self, raw: bytes, submission: Submission) -> list[Job]:
        self.pool.check_open()
        plans = self.planner.get().plan_batch(raw)
        parts = [replace(submission, place=place, jobs=len(plans)) for place in range(len(plans))]
        requests = [replace(plan.request, submission=part) for plan, part in zip(plans, parts, strict=True)]
        return self.pool.add_tasks([(request, plan.work) for request, plan in zip(requests, plans, strict=True)])

    def _once(self, submission: Submission, accept: Callable[[], list[Job]]) -> list[Job]:
        """Return the jobs that a submission has made when it came before; otherwise those that are accepted now."""
        with self.store.keys.lock_for(submission.key):
            return self.store.keys.jobs_of(submission) or accept()

    def wait(self, jobs: Iterable[Job], seconds: float) -> None:
        """Block until all the jobs have ended, at most so many seconds; not at all while too many others wait."""
        if seconds > 0 and self._waits.acquire(blocking=False):
            deadline = time.monotonic() + seconds
            try:
                for job in jobs:
                    self.store.map.wait(job, deadline - time.monotonic())
            finally:
                self._waits.release()

    def documents(self, job_ids: Iterable[str], seconds: float) -> dict[str, bytes]:
        """Return the JSON document of each job, or why there is none. Blocks as ``wait`` does, and on the disk."""
        found = {job_id: self._found(job_id) for job_id in job_ids}
        self.wait((job for job in found.values() if isinstance(job, Job)), seconds)
        return {
            job_id: self.store.document(job).content if isinstance(job, Job) else error_document(job.reason).content
            for job_id, job in found.items()
        }

    def _found(self, job_id: str) -> Job | ServiceError:
        try:
            return self.store.map.find(job_id)
        except ServiceError as error:
            return error

    def question_name(self, job: Job) -> str:
        """Return what a file may call the question of a job: its id in the table of now, or its text as it was sent."""
        if job.request is None:
            return ""
        asked = str(orjson.loads(job.request.body).get("question", ""))
        questions = (data.question for data in self.ingestor.table.questions)
        return next((question.id for question in questions if question.text == asked and question.id), asked)

    def check_ready(self) -> None:
        """Check that jobs can be taken and recorded. Writes to the disk.

        Raises
        ------
        UnavailableError: they cannot; the reason says why
        """
        self.pool.check_open()
        try:
            self.store.flush()
            with tempfile.TemporaryFile(dir=self.settings.results_dir) as file:
                file.write(b"ready")
        except OSError as error:
            reason = f"the results folder cannot be written to: {error.strerror}"
            raise UnavailableError(reason, NOT_READY_RETRY_SECONDS) from error

    def drain(self) -> bool:
        """Finish the accepted jobs within the time set. Returns whether every job has ended."""
        return self.pool.drain(self.settings.drain_seconds)

    def close(self) -> bool:
        """Drain the pool, then write out the journal and the log. Returns whether every job has ended.

        May be called more than once and from more than one thread.
        """
        with self._closing:
            if self._closed.is_set():
                return self.store.map.unfinished() == 0
            drained = self.drain()
            self.maintenance.stop()
            self.converter.close()
            try:
                self.store.close()
            except OSError:
                logger.exception("the journal cannot be written out; the next start finds the results all the same")
            self.log.close()
            self._closed.set()
        return drained
