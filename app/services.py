"""Services: the parts of one running server, and what the routes call."""

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import orjson

from app.charts.pictures import Pictures
from app.data_ingestor import DataIngestor
from app.errors import ConflictError, ServiceError, TableGoneError, UnavailableError, one_line
from app.events import Events
from app.jobs.byte_cache import ByteCache
from app.jobs.job import Access, Job, JobStatus, Submission, fingerprint
from app.jobs.job_store import JobStore, Maintenance
from app.logger_config import Log
from app.metrics import Metrics
from app.planner import Planners
from app.process.limits import http_threads
from app.settings import Settings
from app.table.survey_table import SurveyTable
from app.task_runner import ThreadPool
from app.versions.comparisons import Comparisons
from app.versions.kept_tables import KeptTables
from app.versions.version import TableVersion

logger = logging.getLogger(__name__)

WAITING_SHARE = 4  # one in so many HTTP threads may wait for jobs, so that the others keep serving
NOT_READY_RETRY_SECONDS = 5
SHARED_KEY = "shared "  # begins the keys of shared jobs; clients cannot send a key with a space


@dataclass(frozen=True)
class Services:
    """The table, the jobs and the pool of one server."""

    settings: Settings
    ingestor: DataIngestor
    tables: KeptTables
    comparisons: Comparisons
    planners: Planners
    store: JobStore
    pool: ThreadPool
    maintenance: Maintenance
    metrics: Metrics
    pictures: Pictures
    log: Log
    cache: ByteCache
    events: Events
    _closing: threading.Lock = field(default_factory=threading.Lock)
    _closed: threading.Event = field(default_factory=threading.Event)
    _waits: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(http_threads()[0] // WAITING_SHARE)
    )

    def submit(self, statistic: str, raw: bytes, key: str | None = None, client: str = "", address: str = "") -> Job:
        """Validate a request body of a client and accept its job. Blocks until the job is recorded on disk.

        The job keeps the table that its body was validated against. Under an idempotency key that was used for the same
        request before, this returns the earlier job.

        Parameters
        ----------
        address: root of the address under which the client reached the server, for the citation of the result

        Raises
        ------
        UnavailableError: no job is accepted now
        ClientQueueFullError: no job of this client is accepted now
        InvalidRequestError: the request cannot be computed
        KeyReusedError: the key was used for another request
        """
        access = _access(address)
        if key is None:
            return self._accept(statistic, raw, client, access)
        submission = Submission(key, fingerprint(statistic, raw))
        return self._once(submission, lambda: [self._accept(statistic, raw, client, access, submission)])[0]

    def submit_shared(self, statistic: str, raw: bytes, client: str = "", address: str = "") -> Job:
        """Return the job of the same request over the same table, whoever sent it today; or accept one as ``submit``.

        A job that failed is not returned again: the request may succeed now. Blocks as ``submit``, also while another
        thread submits the same request.

        Raises
        ------
        UnavailableError, ClientQueueFullError, InvalidRequestError: as ``submit``
        """
        access = _access(address)  # part of the result: its citation names both
        same = fingerprint(f"{statistic} {self.ingestor.table.id} {access.address} {access.date}", raw)
        submission = Submission(SHARED_KEY + same, same)
        with self.store.keys.lock_for(submission.key):
            for job in self.store.keys.jobs_of(submission):
                if self.store.map.status(job) is not JobStatus.ERROR:
                    return job
            return self._accept(statistic, raw, client, access, submission)

    def submit_batch(self, raw: bytes, key: str | None = None, client: str = "", address: str = "") -> list[Job]:
        """Validate a list of requests and accept their jobs, all or none; otherwise as ``submit``.

        Raises
        ------
        UnavailableError, ClientQueueFullError, InvalidRequestError, KeyReusedError: as ``submit``
        """
        access = _access(address)
        if key is None:
            return self._accept_all(raw, client, access, Submission())
        submission = Submission(key, fingerprint("batch", raw))
        return self._once(submission, lambda: self._accept_all(raw, client, access, submission))

    def _accept(
        self, statistic: str, raw: bytes, client: str, access: Access, submission: Submission | None = None
    ) -> Job:
        self.pool.check_open()
        plan = self.planners.plan(statistic, raw, access)
        request, work = plan.task()
        return self.pool.add_task(replace(request, submission=submission) if submission else request, work, client)

    def _accept_all(self, raw: bytes, client: str, access: Access, submission: Submission) -> list[Job]:
        self.pool.check_open()
        plans = self.planners.plan_batch(raw, access)
        tasks = []
        for place, plan in enumerate(plans):
            request, work = plan.task()
            part = replace(submission, place=place, jobs=len(plans))
            tasks.append((replace(request, submission=part), work))
        return self.pool.add_tasks(tasks, client)

    def _once(self, submission: Submission, accept: Callable[[], list[Job]]) -> list[Job]:
        """Return the jobs of an earlier submission under the same key, or accept new ones."""
        with self.store.keys.lock_for(submission.key):
            return self.store.keys.jobs_of(submission) or accept()

    def wait(self, jobs: Iterable[Job], seconds: float) -> None:
        """Block until all jobs have ended, for at most ``seconds``; return at once if too many requests wait."""
        if seconds > 0 and self._waits.acquire(blocking=False):
            deadline = time.monotonic() + seconds
            try:
                for job in jobs:
                    self.store.map.wait(job, deadline - time.monotonic())
            finally:
                self._waits.release()

    def jobs_by_id(self, job_ids: Iterable[str], seconds: float) -> dict[str, Job | ServiceError]:
        """Return each job, or the error for an unknown id. Blocks as ``wait``."""
        jobs = {job_id: self._job_or_error(job_id) for job_id in job_ids}
        self.wait((job for job in jobs.values() if isinstance(job, Job)), seconds)
        return jobs

    def _job_or_error(self, job_id: str) -> Job | ServiceError:
        try:
            return self.store.map.find(job_id)
        except ServiceError as error:
            return error

    def table_of(self, job: Job) -> SurveyTable:
        """Return the version of the table that a job was accepted with; the current one if that is not kept any more.

        Its result can be shown either way; the table adds abbreviations to it. Blocks on the disk.
        """
        try:
            return self.planners.of(job.request.table if job.request is not None else "").table
        except TableGoneError:
            return self.ingestor.table

    def remove_table(self, id_: str) -> TableVersion:
        """Remove a version of the table by its id. A job over it that is accepted at this very moment fails.

        Raises
        ------
        ConflictError: it is the current table, or jobs that are not finished need it
        UnknownTableError, InvalidRequestError, TableGoneError, NotRecordedError: as ``KeptTables.remove``
        """
        version = self.tables.find(id_)
        requests = (job.request for job in self.store.map.unfinished_jobs())
        jobs = sum(request is not None and request.table == version.id for request in requests)
        if jobs and version.id != self.ingestor.table.id:
            raise ConflictError(
                f"{jobs} waiting or running {'job needs' if jobs == 1 else 'jobs need'} this version of the table; "
                "cancel them, or remove it once they are done"
            )
        return self.tables.remove(version.id)

    def question_name(self, job: Job) -> str:
        """Return a job's question for a file name: its id in the current table, or else its text."""
        if job.request is None:
            return ""
        text = str(orjson.loads(job.request.body).get("question", ""))
        questions = (data.question for data in self.ingestor.table.questions)
        return next((question.id for question in questions if question.text == text and question.id), text)

    def check_ready(self) -> None:
        """Check that jobs can be accepted and recorded. Writes to the disk.

        Raises
        ------
        UnavailableError: they cannot be; the reason says why
        """
        self.pool.check_open()
        try:
            self.store.flush()
            with tempfile.TemporaryFile(dir=self.settings.results_dir) as file:
                file.write(b"ready")
        except OSError as error:
            reason = f"the results folder cannot be written to: {one_line(error)}"
            raise UnavailableError(reason, NOT_READY_RETRY_SECONDS) from error

    def drain(self, seconds: float | None = None) -> bool:
        """Finish the accepted jobs within ``seconds``, then end the event streams. Return whether every job has ended.

        Parameters
        ----------
        seconds: ``STATS_DRAIN_SECONDS`` by default
        """
        drained = self.pool.drain(self.settings.drain_seconds if seconds is None else seconds)
        self.events.close()  # after the last job, so that who follows it hears of its end
        return drained

    def close(self, drain_seconds: float | None = None) -> bool:
        """Drain the pool, then flush journal and log. Return whether every job has ended.

        May be called more than once, and from several threads.

        Parameters
        ----------
        drain_seconds: as for ``drain``; 0 if the pool has been drained, so that a drain that timed out is not repeated
        """
        with self._closing:
            if self._closed.is_set():
                return self.store.map.unfinished() == 0
            # The order matters: runners write documents and journal lines until they have ended, and every part logs.
            drained = self.drain(drain_seconds)
            self.maintenance.stop()
            self.pictures.close()
            self.tables.mend_current()  # the next start may find another table in its source
            try:
                self.store.close()
            except OSError:
                logger.exception("the journal cannot be flushed; the next start recovers from the result files")
            self.log.close()
            self._closed.set()
        return drained


def _access(address: str) -> Access:
    return Access(address, datetime.now(UTC).date().isoformat())
