"""The observer of the pool: each step in a job's life is counted, and told in a line of the log."""

from app.job import Job, JobStatus
from app.logger_config import log_line
from app.metrics import Metrics


class Observer:
    """Counts and logs what happens in the pool, on the thread on which it happens.

    Parameters
    ----------
    metrics: where it is counted
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def accepted(self, job: Job) -> None:
        """Note that a job was accepted."""
        self._metrics.accepted(job)
        log_line("%s accepted: %s", job.id, job.statistic)

    def ended(self, job: Job, status: JobStatus, seconds: float) -> None:
        """Note that a runner has ended a job, so many seconds after it took it."""
        self._metrics.ended(job, status, seconds)
        log_line("%s ended: %s in %.1f ms", job.id, status, seconds * 1000)

    def runner_replaced(self) -> None:
        """Note that a runner has died and was replaced; the runner itself has logged why."""
        self._metrics.runner_replaced()
