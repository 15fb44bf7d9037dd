"""Rank, compare_all and the test of equality of disparity against SciPy, statsmodels and plain Python."""

import json
import math
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests

from app.errors import InvalidRequestError
from app.planner import Planner
from app.settings import BUNDLED_TABLE
from app.statistics.ranking import DRAWS, DRAWS_AT_ONCE, SEED
from app.table.engines.pandas_reader import read_table
from support.load import scaled
from support.plain_survey import PlainEstimate, PlainRow, logit, mean_of, plain_rows
from support.real_server import PROJECT_ROOT

CDC_TABLE = PROJECT_ROOT.parent / "shared" / "data" / "cdc_2011_2021.csv.gz"
TOLERANCE = 1e-9
# On each of two tables
QUERIES, RANKINGS, DISPARITIES = scaled(100, 500), scaled(4, 500), scaled(40, 500)
Z = stats.norm.ppf(0.975)


@dataclass(frozen=True)
class Survey:
    """Our planner over a table, and its rows: all, and by question, year and stratum."""

    planner: Planner
    rows: list[PlainRow]
    by_key: dict[tuple[str, int, str], list[PlainRow]]


@pytest.fixture(scope="module", params=["bundled", "CDC"])
def survey(request: pytest.FixtureRequest) -> Survey:
    """The bundled table, and CDC's if it is there."""
    path = BUNDLED_TABLE if request.param == "bundled" else CDC_TABLE
    if not path.is_file():
        pytest.skip("the CDC table lies in ../shared/data")
    rows = plain_rows(path)
    by_key: dict[tuple[str, int, str], list[PlainRow]] = {}
    for row in rows:
        by_key.setdefault((row.question, row.year, row.stratum), []).append(row)
    return Survey(Planner(read_table(path)), rows, by_key)


def compute(planner: Planner, statistic: str, **body: Any) -> Any:
    """Return a result as a job computes it."""
    return json.loads(planner.plan(statistic, json.dumps(body).encode()).work().content)["data"]


def draw_question(draw: random.Random, rows: list[PlainRow]) -> tuple[str, int, str, str]:
    """Return the question, year, category and stratum of a random row."""
    row = draw.choice(rows)
    return row.question, row.year, row.category, row.stratum


def estimates_in(survey: Survey, question: str, year: int, stratum: str) -> dict[str, PlainEstimate]:
    """Return the estimate of each location with limits."""
    chosen = survey.by_key.get((question, year, stratum), [])
    return {row.place: mean_of([row]) for row in chosen if row.value is not None and row.low is not None}


def close(found: float | None, wanted: float) -> bool:
    return found is not None and math.isclose(found, wanted, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def test_all_comparisons_are_those_of_compare_with_p_values_adjusted_as_by_statsmodels(survey: Survey) -> None:
    planner, rows = survey.planner, survey.rows
    draw, asked = random.Random(1), 0
    while asked < QUERIES:
        question, year, category, stratum = draw_question(draw, rows)
        estimates = estimates_in(survey, question, year, stratum)
        reference = draw.choice([*sorted(estimates), None]) if estimates else None
        body = {"question": question, "years": [year], "stratification": {"category": category, "value": stratum}}
        named = {"reference": reference} if reference else {}
        try:
            data = compute(planner, "compare_all", **body, **named)
        except InvalidRequestError:
            continue
        asked += 1
        reference = reference or "National"
        base = estimates[reference]
        others = {name: each for name, each in estimates.items() if name not in {reference, "National"}}
        assert data["reference"]["location"] == reference
        assert [each["location"] for each in data["others"]] == sorted(others)
        z = {name: (each.value - base.value) / math.hypot(each.error, base.error) for name, each in others.items()}
        p_values = [2 * stats.norm.sf(abs(z[name])) for name in sorted(others)]
        adjusted = multipletests(p_values, method="fdr_bh")[1]
        for cell, p_value, p_adjusted in zip(data["others"], p_values, adjusted, strict=True):
            assert close(cell["difference"], others[cell["location"]].value - base.value)
            assert close(cell["z"], z[cell["location"]])
            assert close(cell["p_value"], p_value)
            assert close(cell["p_adjusted"], p_adjusted)
        tested = list(others.values()) + ([base] if reference != "National" else [])
        assert_equality(data["equality"], tested)


def assert_equality(found: dict[str, Any], estimates: list[PlainEstimate]) -> None:
    """Check a test of equality against the heterogeneity of a meta-analysis by statsmodels."""
    values, variances = (np.array(each) for each in zip(*((e.value, e.error**2) for e in estimates), strict=True))
    assert found["degrees_of_freedom"] == len(estimates) - 1
    if len(estimates) == 1:
        assert found["p_value"] is None
        return
    q = combine_effects(values, variances).q
    assert math.isclose(found["q"], q, rel_tol=TOLERANCE, abs_tol=1e-7)
    assert math.isclose(found["p_value"], stats.chi2.sf(q, len(estimates) - 1), rel_tol=1e-7, abs_tol=TOLERANCE)


@pytest.mark.parametrize("across", ["year", "stratum"])
def test_years_and_strata_are_compared_as_compare_does(survey: Survey, across: str) -> None:
    planner = survey.planner
    body = {"question": "Q036", "state": "Ohio"}
    education = {"category": "Education"}
    within = {"stratification": education} if across == "stratum" else {}
    data = compute(planner, "compare_all", across=across, **body, **within)
    assert data["comparisons"] == len(data["others"]) > 1
    for cell in data["others"]:
        pair = [cell[across], data["reference"][across]]
        plain = compute(planner, "compare", between={across: pair}, **body, **within)["difference"]
        assert close(cell["difference"], plain["value"])
        assert (cell["difference_low"], cell["difference_high"]) == pytest.approx((plain["low"], plain["high"]))
        assert close(cell["p_value"], plain["p_value"])
    adjusted = stats.false_discovery_control([cell["p_value"] for cell in data["others"]])
    assert [cell["p_adjusted"] for cell in data["others"]] == pytest.approx(adjusted.tolist())


def test_incomes_are_compared_with_the_lowest_and_those_who_did_not_answer_only_if_they_are_named(
    survey: Survey,
) -> None:
    body = {"question": "Q036", "state": "Ohio", "across": "stratum", "stratification": {"category": "Income"}}
    data = compute(survey.planner, "compare_all", **body)
    assert data["reference"]["stratum"] == "Less than $15,000"
    groups = {cell["stratum"] for cell in data["others"]}
    assert {"$15,000 - $24,999", "$25,000 - $34,999"} <= groups
    assert "Data not reported" not in groups
    named = compute(survey.planner, "compare_all", **body, reference="Data not reported")
    assert named["reference"]["stratum"] == "Data not reported"
    assert {cell["stratum"] for cell in named["others"]} == {*groups, "Less than $15,000"}


def test_locations_are_compared_over_the_years_that_both_have(survey: Survey) -> None:
    planner = survey.planner
    data = compute(planner, "compare_all", question="Q018", reference="Florida")  # it lacks a year in CDC's table
    for cell in data["others"][::7]:
        pair = [cell["location"], "Florida"]
        plain = compute(planner, "compare", question="Q018", between={"location": pair})["difference"]
        assert close(cell["difference"], plain["value"])
        assert close(cell["standard_error"], plain["standard_error"])


def simulated_ranks(estimates: list[PlainEstimate], sign: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the ranks of each draw by SciPy, on the logit scale, from the same random numbers."""
    p = [each.value / 100 for each in estimates]
    middles = [logit(each.value) for each in estimates]
    errors = [each.error / 100 / (share * (1 - share)) for each, share in zip(estimates, p, strict=True)]
    random_numbers = np.random.default_rng(SEED)
    blocks = []
    for _ in range(DRAWS // DRAWS_AT_ONCE):
        draws = sign * (np.array(middles) + np.array(errors) * random_numbers.standard_normal((DRAWS_AT_ONCE, len(p))))
        blocks.append(stats.rankdata(draws, axis=1).astype(np.int64))
    return np.concatenate(blocks)


def test_ranks_and_their_limits_are_those_of_the_simulation(survey: Survey) -> None:
    draw, asked = random.Random(3), 0
    while asked < RANKINGS:
        question, year, category, stratum = draw_question(draw, survey.rows)
        body = {"question": question, "years": [year], "stratification": {"category": category, "value": stratum}}
        sign = draw.choice([1, -1])
        try:
            data = compute(survey.planner, "rank", n=10, best="min" if sign > 0 else "max", **body)
        except InvalidRequestError:
            continue  # fewer than two locations have a reliable estimate
        asked += 1
        assert_ranks(data, estimates_in(survey, question, year, stratum), sign)


def assert_ranks(data: Any, estimates: dict[str, PlainEstimate], sign: int) -> None:
    """Check ranks, their limits and chances against a simulation by SciPy."""
    ranked = [cell for cell in data["locations"] if cell["rank"] is not None]
    assert data["ranked"] == len(ranked)
    assert not any({"unreliable", "nchs"} & set(cell["flags"]) for cell in ranked)
    places = sorted(cell["location"] for cell in ranked)
    ranks = simulated_ranks([estimates[place] for place in places], sign)
    by_place = {cell["location"]: cell for cell in ranked}
    for place, of_place in zip(places, ranks.T, strict=True):
        cell, ordered = by_place[place], np.sort(of_place)
        # The smallest rank with more than 2.5 % of the draws up to it, and the smallest with 97.5 % up to it.
        assert cell["rank_low"] == ordered[DRAWS // 40]
        assert cell["rank_high"] == ordered[DRAWS - DRAWS // 40 - 1]
        assert cell["chance_best"] == np.mean(of_place <= 10)
        assert cell["chance_worst"] == np.mean(of_place > len(places) - 10)
        better = sum(sign * (estimates[other].value - estimates[place].value) < 0 for other in places)
        assert cell["rank"] == better + 1
    assert [cell["rank"] for cell in ranked] == sorted(cell["rank"] for cell in ranked)


def test_locations_that_are_not_ranked_come_last_without_a_rank(survey: Survey) -> None:
    planner, rows = survey.planner, survey.rows
    races = sorted({row.stratum for row in rows if row.category == "Race/Ethnicity"})
    doubtful = {"suppressed", "not_reported", "unreliable", "nchs", "no_limits"}
    seen = 0
    for race in races:
        stratum = {"category": "Race/Ethnicity", "value": race}
        try:
            data = compute(planner, "rank", question="Q036", stratification=stratum)
        except InvalidRequestError:
            continue  # too few locations have a reliable estimate
        unranked = data["locations"][data["ranked"] :]
        assert all(cell["rank"] is cell["rank_low"] is cell["chance_best"] is None for cell in unranked)
        assert all(doubtful & set(cell["flags"]) for cell in unranked)
        assert "National" not in {cell["location"] for cell in data["locations"]}
        seen += len(unranked)
    assert seen


def assert_gaps(data: Any, worst: PlainEstimate, best: PlainEstimate) -> None:
    """Check the two gaps of a disparity with their limits; the relative one's are those of the logarithm."""
    gap, ratio = worst.value - best.value, worst.value / best.value
    half_width = Z * math.hypot(worst.error, best.error)
    factor = math.exp(Z * math.hypot(worst.error / worst.value, best.error / best.value))
    for figures, expected in (
        (data["absolute_gap"], (gap, gap - half_width, gap + half_width)),
        (data["relative_gap"], (ratio, ratio / factor, ratio * factor)),
    ):
        assert [figures[name] for name in ("value", "low", "high")] == pytest.approx(expected, rel=TOLERANCE, abs=1e-9)


def test_a_disparity_tests_whether_the_strata_that_it_compares_are_equal(survey: Survey) -> None:
    planner, rows = survey.planner, survey.rows
    draw, asked, doubted = random.Random(1), 0, 0
    while asked < DISPARITIES:
        row = draw.choice(rows)
        body = {
            "question": row.question,
            "state": row.place,
            "stratification": {"category": row.category},
            "best": "min",
        }
        try:
            data = compute(planner, "disparity", **body, years=[row.year])
        except InvalidRequestError:
            continue  # fewer than two strata can be compared
        asked += 1
        cell = (row.place, row.question, row.year, row.category)
        left = [each for each in rows if (each.place, each.question, each.year, each.category) == cell]
        compared = {group["stratum"] for group in data["groups"] if group["compared"]}
        doubtful = {group["stratum"] for group in data["groups"] if {"unreliable", "nchs"} & set(group["flags"])}
        assert {data["best"], data["worst"]} <= compared
        assert not compared & doubtful
        doubted += len(doubtful)
        worst, best = (mean_of([each for each in left if each.stratum == data[end]]) for end in ("worst", "best"))
        assert_gaps(data, worst, best)
        assert_equality(data["equality"], [mean_of([each]) for each in left if each.stratum in compared])
    assert doubted


@pytest.mark.parametrize(
    ("statistic", "body", "reason"),
    [
        ("compare_all", {"state": "OH"}, 'leave "state" out'),
        ("compare_all", {"exclude": ["OH"], "reference": "OH"}, 'left out by "exclude"'),
        ("compare_all", {"across": "year", "reference": "Ohio"}, "must be a year"),
        ("compare_all", {"across": "year", "reference": 1999}, "is not among the years"),
        ("compare_all", {"across": "stratum"}, "name the category"),
        (
            "compare_all",
            {"across": "stratum", "stratification": {"category": "Gender", "value": "Male"}},
            'leave "value" out',
        ),
        ("compare_all", {"locations": ["OH"], "reference": "OH"}, "at least one other"),
        ("rank", {"locations": ["OH"]}, "fewer than two locations"),
        ("rank", {"n": 0}, "at least 1"),
        ("rank", {"stratification": {"category": "Gender"}}, "cannot be averaged"),
    ],
)
def test_a_request_that_cannot_be_computed_is_rejected(statistic: str, body: dict[str, Any], reason: str) -> None:
    planner = Planner(read_table(BUNDLED_TABLE))
    with pytest.raises(InvalidRequestError) as raised:
        compute(planner, statistic, question="Q036", **body)
    assert reason in raised.value.reason
