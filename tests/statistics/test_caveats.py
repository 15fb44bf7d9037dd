"""Caveats: what ``provenance.notes`` says of a result, over CDC's table and over small ones."""

import json
import math
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from app.jobs.byte_cache import ByteCache
from app.planner import Planner, Planners
from app.table.engines.pandas_reader import read_table
from app.versions.kept_tables import KeptTables
from support.real_server import PROJECT_ROOT
from support.survey_files import Row, row, write_csv

CDC_TABLE = PROJECT_ROOT.parent / "shared" / "data" / "cdc_2011_2021.csv.gz"
Z = 1.959963984540054
needs_cdc = pytest.mark.skipif(not CDC_TABLE.is_file(), reason="the CDC table lies in ../shared/data")


@pytest.fixture(scope="module")
def cdc() -> Planner:
    return Planner(read_table(CDC_TABLE))


def notes_of(planner: Planner, statistic: str, **body: Any) -> list[str]:
    """Return the notes of a result."""
    document = json.loads(planner.plan(statistic, json.dumps(body).encode()).work().content)
    notes: list[str] = document["provenance"]["notes"]
    return notes


def note(notes: list[str], words: str) -> str | None:
    """Return the only note with these words, or None."""
    found = [each for each in notes if words in each]
    assert len(found) <= 1
    return found[0] if found else None


def small(folder: Path, rows: list[Row]) -> Planner:
    """Return the planner over a table of some rows."""
    columns = dict.fromkeys(name for each in rows for name in each)
    return Planner(read_table(write_csv(folder, rows, tuple(columns))))


def total(year: int, **fields: object) -> Row:
    """Return a row of the total in Ohio, with limits."""
    names = {"StratificationCategory1": "Total", "Stratification1": "Total", "Question": "q", "QuestionID": "q"}
    limits = {"Low_Confidence_Limit": 28, "High_Confidence_Limit": 33}
    return row(**{"YearStart": year, "YearEnd": year} | names | limits | fields)


@needs_cdc
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"years": [2021]}, "without data: Florida in 2021"),
        ({"years": [2019]}, "without data: New Jersey in 2019; Virgin Islands in 2019"),
        ({"years": [2019], "exclude": ["New Jersey"]}, "without data: Virgin Islands in 2019"),
        ({"years": [2019], "locations": ["OH"]}, None),
        ({"question": "Q018", "years": [2018, 2019], "locations": ["OH"]}, "the question has no rows in 2018"),
    ],
)
def test_locations_and_years_without_data_are_named(cdc: Planner, body: Any, said: str | None) -> None:
    found = notes_of(cdc, "estimate", **{"question": "Q036", **body})
    assert said in found if said else not any("without data" in each for each in found)


@needs_cdc
@pytest.mark.parametrize(
    ("statistic", "body", "said"),
    [
        ("trend", {"question": "Q047"}, True),
        ("trend", {"question": "Q047", "state": "OH"}, True),
        ("compare", {"question": "Q047", "between": {"year": [2020, 2019]}}, True),
        ("compare", {"question": "Q047", "between": {"year": [2017, 2019]}}, False),
        ("trend", {"question": "Q036"}, False),
        ("trend", {"question": "Q037"}, False),
    ],
)
def test_an_alternation_between_odd_and_even_years_is_told(cdc: Planner, statistic: str, body: Any, said: bool) -> None:
    found = note(notes_of(cdc, statistic, **body), "alternate between odd and even years from 2011 to 2020")
    assert (found is not None) is said


def p_value(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Return p of the difference of two figures of a value and its limits."""
    error = math.hypot(*((high - low) / (2 * Z) for _, low, high in (a, b)))
    return math.erfc(abs(a[0] - b[0]) / error / math.sqrt(2))


@needs_cdc
def test_rounding_that_may_decide_about_a_difference_is_told_with_its_range(cdc: Planner) -> None:
    nation = {2011: (27.4, 27.2, 27.7), 2012: (27.7, 27.4, 28.0)}
    found = note(notes_of(cdc, "compare", question="Q036", between={"year": [2012, 2011]}), "publishes tenths")
    assert found
    lowest, highest = map(float, re.findall(r"from ([\d.]+) to ([\d.]+),", found)[0])
    corners = product((-0.05, 0.05), repeat=6)
    possible = [
        p_value(*(tuple(x + off for x, off in zip(nation[year], offs, strict=True)) for year, offs in sides.items()))
        for offsets in corners
        for sides in [{2011: offsets[:3], 2012: offsets[3:]}]
    ]
    assert lowest < 0.05 < highest
    assert lowest == pytest.approx(min(possible), rel=0.2)
    assert highest == pytest.approx(max(possible), rel=0.2)


@needs_cdc
def test_rounding_that_decides_nothing_is_not_told(cdc: Planner) -> None:
    for years in ([2021, 2011], [2015, 2014]):
        assert note(notes_of(cdc, "compare", question="Q036", between={"year": years}), "publishes tenths") is None


@needs_cdc
def test_years_that_two_questions_do_not_share_are_told(cdc: Planner) -> None:
    found = notes_of(cdc, "correlate", question="Q018", other_question="Q043")
    assert "only one of the two questions has the years 2011, 2013, 2015, 2021" in found


@pytest.mark.parametrize(
    ("source", "years", "said"),
    [
        ("BRFSS", (2010, 2011), True),
        ("BRFSS", (2011, 2012), False),
        ("BRFSS", (2009, 2010), False),
        ("WIC", (2010, 2011), False),
    ],
)
def test_no_comparison_across_the_change_of_method_in_2011(
    tmp_path: Path, source: str, years: tuple[int, int], said: bool
) -> None:
    planner = small(tmp_path, [total(year, Datasource=source) for year in years])
    assert (note(notes_of(planner, "estimate", question="q"), "in 2011: do not compare") is not None) is said


@pytest.mark.parametrize(
    ("value_type", "crude"), [("Value", True), ("Crude Prevalence", True), ("Age-adjusted Prevalence", False)]
)
def test_crude_figures_are_said_to_be_crude(tmp_path: Path, value_type: str, crude: bool) -> None:
    planner = small(tmp_path, [total(2019, Data_Value_Type=value_type)])
    assert (note(notes_of(planner, "estimate", question="q"), "crude figures, not age-adjusted") is not None) is crude


def test_rankings_of_means_tell_identical_rows_that_count_twice(tmp_path: Path) -> None:
    planner = small(tmp_path, [total(2019), total(2019)])
    told = "1 of the rows are identical to another one and count each time"
    assert told in notes_of(planner, "best", question="q", best="min")
    assert told not in notes_of(planner, "estimate", question="q")


@needs_cdc
@pytest.mark.parametrize(("category", "said"), [("Gender", True), ("Education", False)])
def test_a_gap_between_strata_that_cannot_be_told_apart_is_told(cdc: Planner, category: str, said: bool) -> None:
    body = {"question": "Q036", "state": "UT", "years": [2021], "stratification": {"category": category}}
    result = json.loads(cdc.plan("disparity", json.dumps(body).encode()).work().content)
    assert (result["data"]["equality"]["p_value"] >= 0.05) is said
    assert (note(result["provenance"]["notes"], "cannot be told apart") is not None) is said


def test_a_comparison_of_a_batch_says_of_how_many_it_is_one(tmp_path: Path) -> None:
    planner = small(tmp_path, [total(2019, LocationDesc=place) for place in ("Ohio", "Utah", "Iowa")])
    between = [{"location": ["Ohio", "Utah"]}, {"location": ["Ohio", "Iowa"]}]
    comparisons = [{"statistic": "compare", "question": "q", "between": each} for each in between]
    others = [{"statistic": "states_mean", "question": "q"}]
    planners = Planners(lambda: planner.table, KeptTables(tmp_path, 1), ByteCache())
    plans = planners.plan_batch(json.dumps([*comparisons, *others]).encode())
    for plan in plans[:2]:
        # The recorded request carries the number, so that a result that is computed again says the same.
        for work in (plan.work, planner.plan("compare", plan.request.body).work):
            assert note(json.loads(work().content)["provenance"]["notes"], "one of 2 comparisons")
    (alone,) = planners.plan_batch(json.dumps(comparisons[:1]).encode())
    assert not any("comparisons" in each for each in json.loads(alone.work().content)["provenance"]["notes"])
