"""What the routes call: the parts of one running server, put together once."""

from dataclasses import dataclass
from functools import partial

from app.data_ingestor import DataIngestor
from app.job_store import Job, JobStore
from app.logger_config import close_logging
from app.query import parse_body, resolve
from app.settings import Settings
from app.statistics import Statistic
from app.task_runner import ThreadPool


@dataclass(frozen=True, slots=True)
class Services:
    """The table, the jobs and the pool of one server."""

    settings: Settings
    ingestor: DataIngestor
    store: JobStore
    pool: ThreadPool

    def submit(self, statistic: Statistic, raw: bytes) -> Job:
        """Turn the body of a request into an accepted job.

        The job keeps the table that its body was checked against.

        Raises
        ------
        ShuttingDownError: no more jobs are taken
        InvalidRequestError: the body asks for nothing that can be computed
        """
        self.pool.check_open()
        body = parse_body(raw, statistic.body)
        table = self.ingestor.table
        query = resolve(body, table)
        return self.pool.add_task(statistic.name, partial(statistic.compute, table, query))

    def close(self) -> bool:
        """Drain the pool within the time set, then write out the log. Returns whether every job has ended."""
        drained = self.pool.drain(self.settings.drain_seconds)
        close_logging()
        return drained
