"""Metrics of one server for Prometheus: jobs by statistic, requests by route. Labels never hold an id."""

from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from app.jobs.job import Job, JobStatus

JOB_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)
REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)


class Metrics:
    """Counts what happens in one server, and logs each step of a job as it counts it. Thread-safe.

    Parameters
    ----------
    log: writes a line of information, given a format and its values
    """

    def __init__(self, log: Callable[..., None]) -> None:
        self.registry = CollectorRegistry()
        self.queue_length = Gauge("stats_queue_length", "Jobs that wait for a runner", registry=self.registry)
        self.runners_alive = Gauge("stats_runners_alive", "Runner threads alive", registry=self.registry)
        self.log_lines_dropped = self._counter("stats_log_lines_dropped", "Lines that the log could not take")
        self._log = log
        self._replaced = self._counter("stats_runners_replaced", "Runner threads that died and were replaced")
        # Looking up the child of a label costs more than counting, so each child is cached.
        self._accepted = cache(self._counter("stats_jobs_accepted", "Jobs accepted", "statistic").labels)
        self._finished = cache(self._counter("stats_jobs_finished", "Jobs that are done", "statistic").labels)
        self._failed = cache(self._counter("stats_jobs_failed", "Jobs that ended as an error", "statistic").labels)
        self._requests = cache(
            self._counter("stats_http_requests", "Requests answered", "method", "route", "status").labels
        )
        self._job_seconds = cache(
            self._histogram(
                "stats_job_seconds", "Seconds that a runner spent on a job", "statistic", JOB_SECONDS
            ).labels
        )
        self._request_seconds = cache(
            self._histogram(
                "stats_http_request_seconds", "Seconds from a request to its response", "route", REQUEST_SECONDS
            ).labels
        )

    def accepted(self, job: Job) -> None:
        """Count and log an accepted job."""
        self._accepted(job.statistic).inc()
        self._log("%s accepted: %s", job.id, job.statistic)

    def ended(self, job: Job, status: JobStatus, seconds: float) -> None:
        """Count and log a job that ended, and the seconds since a runner took it."""
        counter_of = self._finished if status is JobStatus.DONE else self._failed
        counter_of(job.statistic).inc()
        self._job_seconds(job.statistic).observe(seconds)
        self._log("%s ended: %s in %.1f ms", job.id, status, seconds * 1000)

    def runner_replaced(self) -> None:
        """Count a runner that died and was replaced; the runner itself logs why."""
        self._replaced.inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; ``route`` is the rule that matched, never the path."""
        self._requests(method, route, status).inc()
        self._request_seconds(route).observe(seconds)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, labels, registry=self.registry)

    def _histogram(self, name: str, documentation: str, label: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, documentation, [label], buckets=buckets, registry=self.registry)
