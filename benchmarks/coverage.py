"""Simulate how often 95 % limits of statistics hold the true figure, and how often tests find it.

Not timed. Each simulated survey draws its respondents anew, and is published as CDC publishes: limits symmetric in the
logit, all figures rounded to tenths. Prints the tables of docs/statistics.md as Markdown.
"""

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from app.statistics.comparison import difference_with_limits
from app.statistics.disparity import gaps
from app.statistics.fits import equality, two_sided_p, weighted_line
from app.statistics.ranking import rank_limits, simulated_ranks
from app.table.cells import Values
from app.table.confidence_limits import limits_around, logit_errors

SEED = 20261126
ALPHA = 0.05
TREND_RUNS, COMPARE_RUNS, RANK_RUNS, DISPARITY_RUNS = 10_000, 20_000, 300, 5_000
SERIES = {3: (2017, 2019, 2021), 5: (2011, 2013, 2015, 2017, 2019), 11: tuple(range(2011, 2022))}
EXCESS_VARIANCES = (0.0, 0.5, 1.0, 4.0)  # of the years about the line, as multiples of the sampling variance
LEVEL, SLOPE = 30.0, 0.5  # percent; points a year, about that of adult obesity
RESPONDENTS = 1000  # effective ones: a standard error of 1.4 points
GAP = 5.0  # points, of two estimates that differ
PLACES = 52
SPREADS = (0.0, 2.0, 4.0)  # standard deviation of true figures across the places, in points
STRATA = ((30.0, 30.0, 30.0, 30.0), (26.0, 28.0, 30.0, 32.0), (20.0, 28.0, 30.0, 40.0))  # percent
COMPARED = ((5.0, 100), (5.0, 1000), (30.0, 100), (30.0, 1000))  # percent, effective respondents

Draw = np.random.Generator


@dataclass(frozen=True, slots=True)
class Rate:
    """How often, in percent, limits held the true figure, and a test found a difference."""

    label: str
    coverage: float
    power: float


def published(draw: Draw, percent: Values, respondents: int) -> tuple[Values, Values]:
    """Return estimates of some prevalences with the standard errors that follow from their published limits."""
    shares = draw.binomial(respondents, percent / 100) / respondents
    errors = 100 * np.sqrt(shares * (1 - shares) / respondents)
    low, high = limits_around(100 * shares, errors, np.ones(percent.shape, np.bool_))
    values, low, high = (np.round(figures, 1) for figures in (100 * shares, low, high))
    return values, logit_errors(values, low, high)


def simulate_trend(draw: Draw, years: Sequence[int], excess: float, runs: int) -> Rate:
    """Return the rates of slopes; the years lie off the line by ``excess`` times the sampling variance."""
    x = np.array(years, np.float64)
    line = LEVEL + SLOPE * (x - x.mean())
    scatter = math.sqrt(excess * LEVEL * (100 - LEVEL) / RESPONDENTS)
    held = found = 0
    for _ in range(runs):
        values, errors = published(draw, line + draw.normal(0, scatter, x.size), RESPONDENTS)
        slope = weighted_line(x, values, errors, x).slope
        held += slope.low <= SLOPE <= slope.high
        found += slope.p_value < ALPHA
    return Rate(f"{len(years)} years, excess variance {excess:g}", 100 * held / runs, 100 * found / runs)


def simulate_compare(draw: Draw, percent: float, respondents: int, runs: int) -> Rate:
    """Return the rates of differences between two independent estimates that differ by ``GAP``."""
    values, errors = published(draw, np.tile([percent + GAP, percent], (runs, 1)), respondents)
    held = found = 0
    for difference, error in zip(values[:, 0] - values[:, 1], np.hypot(errors[:, 0], errors[:, 1]), strict=True):
        limits = difference_with_limits(float(difference), float(error))
        held += limits["low"] <= GAP <= limits["high"]
        found += two_sided_p(difference / error) < ALPHA
    label = f"{percent + GAP:g} % and {percent:g} %, {respondents} effective respondents each"
    return Rate(label, 100 * held / runs, 100 * found / runs)


def simulate_rank(draw: Draw, spread: float, runs: int) -> Rate:
    """Return how often the limits of ranks hold the true ones; places that are truly equal share a range of ranks.

    The power is how often the whole interval of the place with the lowest figure is in the better half.
    """
    scores = special.ndtri((np.arange(PLACES) + 0.5) / PLACES)
    truth = LEVEL + spread * scores / scores.std()
    lowest, highest = (np.searchsorted(truth, truth, side=side) for side in ("left", "right"))
    held = found = 0
    for _ in range(runs):
        values, errors = published(draw, truth, RESPONDENTS)
        low, high = rank_limits(simulated_ranks(values, errors, 1.0, is_logit=True))
        held += int(np.count_nonzero((low <= highest) & (high > lowest)))
        found += bool(high[0] <= PLACES // 2)
    label = f"{PLACES} locations, standard deviation of the true figures {spread:g} points"
    return Rate(label, 100 * held / runs / PLACES, 100 * found / runs)


def simulate_disparity(draw: Draw, percents: Sequence[float], runs: int) -> list[Rate]:
    """Return the rates of the difference and the ratio of the strata that come out as worst and best.

    The true figures are those of these two strata, and the test is that of equality.
    """
    truth = np.array(percents)
    held, found = np.zeros(2), 0
    for _ in range(runs):
        values, errors = published(draw, truth, RESPONDENTS)
        named = [int(values.argmax()), int(values.argmin())]
        true_worst, true_best = truth[named].tolist()
        true_gaps = true_worst - true_best, true_worst / true_best
        for place, (gap, true) in enumerate(zip(gaps(values[named], errors[named]), true_gaps, strict=True)):
            held[place] += gap["low"] <= true <= gap["high"]
        p_value = equality(values, errors)["p_value"]
        found += p_value is not None and p_value < ALPHA
    strata = ", ".join(f"{percent:g}" for percent in percents)
    names = ("absolute", "relative")
    return [
        Rate(f"{name} gap, strata of {strata} %", 100 * count / runs, 100 * found / runs)
        for name, count in zip(names, held.tolist(), strict=True)
    ]


def all_rates(
    trend_runs: int = TREND_RUNS,
    compare_runs: int = COMPARE_RUNS,
    rank_runs: int = RANK_RUNS,
    disparity_runs: int = DISPARITY_RUNS,
) -> dict[str, list[Rate]]:
    """Return the rates of every scenario by statistic; the same ones at every call."""
    draw = np.random.default_rng(SEED)
    return {
        "trend": [simulate_trend(draw, years, e, trend_runs) for years in SERIES.values() for e in EXCESS_VARIANCES],
        "compare": [simulate_compare(draw, percent, size, compare_runs) for percent, size in COMPARED],
        "rank": [simulate_rank(draw, spread, rank_runs) for spread in SPREADS],
        "disparity": [rate for percents in STRATA for rate in simulate_disparity(draw, percents, disparity_runs)],
    }


def as_markdown(rates: dict[str, list[Rate]]) -> Iterable[str]:
    """Yield the lines of one table."""
    yield "| statistic | scenario | coverage of the 95 % limits, % | power, % |"
    yield "| --- | --- | --- | --- |"
    for statistic, found in rates.items():
        for rate in found:
            yield f"| `{statistic}` | {rate.label} | {rate.coverage:.1f} | {rate.power:.1f} |"


if __name__ == "__main__":
    sys.stdout.write("\n".join(as_markdown(all_rates())) + "\n")
