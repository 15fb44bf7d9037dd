"""The layouts of CDC's family of tables: made tables with the published columns, and real excerpts, cell by cell."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.errors import InvalidRequestError
from app.planner import Planner
from app.table.engines.pandas_reader import read_table
from app.table.survey_table import SurveyTable
from support.layout_tables import (
    LAYOUTS,
    QUESTION,
    UNUSABLE_ROWS,
    Figure,
    PublishedLayout,
    figures_of,
    table_of,
)
from support.real_server import PROJECT_ROOT
from support.survey_files import csv_text, row, write, write_csv
from support.two_readers import Read, assert_same_table, cluster_of, read_in_small_blocks

OTHER = PROJECT_ROOT.parent / "shared" / "data" / "other"
EVERYBODY = ("Overall", "Total", "")
Cell = tuple[float | None, float | None, float | None, int | None]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    pytest.importorskip("distributed", reason="Dask is not installed: make dask")
    with cluster_of(2) as client:
        yield client


def estimates(table: SurveyTable, **body: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the cells of an estimate, and its provenance."""
    document = json.loads(Planner(table).plan("estimate", json.dumps(body).encode()).work().content)
    return document["data"], document["provenance"]


def check_figure(table: SurveyTable, layout: PublishedLayout, value_type: str, figure: Figure) -> None:
    """Check that a request for a figure's location, year and strata returns it as it was published."""
    strata = [{"category": category, "value": name} for category, name in figure.strata if name not in EVERYBODY]
    body: dict[str, Any] = {"question": QUESTION, "locations": [figure.place[1]], "years": [figure.year]}
    if strata:
        body["stratification"] = strata
    if len(layout.value_types) > 1:
        body["value_type"] = value_type
    (cell,), provenance = estimates(table, **body)
    assert cell["location"] == figure.place[0]
    assert provenance["value_type"] == value_type
    wanted = {
        part: float(getattr(figure, part)) if part in layout.names and getattr(figure, part) else None
        for part in ("value", "low", "high", "respondents")
    }
    found = {part: cell[part] for part in ("value", "low", "high")} | {"respondents": cell["sample_size"]}
    assert found == wanted
    assert ("suppressed" in cell["flags"], cell["footnote"]) == (not figure.value, figure.footnote[1] or None)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_figure_of_a_layout_comes_back_as_published(tmp_path: Path, read: Read, name: str) -> None:
    layout = LAYOUTS[name]
    table = read(write(tmp_path, table_of(layout)))
    report = table.report
    assert report.layout == layout.name
    assert (sum(report.rows_skipped.values()), report.rows_identical, report.conflicts) == (UNUSABLE_ROWS, 0, {})
    for value_type, _ in layout.value_types:
        for figure in figures_of(layout, value_type):
            check_figure(table, layout, value_type, figure)


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_a_layout_lacks_is_said(tmp_path: Path, name: str) -> None:
    layout = LAYOUTS[name]
    notes = " ".join(read_table(write(tmp_path, table_of(layout))).report.notes)
    assert ("no column Sample_Size" in notes) == ("respondents" not in layout.names)
    assert ("such as trend and rank" in notes) == ("low" not in layout.names)
    assert "no column Year" not in notes


def test_a_folder_with_two_layouts_names_both(tmp_path: Path, read: Read) -> None:
    for name in ("WIC", "youth"):
        write(tmp_path, table_of(LAYOUTS[name]).replace(QUESTION, name), f"{name}.csv")
    table = read(tmp_path)
    family = "Nutrition, Physical Activity, and Obesity"
    assert table.report.layout == f"{family}: WIC participants and {family}: youth (YRBSS)"
    assert [data.question.text for data in table.questions] == ["WIC", "youth"]


def test_a_table_without_the_mark_of_a_layout_has_the_common_one(tmp_path: Path, read: Read) -> None:
    assert read(write_csv(tmp_path, [row()])).report.layout == "Nutrition, Physical Activity, and Obesity"


def test_a_vintage_without_a_column_means_the_only_value_type_there_is(tmp_path: Path, read: Read) -> None:
    columns = ("LocationDesc", "Question", "Data_Value", "StratificationCategory1", "Stratification1", "YearStart")
    total = row(StratificationCategory1="Total", Stratification1="Total", Data_Value_Type="Value")
    write(tmp_path, csv_text([total], columns), "old.csv")
    write(tmp_path, csv_text([total], (*columns, "Data_Value_Type")), "new.csv")
    table = read(tmp_path)
    assert [data.question.value_type for data in table.questions] == ["Value"]
    assert table.report.rows_identical == 1


def test_years_in_one_field_are_a_span(tmp_path: Path, read: Read) -> None:
    layout = LAYOUTS["break out by indicator"]
    table = read(write(tmp_path, table_of(layout).replace("2018", "2017-2018").replace("2019.0", "2019\u20132020")))
    assert [period.label for period in table.periods] == ["2017-2018", "2019-2020"]


def test_a_county_is_named_with_its_state(tmp_path: Path, read: Read) -> None:
    text = table_of(LAYOUTS["mortality"]).replace("Ohio,State", "Clay County,County")
    table = read(write(tmp_path, text.replace("GU,Guam,State", "TX,Clay County,County")))
    assert [(place.name, place.abbreviation) for place in table.locations] == [
        ("Clay County, OH", None),
        ("Clay County, TX", None),
        ("Maine", "ME"),
    ]


def lines_of(name: str) -> list[dict[str, str]]:
    """Return the rows of a real excerpt, as text."""
    with gzip.open(OTHER / name) as content:
        return list(csv.DictReader(io.TextIOWrapper(content, encoding="utf-8-sig", newline="")))


def field(line: dict[str, str], *names: str) -> str:
    return next((line[name].strip() for name in names if name in line), "")


def key_of(line: dict[str, str]) -> tuple[str, ...]:
    """Return what a published row is about: question, value type, location, years, category and stratum."""
    years = [field(line, "YearStart", "Year"), field(line, "YearEnd", "Year")]
    place = field(line, "LocationDesc")
    if field(line, "GeographicLevel") == "County":
        place = f"{place}, {line['LocationAbbr']}"
    pairs = [
        (field(line, f"StratificationCategory{number}"), field(line, f"Stratification{number}")) for number in (1, 2, 3)
    ]
    pairs = [pair for pair in pairs if pair[1] not in EVERYBODY] or [("Total", "Total")]
    question = line.get("Question") or line["Topic"]
    return (
        question,
        field(line, "DataValueType", "Data_Value_Type"),
        place,
        "-".join(dict.fromkeys(years)),
        *(" + ".join(part) for part in zip(*pairs, strict=True)),
    )


def number(text: str) -> float | None:
    return float(text) if text else None


def published_cells(lines: list[dict[str, str]]) -> dict[tuple[str, ...], Cell]:
    """Return the figures of each published row with a value or a footnote."""
    return {
        key_of(line): (
            number(field(line, "DataValue", "Data_Value")),
            number(field(line, "LowConfidenceLimit", "Low_Confidence_Limit")),
            number(field(line, "HighConfidenceLimit", "High_Confidence_Limit ")),
            int(field(line, "Sample_Size")) if field(line, "Sample_Size") else None,
        )
        for line in lines
    }


def served_cells(table: SurveyTable) -> dict[tuple[str, ...], Cell]:
    """Return the estimates of every question, location, year and stratum."""
    found = {}
    for data in table.questions:
        body = {"question": data.question.text, "value_type": data.question.value_type}
        for category in table.categories:
            keys = ["location", "year", "category", "stratum"]
            if not any(table.strata[code].category == category for code in set(data.cells.strata.tolist())):
                continue
            cells, _ = estimates(table, **body, by=keys, stratification={"category": category})
            for cell in cells:
                about = [str(cell[key]) for key in keys]
                figures = cell["value"], cell["low"], cell["high"], cell["sample_size"]
                found[data.question.text, str(data.question.value_type), *about] = figures
    return found


EXCERPTS = {
    "wic.csv.gz": ("Nutrition, Physical Activity, and Obesity: WIC participants", 7_344),
    "cdi_mental_health.csv.gz": ("U.S. Chronic Disease Indicators", 13_200),
    "stroke_mortality.csv.gz": ("Stroke and heart disease mortality", 9_936),
}


@pytest.mark.parametrize("name", EXCERPTS)
def test_every_cell_of_a_real_table_comes_back_to_the_digit(name: str) -> None:
    if not (OTHER / name).is_file():
        pytest.skip("excerpts of CDC's other tables lie in ../shared/data/other")
    table = read_table(OTHER / name)
    layout, rows = EXCERPTS[name]
    assert (table.report.layout, table.report.rows_read) == (layout, rows)
    assert (table.report.rows_skipped, table.report.rows_identical, table.report.conflicts) == ({}, 0, {})
    published, served = published_cells(lines_of(name)), served_cells(table)
    assert len(published) == rows
    assert served == published


@pytest.mark.parametrize("name", EXCERPTS)
def test_both_readers_agree_on_a_real_table(client: Any, name: str) -> None:
    if not (OTHER / name).is_file():
        pytest.skip("excerpts of CDC's other tables lie in ../shared/data/other")
    assert_same_table(read_in_small_blocks(client, OTHER / name), read_table(OTHER / name))


def test_deaths_have_no_limits_and_the_statistics_that_need_them_say_so() -> None:
    path = OTHER / "stroke_mortality.csv.gz"
    if not path.is_file():
        pytest.skip("excerpts of CDC's other tables lie in ../shared/data/other")
    table = read_table(path)
    rates = [number(line["Data_Value"]) or 0.0 for line in lines_of(path.name)]
    values = [data.cells.value_sum + data.cells.value_rest for data in table.questions]
    assert sum((each > 100).sum() for each in values) == sum(rate > 100 for rate in rates) > 500
    white = {"category": "Race/Ethnicity", "value": "White"}
    body = {"question": "T6", "value_type": "Age-adjusted, 3-year Average Rate", "best": "min", "stratification": white}
    with pytest.raises(InvalidRequestError, match="no row of this table has confidence limits"):
        Planner(table).plan("rank", json.dumps(body).encode())
