"""Measure jobs per second of our server and its rivals in turns, and a job's latency at half our rate."""

from collections.abc import Iterable, Mapping
from statistics import median

from benchmarks.comparison import NOTHING, Comparison, rate_over
from benchmarks.contenders import CEILING, CELERY, DEVELOPMENT, OURS, PLACED_CEILING, all_contenders
from benchmarks.progress import print_now
from benchmarks.wrk_load import Contender, run_load

WARM_UP_SECONDS = 1
RIVAL_TARGET = 10.0
CEILING_TARGET = 0.6
CATEGORY_TARGET = 25.0
P99_TARGET_MS = 5.0

Rates = dict[str, float]


def compare_serving(*, rounds: int, seconds: int, latency_seconds: int, with_celery: bool) -> list[Comparison]:
    """Measure the servers against each other.

    Raises
    ------
    VoidRunError: an answer was wrong or missing
    """
    with all_contenders(with_celery=with_celery) as contenders:
        means = _rates(contenders, contenders, "global_mean", rounds, seconds)
        by_category = _rates(contenders, (OURS, DEVELOPMENT), "mean_by_category", rounds, seconds)
        latency = _latency(contenders[OURS], means[OURS] / 2, rounds, latency_seconds)
    targets = {DEVELOPMENT: RIVAL_TARGET, CELERY: RIVAL_TARGET, CEILING: CEILING_TARGET, PLACED_CEILING: None}
    compared = [
        rate_over(f"`global_mean`, {name}", means[OURS], means[name], "jobs/s", target)
        for name, target in targets.items()
        if name in means
    ]
    ours, rival = by_category[OURS], by_category[DEVELOPMENT]
    compared.append(rate_over(f"`mean_by_category`, {DEVELOPMENT}", ours, rival, "jobs/s", CATEGORY_TARGET))
    return [*compared, latency]


def _rates(
    contenders: Mapping[str, Contender], names: Iterable[str], statistic: str, rounds: int, seconds: int
) -> Rates:
    """Return each server's median jobs per second over the rounds; one server is under load at a time."""
    for name in names:
        run_load(contenders[name], statistic, WARM_UP_SECONDS)
    turns: dict[str, list[float]] = {name: [] for name in names}
    for number in range(1, rounds + 1):
        for name in names:
            load = run_load(contenders[name], statistic, seconds)
            turns[name].append(load.jobs_per_second)
            print_now(f"{statistic}, round {number}, {name}: {load.jobs_per_second:,.0f} jobs/s")
    return {name: median(rates) for name, rates in turns.items()}


def _latency(ours: Contender, jobs_per_second: float, rounds: int, seconds: int) -> Comparison:
    """Measure the time from acceptance to done under random arrivals; return the rounds' median percentiles.

    The time is from the answer to the posting until the answer that says done, both as the client sees them, so that
    the journey there and back is counted too.
    """
    loads = [run_load(ours, "global_mean", seconds, jobs_per_second) for _ in range(rounds)]
    rate = median(load.jobs_per_second for load in loads)
    p50_ms, p99_ms = median(load.p50_ms for load in loads), median(load.p99_ms for load in loads)
    print_now(f"from acceptance to done at {rate:,.0f} jobs/s: median {p50_ms:.2f} ms, 99th percentile {p99_ms:.2f} ms")
    what = f"from acceptance to done at {rate:,.0f} jobs/s, 99th percentile"
    shown = f"{p99_ms:.2f} ms (median {p50_ms:.2f} ms)"
    return Comparison(what, shown, NOTHING, p99_ms, P99_TARGET_MS, at_least=False, unit="ms")
