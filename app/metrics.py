"""What is counted for Prometheus: jobs by statistic, requests by route. Never an id as a label."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from app.job import Job, JobStatus

JOB_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)
REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)


class Metrics:
    """The counters of one server; an observer of its pool. Safe to use from many threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._accepted = self._counter("stats_jobs_accepted", "Jobs accepted", "statistic")
        self._finished = self._counter("stats_jobs_finished", "Jobs that are done", "statistic")
        self._failed = self._counter("stats_jobs_failed", "Jobs that ended as an error", "statistic")
        self._replaced = self._counter("stats_runners_replaced", "Runner threads that died and were replaced")
        self._requests = self._counter("stats_http_requests", "Requests answered", "method", "route", "status")
        self.queue_length = Gauge("stats_queue_length", "Jobs that wait for a runner", registry=self.registry)
        self.runners_alive = Gauge("stats_runners_alive", "Runner threads alive", registry=self.registry)
        self._job_seconds = Histogram(
            "stats_job_seconds",
            "From a runner's taking a job to its end",
            ["statistic"],
            buckets=JOB_SECONDS,
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "stats_http_request_seconds",
            "From a request's arrival to its answer",
            ["route"],
            buckets=REQUEST_SECONDS,
            registry=self.registry,
        )

        # Looking up the counter of given labels costs more than counting, so the ones in use are kept at hand.
        self._of_accepted = cache(self._accepted.labels)
        self._of_finished = cache(self._finished.labels)
        self._of_failed = cache(self._failed.labels)
        self._of_job_seconds = cache(self._job_seconds.labels)
        self._of_requests = cache(self._requests.labels)
        self._of_request_seconds = cache(self._request_seconds.labels)

    def accepted(self, job: Job) -> None:
        """Count an accepted job."""
        self._of_accepted(job.statistic).inc()

    def ended(self, job: Job, status: JobStatus, seconds: float) -> None:
        """Count a job that has ended."""
        counter_of = self._of_finished if status is JobStatus.DONE else self._of_failed
        counter_of(job.statistic).inc()
        self._of_job_seconds(job.statistic).observe(seconds)

    def runner_replaced(self) -> None:
        """Count a runner that died."""
        self._replaced.inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; ``route`` is the rule that matched, never the path."""
        self._of_requests(method, route, status).inc()
        self._of_request_seconds(route).observe(seconds)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, labels, registry=self.registry)
