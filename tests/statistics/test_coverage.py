"""Coverage and power of limits by simulation, with few runs; `make bench_coverage` has many."""

import numpy as np
import pytest

from benchmarks.coverage import (
    SERIES,
    STRATA,
    all_rates,
    as_markdown,
    simulate_compare,
    simulate_disparity,
    simulate_rank,
    simulate_trend,
)
from support.real_server import PROJECT_ROOT

RUNS = 1500  # a coverage of 95 % is then known to 0.6 points (standard error)


@pytest.mark.parametrize("years", SERIES)
@pytest.mark.parametrize(("excess", "least"), [(0.0, 95.0), (0.5, 92.0)])
def test_the_limits_of_a_trend_hold(years: int, excess: float, least: float) -> None:
    rate = simulate_trend(np.random.default_rng(years), SERIES[years], excess, RUNS)
    assert least <= rate.coverage <= 98.5


def test_the_limits_of_a_difference_hold() -> None:
    rate = simulate_compare(np.random.default_rng(1), 30.0, 1000, RUNS)
    assert 93 <= rate.coverage <= 97
    assert 60 <= rate.power <= 72


def test_the_limits_of_ranks_hold() -> None:
    rate = simulate_rank(np.random.default_rng(1), 4.0, 20)  # of 52 places each
    assert 93 <= rate.coverage <= 99


def test_the_limits_of_a_gap_hold_where_the_strata_differ() -> None:
    rates = simulate_disparity(np.random.default_rng(1), STRATA[-1], RUNS)
    assert all(93 <= rate.coverage <= 97 for rate in rates)


def test_equal_strata_are_called_different_in_one_survey_of_twenty() -> None:
    rates = simulate_disparity(np.random.default_rng(1), STRATA[0], RUNS)
    assert all(3 <= rate.power <= 7 for rate in rates)


def test_the_documentation_has_every_scenario() -> None:
    document = (PROJECT_ROOT / "docs" / "statistics.md").read_text()
    for line in as_markdown(all_rates(trend_runs=1, compare_runs=1, rank_runs=1, disparity_runs=1)):
        about = line.rsplit("|", 3)[0] if line.startswith("| `") else line
        assert about in document
