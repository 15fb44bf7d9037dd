"""Estimates: CDC's published figures to the digit, means over years, flags, and rejected requests."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.errors import InvalidRequestError
from app.planner import Planner
from app.settings import BUNDLED_TABLE
from app.table.engines.pandas_reader import read_table
from app.table.estimates import Estimates, effective_sizes, flags_of
from support.plain_survey import PlainEstimate, PlainRow, kept, mean_of, plain_rows
from support.real_server import PROJECT_ROOT
from support.survey_files import Row, row, write_csv

CDC_TABLE = PROJECT_ROOT.parent / "shared" / "data" / "cdc_2011_2021.csv.gz"
CDC_CELLS, CDC_SUPPRESSED = 79_851, 8_778
SMALL_SAMPLE = "Data not available because sample size is insufficient."
KEYS = ["location", "year", "category", "stratum"]


@pytest.fixture(scope="module")
def planner() -> Planner:
    return Planner(read_table(BUNDLED_TABLE))


@pytest.fixture(scope="module")
def rows() -> list[PlainRow]:
    return plain_rows(BUNDLED_TABLE)


def ask(planner: Planner, **body: Any) -> Any:
    """Return the cells of an estimate."""
    return json.loads(planner.plan("estimate", json.dumps(body).encode()).work().content)["data"]


def refused(planner: Planner, **body: Any) -> str:
    """Return the reason for which an estimate is rejected."""
    with pytest.raises(InvalidRequestError) as caught:
        planner.plan("estimate", json.dumps(body).encode())
    return caught.value.reason


def published(each: PlainRow) -> dict[str, Any]:
    """Return the cell that stands for one row."""
    return {
        **dict(zip(KEYS, (each.place, each.year, each.category or None, each.stratum or None), strict=True)),
        "value": each.value,
        "low": each.low,
        "high": each.high,
        "sample_size": each.respondents,
        "rows": 0 if each.value is None else 1,
    }


def without_flags(cells: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give each cell without its flags, which say whether it is suppressed."""
    for cell in cells:
        assert ("suppressed" in cell["flags"]) == (cell["value"] is None)
        assert cell["footnote"] == (SMALL_SAMPLE if cell["value"] is None else None)
        yield {name: value for name, value in cell.items() if name not in {"flags", "footnote"}}


def by_keys(cells: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(cells, key=lambda cell: [str(cell[key]) for key in KEYS])


@pytest.mark.skipif(not CDC_TABLE.is_file(), reason="the CDC table lies in ../shared/data")
def test_every_published_cell_of_cdc_is_returned_to_the_digit_and_every_suppressed_one_as_suppressed() -> None:
    planner, rows = Planner(read_table(CDC_TABLE)), plain_rows(CDC_TABLE)
    valued = suppressed = 0
    for question in sorted({each.question for each in rows}):
        cells = by_keys(without_flags(ask(planner, question=question, by=KEYS)))
        assert cells == by_keys(published(each) for each in rows if each.question == question)
        valued += sum(cell["value"] is not None for cell in cells)
        suppressed += sum(cell["value"] is None for cell in cells)
    assert (valued, suppressed) == (CDC_CELLS, CDC_SUPPRESSED)


@pytest.mark.parametrize(
    "body",
    [
        {"question": "Q036"},
        {"question": "Q047", "years": {"from": 2015, "to": 2019}},
        {"question": "Q018", "stratification": {"category": "Gender", "value": "Female"}},
        {"question": "Q036", "stratification": {"category": "Race/Ethnicity", "value": "Asian"}},
    ],
)
def test_years_are_averaged_without_weights(planner: Planner, rows: list[PlainRow], body: dict[str, Any]) -> None:
    of_total = {"stratification": {"category": "Total"}} | body
    cells = ask(planner, **body)
    held = {each.year for each in kept(rows, of_total)}
    for cell in cells:
        years = kept(rows, of_total | {"locations": [cell["location"]]})
        valued = [each for each in years if each.value is not None]
        assert cell["rows"] == len(valued)
        assert ("incomplete" in cell["flags"]) == (0 < len(valued) < len(held))
        if not valued:
            assert (cell["value"], cell["low"], cell["sample_size"]) == (None, None, None)
            continue
        wanted = mean_of(years)
        limits = wanted.limits if len(valued) > 1 else (valued[0].low, valued[0].high)
        assert cell["value"] == pytest.approx(wanted.value, abs=1e-9)
        assert (cell["low"], cell["high"]) == pytest.approx(limits, abs=1e-9)
        assert cell["sample_size"] == sum(each.respondents or 0 for each in valued)
    assert {cell["location"] for cell in cells} == {each.place for each in kept(rows, of_total)}


def test_a_mean_is_incomplete_if_a_year_is_suppressed_or_missing(tmp_path: Path) -> None:
    def cell(place: str, year: int, **fields: object) -> Row:
        total = {"StratificationCategory1": "Total", "Stratification1": "Total"}
        return row(
            LocationDesc=place, YearStart=year, YearEnd=year, **({"Data_Value_Footnote_Symbol": ""} | total | fields)
        )

    female = {"StratificationCategory1": "Gender", "Stratification1": "Female"}
    rows = [
        *(cell("Ohio", year, Data_Value=20) for year in (2018, 2019)),
        cell("New Jersey", 2018, Data_Value=30),
        cell("Guam", 2018, Data_Value=40),
        cell("Guam", 2019, Data_Value="", Data_Value_Footnote_Symbol="~"),
        cell("Ohio", 2019, Data_Value=10, **female),  # this stratum is published for one year only
    ]
    table = read_table(write_csv(tmp_path, rows, tuple(rows[0])))
    question = table.questions[0].question.text

    def incomplete(**body: Any) -> list[str]:
        cells = ask(Planner(table), question=question, by=["location", "stratum"], **body)
        return [each["location"] for each in cells if "incomplete" in each["flags"]]

    assert incomplete() == ["Guam", "New Jersey"]
    assert incomplete(locations=["New Jersey"]) == ["New Jersey"]
    assert incomplete(years=[2018]) == []


def test_total_and_the_nation_are_the_defaults(planner: Planner, rows: list[PlainRow]) -> None:
    nation = kept(rows, {"question": "Q036", "locations": ["National"], "stratification": {"category": "Total"}})
    assert [cell["value"] for cell in ask(planner, question="Q036", by=["year"])] == [each.value for each in nation]
    (cell,) = ask(planner, question="Q036", by=[])
    assert cell["value"] == pytest.approx(mean_of(nation).value)
    assert list(cell) == ["value", "low", "high", "sample_size", "rows", "flags", "footnote"]


def test_the_keys_are_the_requested_ones_in_a_fixed_order(planner: Planner) -> None:
    cells = ask(planner, question="Q036", by=["stratum", "location"], locations=["OH", "UT"])
    assert list(cells[0])[:2] == ["location", "stratum"]
    assert len({(cell["location"], cell["stratum"]) for cell in cells}) == len(cells)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"by": ["year"], "locations": ["OH", "UT"]}, "estimates of several locations cannot be averaged"),
        ({"by": ["year"], "exclude": ["National"]}, "estimates of several locations cannot be averaged"),
        ({"stratification": {"category": "Gender"}}, "the strata of 'Gender' cannot be averaged"),
        ({"by": ["location", "category"]}, "the strata of a category cannot be averaged"),
        ({"by": ["county"]}, "must be 'location', 'year', 'category' or 'stratum'"),
        ({"by": "location"}, "field 'by' must be a list"),
    ],
)
def test_groups_of_different_size_are_not_averaged(planner: Planner, body: dict[str, Any], reason: str) -> None:
    assert reason in refused(planner, question="Q036", **body)


def test_categories_of_one_stratum_each_can_be_keys(planner: Planner) -> None:
    female = {"category": "Gender", "value": "Female"}
    cells = ask(planner, question="Q036", by=["category"], stratification=female, locations=["OH"])
    assert [cell["category"] for cell in cells] == ["Gender"]


def test_rows_without_a_year_are_averaged_like_years(tmp_path: Path) -> None:
    limits, undated = [("18.7", "25.7", "100"), ("26.5", "40.2", "300")], {"YearStart": "", "YearEnd": ""}
    rows = [
        row(**undated, Data_Value=value, Low_Confidence_Limit=low, **{"High_Confidence_Limit ": high}, Sample_Size=size)
        for value, (low, high, size) in zip((22, 33), limits, strict=True)
    ]
    table = read_table(write_csv(tmp_path, rows, tuple(rows[0])))
    query = {"question": table.questions[0].question.text, "by": KEYS}
    (cell,) = ask(Planner(table), **query)
    one, other = (
        PlainRow(2019, "", "", "", "", value, float(low), float(high), None).error
        for value, (low, high, _) in zip((22.0, 33.0), limits, strict=True)
    )
    assert cell["value"] == 27.5
    assert (cell["low"], cell["high"]) == pytest.approx(
        PlainEstimate(27.5, math.hypot(one, other) / 2, ()).limits, abs=1e-9
    )
    assert (cell["sample_size"], cell["rows"]) == (400, 2)


@pytest.mark.parametrize(
    ("low", "high"), [("", "24"), ("20", ""), ("23", "24"), ("20", "21"), ("x", "24"), ("-1", "24")]
)
def test_limits_that_do_not_enclose_the_value_are_none(tmp_path: Path, low: str, high: str) -> None:
    one = row(Data_Value=22, Low_Confidence_Limit=low, **{"High_Confidence_Limit ": high}, Sample_Size="")
    table = read_table(write_csv(tmp_path, [one], tuple(one)))
    (cell,) = ask(Planner(table), question=table.questions[0].question.text, by=KEYS)
    assert (cell["value"], cell["low"], cell["high"], cell["sample_size"]) == (22.0, None, None, None)
    assert cell["flags"] == ["no_limits"]


def test_a_table_without_totals_years_or_limits_says_so(tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text(
        "LocationDesc,Question,Data_Value,StratificationCategory1,Stratification1\nOhio,q,5,Gender,Female\n"
    )
    planner = Planner(read_table(path))
    assert "no rows of the total" in refused(planner, question="q")
    (cell,) = ask(planner, question="q", by=KEYS)
    assert (cell["year"], cell["value"], cell["flags"]) == (None, 5.0, ["no_limits"])


def estimate(value: float, low: float, high: float, respondents: float) -> Estimates:
    """Return a single estimate with published limits."""
    code = np.zeros(1, np.int64)
    error = PlainRow(2019, "Ohio", "q", "Total", "Total", value, low, high, None).error
    figures = {"values": value, "errors": error, "low": low, "high": high, "respondents": respondents}
    return Estimates(
        *(code, code, code),
        **{name: np.array([figure]) for name, figure in figures.items()},
        degrees=np.full(1, np.nan),
        rows=np.ones(1, np.int64),
        footnotes=code - 1,
        unreported=code > 0,
        incomplete=code > 0,
        is_logit=code == 0,
        percentages=code == 0,
    )


# Value, limits and respondents, with the flags that the published rules give, worked out by hand.
FLAGGED = [
    (30.0, 28.0, 32.0, 2000.0, []),
    (30.0, 28.0, 32.0, 49.0, ["small_sample"]),
    (30.0, 28.0, 32.0, 29.0, ["small_sample", "nchs"]),
    (10.0, 5.5, 17.4, 200.0, []),  # relative standard error 0.295; limits 11.9 apart, 1.19 times the value
    (10.0, 5.4, 17.8, 200.0, ["unreliable"]),  # 0.306; 1.24 times the value
    (10.0, 5.2, 18.3, 200.0, ["unreliable", "nchs"]),  # 1.31 times the value
    (3.0, 1.6, 6.5, 300.0, ["unreliable"]),  # limits 4.9 apart are narrow enough, at 1.6 times the value
    (50.0, 35.0, 65.0, 100.0, ["nchs"]),  # 30 points apart
    (50.0, 35.1, 64.9, 100.0, []),  # 29.8 points; 41 effective respondents
    (50.0, 32.0, 67.9, 60.0, ["nchs"]),
    (80.0, 62.8, 90.4, 31.0, ["small_sample"]),  # 31 effective respondents
    (80.0, 61.4, 91.0, 60.0, ["nchs"]),  # 28 effective respondents
]


@pytest.mark.parametrize(("value", "low", "high", "respondents", "flags"), FLAGGED)
def test_flags_follow_the_published_rules(
    value: float, low: float, high: float, respondents: float, flags: list[str]
) -> None:
    assert flags_of(estimate(value, low, high, respondents)) == [flags]


def test_an_effective_sample_is_never_larger_than_the_sample() -> None:
    low, high = (100 / (1 + math.exp(sign * 1.959963984540054 * 0.2)) for sign in (1, -1))  # error of the logit: 0.2
    assert effective_sizes(estimate(50.0, low, high, 1000.0))[0] == pytest.approx(100)
    assert effective_sizes(estimate(50.0, low, high, 80.0))[0] == 80
