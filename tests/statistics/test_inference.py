"""Trend, compare, disparity and correlate against statsmodels and SciPy called directly, on random queries."""

import json
import math
import random
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from app.errors import InvalidRequestError
from app.planner import Planner
from app.settings import BUNDLED_TABLE
from app.statistics.fits import spearman, weighted_line
from app.table.engines.pandas_reader import read_table
from support.load import scaled
from support.plain_survey import PlainCell, PlainRow, Z, cell_of, kept, mean_of, plain_rows
from support.real_server import PROJECT_ROOT

CDC_TABLE = PROJECT_ROOT.parent / "shared" / "data" / "cdc_2011_2021.csv.gz"
# On each of two tables
QUERIES_EACH = {"trend": scaled(100, 500), "correlate": scaled(100, 500), "compare": scaled(40, 170)}
TOLERANCE = 1e-9
QUESTIONS = ["Q018", "Q019", "Q036", "Q037", "Q043", "Q044", "Q045", "Q046", "Q047"]
BEST = {"Q018": "min", "Q019": "min", "Q036": "min", "Q037": "min", "Q047": "min"}


@dataclass
class PlainTable:
    """The rows of a table, by question, and by question and stratum."""

    by_question: dict[str, list[PlainRow]] = field(default_factory=lambda: defaultdict(list))
    by_stratum: dict[tuple[str, str, str], list[PlainRow]] = field(default_factory=lambda: defaultdict(list))

    def kept(self, asked: dict[str, Any]) -> list[PlainRow]:
        """Return the rows that a body about one stratum asks for: by default the total."""
        asked = {"stratification": {"category": "Total", "value": "Total"}} | asked
        stratum = asked["stratification"]
        return kept(self.by_stratum[asked["question"], stratum["category"], stratum["value"]], asked)


Survey = tuple[Planner, PlainTable]


@pytest.fixture(scope="module", params=["bundled", "CDC"])
def survey(request: pytest.FixtureRequest) -> Survey:
    """Our planner over a table, and the rows of the same table by question."""
    path = BUNDLED_TABLE if request.param == "bundled" else CDC_TABLE
    if not path.is_file():
        pytest.skip("the CDC table lies in ../shared/data")
    table = PlainTable()
    for row in plain_rows(path):
        table.by_question[row.question].append(row)
        table.by_stratum[row.question, row.category, row.stratum].append(row)
    return Planner(read_table(path)), table


def compute(planner: Planner, statistic: str, body: dict[str, Any]) -> Any:
    """Return a result as a job computes it."""
    return json.loads(planner.plan(statistic, json.dumps(body).encode()).work().content)["data"]


def agrees(found: float | None, wanted: float) -> bool:
    """Return whether a figure is the expected one, to 1e-9 of its size or absolutely."""
    return found is not None and math.isclose(found, wanted, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def usable(rows: list[PlainRow]) -> list[PlainRow]:
    """Return the rows that have a value and limits apart from each other."""
    return [row for row in rows if row.value is not None and row.error > 0]


def answered(
    survey: Survey, statistic: str, draw_body: Callable[[random.Random, list[PlainRow]], dict[str, Any]]
) -> list[tuple[dict[str, Any], Any]]:
    """Return random valid bodies with our results."""
    planner, plain = survey
    draw, rows = random.Random(statistic), plain.by_question
    found: list[tuple[dict[str, Any], Any]] = []
    while len(found) < QUERIES_EACH[statistic]:
        body = draw_body(draw, rows[draw.choice(sorted(rows))])
        try:
            found.append((body, compute(planner, statistic, body)))
        except InvalidRequestError:
            continue  # too few years or locations; rejected requests are tested below
    return found


def trend_body(draw: random.Random, rows: list[PlainRow]) -> dict[str, Any]:
    row = draw.choice(rows)
    asked: dict[str, Any] = {"question": row.question, "state": row.place}
    if row.category and draw.random() < 0.7:
        asked["stratification"] = {"category": row.category, "value": row.stratum}
    if draw.random() < 0.3:
        asked["years"] = {"from": draw.randint(2011, 2016)}
    return asked


def test_a_trend_is_that_of_statsmodels(survey: Survey) -> None:
    _, plain = survey
    scaled_lines = 0
    for body, data in answered(survey, "trend", trend_body):
        years = sorted(usable(plain.kept(body | {"locations": [body["state"]]})), key=lambda row: row.year)
        x = sm.add_constant(np.array([row.year - 2016.0 for row in years]))
        # statsmodels' own scale, and the known variances: the larger one counts.
        model = sm.WLS([row.value for row in years], x, weights=[row.error**-2 for row in years])
        q, degrees = model.fit().scale * (len(years) - 2), len(years) - 2
        scaled = q > degrees
        fit = model.fit(use_t=True) if scaled else model.fit(cov_type="fixed scale", use_t=False)
        slope, lack_of_fit = data["slope"], data["lack_of_fit"]
        assert agrees(lack_of_fit["q"], q), body
        assert agrees(lack_of_fit["p_value"], stats.chi2.sf(q, degrees)), body
        assert agrees(lack_of_fit["scale"], math.sqrt(max(1, q / degrees))), body
        assert lack_of_fit["degrees_of_freedom"] == degrees
        assert agrees(slope["value"], fit.params[1]), body
        assert agrees(slope["standard_error"], fit.bse[1]), body
        assert agrees(slope["p_value"], fit.pvalues[1]), body
        assert all(map(agrees, (slope["low"], slope["high"]), fit.conf_int()[1])), body
        band = fit.get_prediction(x).summary_frame()
        fitted = {cell["year"]: cell for cell in data["years"]}
        for row, (_, line) in zip(years, band.iterrows(), strict=True):
            cell = fitted[row.year]
            assert agrees(cell["fitted"], line["mean"]), body
            assert agrees(cell["fitted_low"], line["mean_ci_lower"]), body
            assert agrees(cell["fitted_high"], line["mean_ci_upper"]), body
        scaled_lines += scaled
    assert 0.1 < scaled_lines / QUERIES_EACH["trend"] < 0.9


def compare_body(draw: random.Random, rows: list[PlainRow]) -> dict[str, Any]:
    one = draw.choice(rows)
    dimension = draw.choice(["location", "year", "stratum"])
    alike = {
        "location": ("category", "stratum"),
        "year": ("category", "stratum", "place"),
        "stratum": ("category", "place"),
    }[dimension]
    other = draw.choice(rows)
    while any(getattr(other, name) != getattr(one, name) for name in alike):
        other = draw.choice(rows)
    name = {"location": "place"}.get(dimension, dimension)
    body: dict[str, Any] = {
        "question": one.question,
        "between": {dimension: [getattr(one, name), getattr(other, name)]},
    }
    value = {} if dimension == "stratum" else {"value": one.stratum}
    if one.category:
        body["stratification"] = {"category": one.category, **value}
    if dimension != "location":
        body["state"] = one.place
    return body


def test_a_comparison_is_the_test_of_two_independent_estimates(survey: Survey) -> None:
    _, plain = survey
    for body, data in answered(survey, "compare", compare_body):
        ((dimension, names),) = body["between"].items()
        sides = []
        for name in names:
            change = {
                "location": {"locations": [name]},
                "year": {"years": [name], "locations": [body.get("state")]},
                "stratum": {"locations": [body.get("state")]},
            }[dimension]
            asked = body | change
            if dimension == "stratum":
                asked["stratification"] = body["stratification"] | {"value": name}
            sides.append(usable(plain.kept(asked)))
        if dimension != "year":
            shared = {row.year for row in sides[0]} & {row.year for row in sides[1]}
            sides = [[row for row in side if row.year in shared] for side in sides]
        a, b = map(mean_of, sides)
        found, error = data["difference"], math.hypot(a.error, b.error)
        assert agrees(found["value"], a.value - b.value), body
        assert agrees(found["standard_error"], error), body
        z, p = (a.value - b.value) / error, 2 * stats.norm.sf(abs(a.value - b.value) / error)
        assert agrees(found["z"], z), body
        assert agrees(found["p_value"], p), body
        low, high = stats.norm.interval(0.95, loc=a.value - b.value, scale=error)
        assert agrees(found["low"], low), body
        assert agrees(found["high"], high), body
        assert (data["a"]["years"], data["b"]["years"]) == (list(a.years), list(b.years))


def correlate_body(draw: random.Random, rows: list[PlainRow]) -> dict[str, Any]:
    one, other = draw.choice(rows), draw.choice(rows)
    body: dict[str, Any] = {"question": one.question, "other_question": draw.choice(QUESTIONS)}
    if one.category and draw.random() < 0.6:
        body["stratification"] = {"category": one.category, "value": one.stratum}
    if draw.random() < 0.5:
        body["years"] = {"from": draw.randint(2011, 2019)}
    if draw.random() < 0.3:
        body["exclude"] = [one.place, other.place]
    return body


def cells_by_place(plain: PlainTable, body: dict[str, Any]) -> list[dict[str, PlainCell]]:
    """Return the estimates of both questions of a body by location, over the years that both have."""
    asked = body | {"exclude": [*body.get("exclude", []), "National"]}
    questions = body["question"], body["other_question"]
    sides = [[row for row in plain.kept(asked | {"question": name}) if row.value is not None] for name in questions]
    shared = {row.year for row in sides[0]} & {row.year for row in sides[1]}
    found = []
    for side in sides:
        rows: dict[str, list[PlainRow]] = defaultdict(list)
        for row in side:
            if row.year in shared:
                rows[row.place].append(row)
        found.append({place: cell_of(of_place) for place, of_place in rows.items()})
    return found


def test_a_correlation_is_that_of_scipy(survey: Survey) -> None:
    _, plain = survey
    left_out = 0
    for body, data in answered(survey, "correlate", correlate_body):
        sides = cells_by_place(plain, body)
        places = sorted(sides[0].keys() & sides[1].keys())
        unreliable = [place for place in places if any(side[place].flags & {"unreliable", "nchs"} for side in sides)]
        places = [place for place in places if place not in unreliable]
        x, y = ([round(side[place].value, 9) for place in places] for side in sides)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            by_value, by_rank = stats.pearsonr(x, y), stats.spearmanr(x, y)
        assert [pair["location"] for pair in data["pairs"]] == places, body
        assert [pair["location"] for pair in data["left_out"]] == unreliable, body
        assert len(data["notes"]) == 1 + bool(unreliable)
        assert agrees(data["pearson"]["r"], by_value.statistic), body
        assert agrees(data["pearson"]["p_value"], by_value.pvalue), body
        limits = by_value.confidence_interval()
        assert agrees(data["pearson"]["low"], limits.low), body
        assert agrees(data["pearson"]["high"], limits.high), body
        assert agrees(data["spearman"]["rho"], by_rank.statistic), body
        assert agrees(data["spearman"]["p_value"], by_rank.pvalue), body
        for name, side in zip("xy", sides, strict=True):
            assert_side(data, name, side)
        left_out += bool(unreliable)
    assert left_out > QUERIES_EACH["correlate"] / 50


def assert_side(data: dict[str, Any], name: str, side: dict[str, PlainCell]) -> None:
    """Check the reliability of one question of a correlation, and the limits and flags of its pairs."""
    used = [side[pair["location"]] for pair in data["pairs"]]
    noise = np.mean([cell.error**2 for cell in used])
    variance = np.var([cell.value for cell in used], ddof=1)
    assert agrees(data["reliability"][name], max(0.0, float(1 - noise / variance)))
    for pair in (*data["pairs"], *data["left_out"]):
        cell = side[pair["location"]]
        assert agrees(pair[f"{name}_low"], cell.low)
        assert agrees(pair[f"{name}_high"], cell.high)
        assert set(pair[f"{name}_flags"]) - {"incomplete"} == cell.flags


def test_three_points_on_a_line_have_the_error_of_their_own_errors() -> None:
    x, errors = np.array([2017.0, 2019.0, 2021.0]), np.array([0.6, 0.6, 0.6])
    line = weighted_line(x, np.array([30.1, 31.4, 32.7]), errors, x)
    error = 0.6 / math.sqrt(8)
    assert line.slope.value == pytest.approx(0.65)
    assert line.slope.standard_error == pytest.approx(error)
    assert (line.slope.low, line.slope.high) == pytest.approx((0.65 - Z * error, 0.65 + Z * error))
    assert line.slope.p_value == pytest.approx(2 * stats.norm.sf(0.65 / error))
    assert line.lack_of_fit.scale == 1.0
    assert line.lack_of_fit.p_value == pytest.approx(1.0)


def test_a_constant_trend_is_flat_with_the_error_of_its_years() -> None:
    x, errors = np.array([2017.0, 2019.0, 2021.0]), np.array([0.66, 0.61, 0.66])
    line = weighted_line(x, np.array([16.4, 16.4 + 1e-14, 16.4]), errors, x)
    assert line.slope.value == pytest.approx(0, abs=1e-12)
    assert line.slope.high == pytest.approx(Z * 0.66 / math.sqrt(8))
    assert line.slope.p_value == pytest.approx(1)
    assert line.fitted == pytest.approx([16.4, 16.4, 16.4])


def test_scatter_that_the_errors_do_not_explain_widens_the_limits() -> None:
    """Four points whose residuals are 1, -1, -1 and 1: Q = 4 / 0.5² = 16 with 2 degrees of freedom, by hand."""
    x = np.array([0.0, 1.0, 2.0, 3.0])
    line = weighted_line(x, np.array([1.0, -1.0, -1.0, 1.0]), np.full(4, 0.5), x)
    assert line.lack_of_fit.q == pytest.approx(16)
    assert line.lack_of_fit.degrees_of_freedom == 2
    assert line.lack_of_fit.p_value == pytest.approx(math.exp(-8))
    assert line.lack_of_fit.scale == pytest.approx(math.sqrt(8))
    error = math.sqrt(8) * 0.5 / math.sqrt(5)
    assert line.slope.standard_error == pytest.approx(error)
    assert line.slope.high == pytest.approx(4.302652729911275 * error)


def test_a_rank_correlation_has_the_limits_of_bonett_and_wright() -> None:
    x, y = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([1.0, 3.0, 2.0, 5.0, 4.0])
    found = spearman(x, y)
    assert found.value == pytest.approx(0.8)  # 1 - 6 * 4 / (5 * 24)
    half_width = 1.959963984540054 * math.sqrt((1 + 0.64 / 2) / 2)
    assert (found.low, found.high) == pytest.approx(
        (math.tanh(math.atanh(0.8) - half_width), math.tanh(math.atanh(0.8) + half_width))
    )


@pytest.mark.parametrize("category", ["Gender", "Education", "Income", "Age (years)", "Race/Ethnicity"])
@pytest.mark.parametrize("question", ["Q036", "Q043", "Q047"])
def test_a_disparity_is_between_the_extreme_strata(survey: Survey, question: str, category: str) -> None:
    planner, plain = survey
    body = {"question": question, "state": "Ohio", "stratification": {"category": category}}
    data = compute(planner, "disparity", body)
    left = kept(plain.by_question[question], body | {"locations": ["Ohio"]})
    strata = {row.stratum for row in usable(left)}
    means = {name: mean_of([row for row in left if row.stratum == name]) for name in strata}
    doubtful = {cell["stratum"] for cell in data["groups"] if {"unreliable", "nchs"} & set(cell["flags"])}
    groups = {name: mean for name, mean in means.items() if name not in doubtful | {"Data not reported"}}
    lowest, highest = (pick(groups, key=lambda name: groups[name].value) for pick in (min, max))
    best, worst = (lowest, highest) if BEST.get(question) else (highest, lowest)
    assert (data["best"], data["worst"]) == (best, worst)
    a, b = groups[worst], groups[best]
    assert agrees(data["absolute_gap"]["value"], a.value - b.value)
    assert agrees(data["absolute_gap"]["standard_error"], math.hypot(a.error, b.error))
    log_error = math.sqrt((a.error / a.value) ** 2 + (b.error / b.value) ** 2)
    low, high = (math.exp(math.log(a.value / b.value) + sign * 1.959963984540054 * log_error) for sign in (-1, 1))
    assert agrees(data["relative_gap"]["value"], a.value / b.value)
    assert agrees(data["relative_gap"]["low"], low)
    assert agrees(data["relative_gap"]["high"], high)


@pytest.mark.parametrize(
    ("statistic", "body", "reason"),
    [
        ("trend", {"state": "OH", "years": [2019, 2021]}, "at least 3 years"),
        (
            "trend",
            {"state": "OH", "stratification": {"category": "Gender"}},
            "the strata of 'Gender' cannot be averaged",
        ),
        ("trend", {"state": "OH", "exclude": ["Ohio"]}, "the state 'OH' is left out"),
        ("compare", {"between": {"location": ["OH", "OH"]}}, "must name two that differ"),
        ("compare", {"between": {"location": ["OH", "Ohio"]}}, "names the same location twice"),
        ("compare", {"between": {"year": [1998, 1999]}}, "the filter 'years' leaves no row"),
        ("compare", {"between": {"location": ["OH"]}}, "'between.location.1' is missing"),
        ("compare", {"between": {}}, "needs one of location, year and stratum"),
        ("compare", {"between": {"location": ["OH", "UT"]}, "state": "OH"}, 'leave "state" out'),
        ("compare", {"between": {"year": [2019, 2021]}, "years": [2019]}, 'leave "years" out'),
        ("compare", {"between": {"stratum": ["Female", "Asian"]}}, "no category has the strata"),
        (
            "compare",
            {"between": {"stratum": ["Female", "Male"]}, "stratification": {"category": "Gender", "value": "Male"}},
            'leave "value" out',
        ),
        ("disparity", {}, "'stratification' is missing"),
        ("disparity", {"stratification": {"category": "Total"}}, "at least two strata"),
        ("disparity", {"stratification": {"category": "Gender", "value": "Male"}}, 'leave "value" out'),
        ("correlate", {"other_question": "Q036"}, "are the same question"),
        ("correlate", {"other_question": "Q047", "locations": ["OH", "UT", "TX"]}, "at least 4 locations"),
        ("correlate", {"other_question": "Q999"}, "unknown question"),
    ],
)
def test_a_request_that_cannot_be_computed_is_rejected(statistic: str, body: dict[str, Any], reason: str) -> None:
    planner = Planner(read_table(BUNDLED_TABLE))
    with pytest.raises(InvalidRequestError) as caught:
        planner.plan(statistic, json.dumps({"question": "Q036", **body}).encode())
    assert reason in caught.value.reason
