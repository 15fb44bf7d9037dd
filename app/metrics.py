"""What is counted for Prometheus: jobs by statistic, requests by route. Never an id as a label."""

import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.utils import floatToGoString

from app.jobs.job import Job, JobStatus
from app.logger_config import log_line

JOB_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)
REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)


class _Histogram:
    """Durations by one label, counted into buckets for the official client to write out.

    The client's own histogram takes a lock for each of its numbers; here one lock is taken for all.

    Parameters
    ----------
    bounds: upper bounds of the buckets in seconds, ascending
    """

    def __init__(self, name: str, documentation: str, label: str, bounds: Sequence[float]) -> None:
        self._about = (name, documentation)
        self._label = label
        self._bounds = bounds
        self._lock = threading.Lock()  # guards _counts and _sums
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, value: str, seconds: float) -> None:
        """Count a duration under a value of the label."""
        bucket = bisect_left(self._bounds, seconds)
        with self._lock:
            counts = self._counts.get(value)
            if counts is None:
                counts = self._counts[value] = [0] * (len(self._bounds) + 1)
                self._sums[value] = 0.0
            counts[bucket] += 1
            self._sums[value] += seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Give the client what has been counted."""
        family = HistogramMetricFamily(*self._about, labels=[self._label])
        bounds = [*map(floatToGoString, self._bounds), "+Inf"]
        with self._lock:
            counted = [(value, list(accumulate(counts)), self._sums[value]) for value, counts in self._counts.items()]
        for value, counts, seconds in counted:
            family.add_metric([value], list(zip(bounds, counts, strict=True)), sum_value=seconds)
        yield family


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
        self._job_seconds = _Histogram(
            "stats_job_seconds", "From a runner's taking a job to its end", "statistic", JOB_SECONDS
        )
        self._request_seconds = _Histogram(
            "stats_http_request_seconds", "From a request's arrival to its answer", "route", REQUEST_SECONDS
        )
        for histogram in (self._job_seconds, self._request_seconds):
            self.registry.register(histogram)

        # Looking up the counter of given labels costs more than counting, so the ones in use are kept at hand.
        self._of_accepted = cache(self._accepted.labels)
        self._of_finished = cache(self._finished.labels)
        self._of_failed = cache(self._failed.labels)
        self._of_requests = cache(self._requests.labels)

    def accepted(self, job: Job) -> None:
        """Count an accepted job."""
        self._of_accepted(job.statistic).inc()

    def ended(self, job: Job, status: JobStatus, seconds: float) -> None:
        """Count a job that has ended."""
        counter_of = self._of_finished if status is JobStatus.DONE else self._of_failed
        counter_of(job.statistic).inc()
        self._job_seconds.observe(job.statistic, seconds)

    def runner_replaced(self) -> None:
        """Count a runner that died."""
        self._replaced.inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; ``route`` is the rule that matched, never the path."""
        self._of_requests(method, route, status).inc()
        self._request_seconds.observe(route, seconds)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, labels, registry=self.registry)


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
