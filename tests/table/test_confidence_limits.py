"""Standard errors from published limits, the scale of the limits, and limits of means, against their definitions."""

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.planner import Planner
from app.settings import BUNDLED_TABLE
from app.table.confidence_limits import limits_around, linear_errors, logit_errors
from app.table.engines.pandas_reader import read_table
from support.load import scaled
from support.plain_survey import PlainEstimate, PlainRow, Z, cell_of, kept, plain_rows
from support.real_server import PROJECT_ROOT
from support.survey_files import Row, row, write_csv

SHARED = PROJECT_ROOT.parent / "shared" / "data"
CDC_TABLE, WIC_TABLE = SHARED / "cdc_2011_2021.csv.gz", SHARED / "other" / "wic.csv.gz"
QUERIES = scaled(200, 1000)
TOLERANCE = 1e-9


def errors_of(rows: Sequence[tuple[float, float, float]]) -> tuple[list[float], list[float]]:
    """Return the errors of some (value, low, high) on the logit scale, and those in percent."""
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return logit_errors(*columns).tolist(), linear_errors(*columns).tolist()


def plain(value: float, low: float, high: float) -> PlainRow:
    return PlainRow(2019, "Ohio", "q", "Total", "Total", value, low, high, 100)


@pytest.mark.parametrize("path", [BUNDLED_TABLE, CDC_TABLE], ids=["bundled", "CDC"])
def test_an_error_is_that_of_the_logit_times_p_and_its_complement(path: Path) -> None:
    if not path.is_file():
        pytest.skip("the CDC table lies in ../shared/data")
    rows = [each for each in plain_rows(path) if each.value is not None]
    published = [(each.value or 0.0, each.low or 0.0, each.high or 0.0) for each in rows]
    assert errors_of(published)[0] == pytest.approx([each.error for each in rows], rel=TOLERANCE)


def test_an_exact_interval_gives_its_error_back() -> None:
    for value, error in ((1.0, 0.4), (20.0, 2.0), (50.0, 5.0), (97.0, 1.1)):
        low, high = PlainEstimate(value, error, ()).limits
        assert errors_of([(value, low, high)])[0] == pytest.approx([error], rel=TOLERANCE)
        assert errors_of([(value, value - Z * error, value + Z * error)])[1] == pytest.approx([error], rel=TOLERANCE)


def test_a_limit_at_0_or_100_leaves_the_error_to_the_other_one() -> None:
    upper = 100 * 0.01 * 0.99 * (math.log(3 / 97) - math.log(1 / 99)) / Z
    logit, linear = errors_of([(1.0, 0.0, 3.0), (99.0, 97.0, 100.0)])
    assert logit == pytest.approx([upper, upper], rel=TOLERANCE)
    assert linear == pytest.approx([2 / Z, 2 / Z], rel=TOLERANCE)


def test_what_has_no_logit_has_the_error_of_symmetric_limits() -> None:
    cases = [(0.0, 0.0, 3.0), (100.0, 96.0, 100.0), (20.0, 0.0, 100.0), (150.0, 130.0, 170.0), (0.1, 0.0, 0.1)]
    expected = [3 / Z, 4 / Z, 50 / Z, 20 / Z, 0.0]
    logit, linear = errors_of(cases)
    assert linear == pytest.approx(expected, rel=TOLERANCE)
    assert logit == pytest.approx(expected, rel=TOLERANCE)
    assert np.isnan(errors_of([(20.0, math.nan, math.nan)])).all()


def test_limits_around_0_and_100_are_symmetric_and_cut_off() -> None:
    values, errors = np.array([0.0, 100.0, 0.0001, 50.0]), np.array([1.0, 1.0, 10.0, math.nan])
    low, high = limits_around(values, errors, np.ones(4, np.bool_))
    assert (low[0], high[0], low[1], high[1]) == pytest.approx((0, Z, 100 - Z, 100))
    assert 0 <= low[2] < high[2] <= 100
    assert math.isnan(low[3])
    assert math.isnan(high[3])


def scales(path: Path) -> dict[str, str | None]:
    """Return the scale of the limits of each question, as provenance says it."""
    planner = Planner(read_table(path))
    found: dict[str, str | None] = {}
    for data in planner.table.questions:
        body = {"question": data.question.text, "by": ["location", "year", "category", "stratum"]}
        document = json.loads(planner.plan("estimate", json.dumps(body).encode()).work().content)
        found[data.question.text] = document["provenance"]["limits_scale"]
    return found


@pytest.mark.parametrize(
    ("path", "scale"),
    [(BUNDLED_TABLE, "logit"), (CDC_TABLE, "logit"), (WIC_TABLE, "linear")],
    ids=lambda each: str(each)[-14:],
)
def test_the_scale_of_the_limits_is_the_one_that_fits(path: Path, scale: str) -> None:
    if not path.is_file():
        pytest.skip("CDC's tables lie in ../shared/data")
    assert set(scales(path).values()) == {scale}


def survey(*figures: tuple[float, object, object]) -> list[Row]:
    total = {"StratificationCategory1": "Total", "Stratification1": "Total"}
    return [
        row(Data_Value=value, Low_Confidence_Limit=low, **{"High_Confidence_Limit ": high}, YearStart=year, **total)
        for year, (value, low, high) in enumerate(figures, 2015)
    ]


@pytest.mark.parametrize(
    ("figures", "scale"),
    [
        ([(30.0, 15.0, 45.0), (20.0, 10.0, 30.0)], "linear"),
        ([(30.0, 17.4, 46.6), (20.0, 10.7, 34.3)], "logit"),
        ([(30.0, 29.0, 31.0)], "logit"),  # both fit
        ([(3.0, 0.0, 6.0), (30.0, 17.4, 46.6)], "logit"),  # the first was cut off at 0, so it does not count
        ([(3.0, "", "")], None),
    ],
)
def test_each_question_has_a_scale_of_its_own(
    tmp_path: Path, figures: list[tuple[float, object, object]], scale: str | None
) -> None:
    other = [{**each, "Question": "other", "QuestionID": "other"} for each in survey((30.0, 15.0, 45.0))]
    rows = [*survey(*figures), *other]
    found = scales(write_csv(tmp_path, rows, tuple(rows[0])))
    assert found == {str(rows[0]["Question"]): scale, "other": "linear"}


def mean_query(draw: random.Random, one: PlainRow) -> dict[str, Any]:
    """Return a query for the mean over some years in the location and stratum of a row."""
    first = draw.randint(2011, 2019)
    return {
        "question": one.question,
        "locations": [one.place],
        "stratification": {"category": one.category or "Total", "value": one.stratum or "Total"},
        "years": {"from": first, "to": draw.randint(first, 2021)},
    }


@pytest.mark.skipif(not CDC_TABLE.is_file(), reason="the CDC table lies in ../shared/data")
def test_means_over_years_have_limits_and_flags_by_their_definition() -> None:
    planner, draw = Planner(read_table(CDC_TABLE)), random.Random(6)
    series: dict[tuple[str, ...], list[PlainRow]] = {}
    for each in plain_rows(CDC_TABLE):
        series.setdefault((each.question, each.place, each.category, each.stratum), []).append(each)
    keys = sorted(key for key, rows in series.items() if len(rows) > 1)
    means = flagged = 0
    while means < QUERIES:
        rows = series[draw.choice(keys)]
        body = mean_query(draw, rows[0])
        valued = [each for each in kept(rows, body) if each.value is not None]
        if not valued:
            continue
        plan = planner.plan("estimate", json.dumps(body).encode())
        (found,) = json.loads(plan.work().content)["data"]
        wanted = cell_of(valued)
        figures = found["value"], found["low"], found["high"]
        assert figures == pytest.approx((wanted.value, wanted.low, wanted.high), rel=TOLERANCE, abs=TOLERANCE), body
        assert set(found["flags"]) - {"incomplete"} == wanted.flags, body
        means += len(valued) > 1
        flagged += bool(found["flags"])
    assert flagged > QUERIES / 20
