"""Edge cases of estimates: tables of a few rows for what CDC's table seldom or never has."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from app.errors import InvalidRequestError
from app.planner import Planner
from app.table.engines.pandas_reader import read_table
from support.survey_files import Row, row, write_csv


def cell(value: object, *, width: Any = 4, **fields: object) -> Row:
    """Return a row of the total in Ohio in 2019, with limits around its value."""
    limits = (
        {"Low_Confidence_Limit": value - width / 2, "High_Confidence_Limit ": value + width / 2}
        if isinstance(value, int | float)
        else {"Low_Confidence_Limit": "", "High_Confidence_Limit ": ""}
    )
    total = {"StratificationCategory1": "Total", "Stratification1": "Total", "Question": "q", "QuestionID": "q"}
    return row(**({"Data_Value": value, "LocationAbbr": "", "Sample_Size": 100} | limits | total | fields))


def year(number: int, last: int | None = None) -> dict[str, object]:
    """Return the fields of a row of one year, or of several."""
    return {"YearStart": number, "YearEnd": last or number}


def group(name: str) -> dict[str, object]:
    """Return the fields of a row of an income group."""
    return {"StratificationCategory1": "Income", "Stratification1": name}


def ask(folder: Path, rows: list[Row], statistic: str, **body: Any) -> Any:
    """Return the result over a table of some rows."""
    planner = Planner(read_table(write_csv(folder, rows, tuple(rows[0]))))
    raw = json.dumps({"question": "q", **body}).encode()
    return json.loads(planner.plan(statistic, raw).work().content)["data"]


def test_limits_of_a_mean_stay_within_0_and_100(tmp_path: Path) -> None:
    few = {"Low_Confidence_Limit": 0, "High_Confidence_Limit ": 20}
    most = {"Low_Confidence_Limit": 80, "High_Confidence_Limit ": 100}
    years = [year(2018), year(2019)]
    low = [cell(1, **few, **each) for each in years]
    high = [cell(99, LocationDesc="Utah", **most, **each) for each in years]
    symmetric = cell(20, LocationDesc="Iowa", width=30, **year(2018))
    _, ohio, utah = ask(tmp_path, [*low, *high, symmetric], "estimate")
    half_width = math.hypot(19, 19) / 2  # the limits at 0 and 100 were cut off, so the others give the error
    assert (ohio["value"], ohio["low"], ohio["high"]) == (1, 0, pytest.approx(1 + half_width))
    assert (utah["value"], utah["low"], utah["high"]) == (99, pytest.approx(99 - half_width), 100)


def test_a_mean_over_years_gives_rows_without_a_year_the_weight_of_one_year(tmp_path: Path) -> None:
    undated = {"YearStart": "", "YearEnd": ""}
    rows = [cell(20, **undated), cell(22, **undated), cell(30, **year(2019))]
    (found,) = ask(tmp_path, rows, "estimate")
    assert (found["value"], found["rows"], found["sample_size"]) == (25.5, 3, 300)


def test_a_row_whose_limits_are_equal_has_no_weight_in_a_trend(tmp_path: Path) -> None:
    rows = [cell(20 + number, width=2, **year(2015 + number)) for number in range(4)]
    exact = cell(90, width=0, **year(2019))
    found = ask(tmp_path, [*rows, exact], "trend", state="Ohio")
    assert found["slope"]["value"] == pytest.approx(1)
    assert [each["year"] for each in found["years"]] == [2015, 2016, 2017, 2018, 2019]


def test_a_row_without_a_year_is_not_in_a_trend(tmp_path: Path) -> None:
    rows = [cell(20 + number, width=2, **year(2015 + number)) for number in range(4)]
    undated = cell(90, YearStart="", YearEnd="")
    found = ask(tmp_path, [*rows, undated], "trend", state="Ohio")
    assert [each["year"] for each in found["years"]] == [2015, 2016, 2017, 2018]


def test_unreported_data_and_groups_without_a_case_are_never_best_or_worst(tmp_path: Path) -> None:
    none = {"Low_Confidence_Limit": 0, "High_Confidence_Limit ": 3}
    rows = [cell(value, **group(name)) for name, value in (("low", 40), ("high", 20), ("Data not reported", 60))]
    found = ask(
        tmp_path,
        [*rows, cell(0, **group("none"), **none)],
        "disparity",
        state="Ohio",
        best="min",
        stratification={"category": "Income"},
    )
    assert (found["best"], found["worst"], found["relative_gap"]["value"]) == ("high", "low", 2.0)
    assert {each["stratum"] for each in found["groups"]} == {"low", "high", "none", "Data not reported"}


NEEDING_LIMITS: dict[str, dict[str, Any]] = {
    "trend": {"state": "Ohio"},
    "compare": {"state": "Ohio", "between": {"year": [2015, 2016]}},
    "compare over years": {"between": {"location": ["Ohio", "Utah"]}},
    "disparity": {"state": "Ohio", "stratification": {"category": "Income"}, "best": "min"},
}


@pytest.mark.parametrize("asked", NEEDING_LIMITS)
@pytest.mark.parametrize("somewhere", [False, True])
def test_a_table_without_any_limits_gets_an_error_that_says_so(tmp_path: Path, asked: str, somewhere: bool) -> None:
    none = {"Low_Confidence_Limit": "", "High_Confidence_Limit ": ""}
    rows = [
        cell(20 + number, LocationDesc=place, **none, **year(2015 + number), **stratum)
        for number in range(4)
        for place in ("Ohio", "Utah")
        for stratum in ({}, group("low"), group("high"))
    ]
    other = [cell(20, Question="other", QuestionID="other")] if somewhere else []
    with pytest.raises(InvalidRequestError) as caught:
        ask(tmp_path, [*rows, *other], asked.partition(" ")[0], **NEEDING_LIMITS[asked])
    assert ("no row of this table has confidence limits" in caught.value.reason) is not somewhere
    assert ("ask for" in caught.value.reason) is somewhere


PLACES = ["Guam", "Iowa", "National", "Ohio", "Utah"]


def two_questions() -> list[Row]:
    return [
        cell(20 + 3 * number + number % 2 * step, LocationDesc=place, Question=question, QuestionID=question)
        for question, step in (("q", 0), ("other", 1))
        for number, place in enumerate(PLACES)
    ]


def test_a_correlation_includes_the_nation_only_if_the_request_names_it(tmp_path: Path) -> None:
    without = ask(tmp_path, two_questions(), "correlate", other_question="other")
    named = ask(tmp_path, two_questions(), "correlate", other_question="other", locations=PLACES)
    assert [pair["location"] for pair in without["pairs"]] == [place for place in PLACES if place != "National"]
    assert [pair["location"] for pair in named["pairs"]] == PLACES


def test_a_correlation_leaves_out_and_names_unreliable_pairs(tmp_path: Path) -> None:
    wide = {"Low_Confidence_Limit": 12, "High_Confidence_Limit ": 45}
    rows = [{**each, **wide} if each["LocationDesc"] == "Guam" else each for each in two_questions()]
    rows.append(cell(50, LocationDesc="Maine"))
    rows.append(cell(30, LocationDesc="Maine", Question="other", QuestionID="other"))
    found = ask(tmp_path, rows, "correlate", other_question="other")
    assert [pair["location"] for pair in found["pairs"]] == ["Iowa", "Maine", "Ohio", "Utah"]
    assert [(pair["location"], pair["x_flags"]) for pair in found["left_out"]] == [("Guam", ["unreliable", "nchs"])]
    assert found["locations"] == 4
    assert "not across people" in found["notes"][0]
    assert "Guam" in found["notes"][1]
    assert 0 < found["reliability"]["x"] < 1


def test_a_correlation_is_over_the_years_that_both_questions_have(tmp_path: Path) -> None:
    rows = [{**each, **year(2019)} for each in two_questions()]
    earlier = [{**each, "Data_Value": 90, **year(2018)} for each in two_questions() if each["Question"] == "q"]
    with_limits = [{**each, "Low_Confidence_Limit": 88, "High_Confidence_Limit ": 92} for each in earlier]
    found = ask(tmp_path, [*rows, *with_limits], "correlate", other_question="other")
    assert found["years"] == [2019]
    assert max(pair["x"] for pair in found["pairs"]) < 50
    apart = [each for each in rows if each["Question"] == "other"]
    with pytest.raises(InvalidRequestError, match=r"no year in common \(the first has 2018, the other 2019\)"):
        ask(tmp_path, [*with_limits, *apart], "correlate", other_question="other")


def test_a_correlation_without_limits_has_no_reliability(tmp_path: Path) -> None:
    bare: list[Row] = [{**each, "Low_Confidence_Limit": "", "High_Confidence_Limit ": ""} for each in two_questions()]
    found = ask(tmp_path, bare, "correlate", other_question="other")
    assert found["reliability"] == {"x": None, "y": None}
    assert found["pairs"][0]["x_low"] is None
    assert found["pairs"][0]["x_flags"] == ["no_limits"]


def test_values_that_differ_by_rounding_only_have_no_correlation(tmp_path: Path) -> None:
    """0.1, 0.2 and 0.3 add up to another number in another order."""
    orders = {"Guam": (0.1, 0.2, 0.3), "Iowa": (0.3, 0.2, 0.1), "Ohio": (0.2, 0.2, 0.2)}
    orders["Utah"] = orders["Guam"]
    flat = [
        cell(value, width=0.1, LocationDesc=place, **year(2017 + place_in_order))
        for place, values in orders.items()
        for place_in_order, value in enumerate(values)
    ]
    means = {sum(values) / 3 for values in orders.values()}
    assert len(means) > 1
    others = [each for each in two_questions() if each["Question"] == "other"]
    other = [{**each, **year(number)} for each in others for number in (2017, 2018, 2019)]
    with pytest.raises(InvalidRequestError, match="the same value in all these locations"):
        ask(tmp_path, [*flat, *other], "correlate", other_question="other")


@pytest.mark.parametrize(
    ("years", "held"),
    [
        ({"from": 2012}, [2014]),
        ({"to": 2013}, ["2011-2013"]),
        ([2011, 2014], [2014]),
        ([2011, 2012, 2013], ["2011-2013"]),
    ],
)
def test_a_row_of_several_years_is_used_if_the_filter_has_all_of_them(
    tmp_path: Path, years: object, held: list[object]
) -> None:
    rows = [cell(20, **year(2011, 2013)), cell(30, **year(2014))]
    found = ask(tmp_path, rows, "estimate", by=["location", "year"], years=years)
    assert [each["year"] for each in found] == held
