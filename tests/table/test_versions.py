"""What differs between versions of CDC's table: the name of a category, and footnotes."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.planner import Planner
from app.table.engines.pandas_reader import read_table
from app.table.survey_table import SurveyTable
from support.survey_files import Row, csv_text, row, write

SMALL = "Data not available because sample size is insufficient."
EITHER = "Data not available because sample size is insufficient or data not reported."
UNREPORTED = "Data not reported."
KEYS = ["location", "year", "category", "stratum"]


def of_sex(category: str, **fields: object) -> list[Row]:
    """Return a row of each sex in Ohio, by one name of the category."""
    names = [{"StratificationCategory1": category, "Stratification1": name} for name in ("Female", "Male")]
    return [
        row(**{"Question": "q", "QuestionID": "q", "Data_Value": 30 + place} | name | fields)
        for place, name in enumerate(names)
    ]


def without_value(symbol: str, text: str, stratum: str = "Total", **fields: object) -> Row:
    """Return a row without a value, with a footnote."""
    footnote = {"Data_Value": "", "Data_Value_Footnote_Symbol": symbol, "Data_Value_Footnote": text}
    names = {"StratificationCategory1": "Total" if stratum == "Total" else "Sex", "Stratification1": stratum}
    return row(**{"Question": "q", "QuestionID": "q"} | footnote | names | fields)


def table_of(folder: Path, *files: list[Row]) -> SurveyTable:
    """Return the table of files of rows."""
    for number, rows in enumerate(files):
        columns = dict.fromkeys(name for each in rows for name in each)
        write(folder, csv_text(rows, tuple(columns)), f"{number}.csv")
    return read_table(folder)


def ask(table: SurveyTable, statistic: str = "estimate", **body: Any) -> Any:
    """Return the document of a job."""
    return json.loads(Planner(table).plan(statistic, json.dumps({"question": "q", **body}).encode()).work().content)


@pytest.mark.parametrize("shown", ["Gender", "Sex"])
@pytest.mark.parametrize("asked", ["Gender", "Sex"])
def test_gender_and_sex_are_one_category_and_the_tables_name_is_shown(tmp_path: Path, shown: str, asked: str) -> None:
    table = table_of(tmp_path, of_sex(shown))
    found = ask(table, by=KEYS, stratification={"category": asked, "value": "Female"})
    assert [cell["category"] for cell in found["data"]] == [shown]
    assert found["provenance"]["filters"]["stratification"] == [{"category": shown, "value": "Female"}]
    assert list(table.categories) == [shown]
    body = json.dumps({"question": "q", "by": [], "stratification": {"category": asked, "value": "Male"}}).encode()
    assert json.loads(Planner(table).plan("estimate", body).request.body)["stratification"]["category"] == shown


def test_gender_of_an_older_version_and_sex_of_a_newer_one_are_one_category(tmp_path: Path) -> None:
    newer = of_sex("Sex") + of_sex("Sex", YearStart=2022, YearEnd=2022)
    table = table_of(tmp_path, of_sex("Gender"), newer)
    assert {name: list(strata) for name, strata in table.categories.items()} == {"Sex": ["Female", "Male"]}
    assert (table.report.rows_identical, table.report.conflicts) == (2, {})
    found = ask(table, by=["year"], stratification={"category": "Gender", "value": "Male"}, locations=["Ohio"])
    assert [(cell["year"], cell["value"], cell["rows"]) for cell in found["data"]] == [(2019, 31, 1), (2022, 31, 1)]


def test_a_value_revised_between_gender_and_sex_is_a_conflict(tmp_path: Path) -> None:
    table = table_of(tmp_path, of_sex("Gender"), of_sex("Sex", Data_Value=30))
    assert "Ohio, 2019, Sex Male (2 rows). They differ in Data_Value" in table.report.conflicts["q"]


@pytest.mark.parametrize(
    ("text", "stratum", "flag"),
    [
        (SMALL, "Total", "suppressed"),
        (UNREPORTED, "Total", "not_reported"),
        (UNREPORTED, "Male", "not_reported"),
        (EITHER, "Total", "not_reported"),
        (EITHER, "Male", "suppressed"),
        ("", "Total", "suppressed"),
    ],
)
def test_the_text_of_a_footnote_says_why_there_is_no_value(tmp_path: Path, text: str, stratum: str, flag: str) -> None:
    kentucky = [without_value("-", text, stratum, LocationDesc="Kentucky")]
    reported = [row(Question="q", StratificationCategory1="Sex", Stratification1="Female", LocationDesc="Kentucky")]
    table = table_of(tmp_path, of_sex("Sex"), kentucky + (reported if stratum == "Male" else []))
    cells = {(cell["location"], cell["stratum"]): cell for cell in ask(table, by=KEYS)["data"]}
    cell = cells["Kentucky", stratum]
    assert (cell["value"], cell["flags"], cell["footnote"]) == (None, [flag], text or "-")
    assert cells["Ohio", "Male"]["footnote"] is None
    assert (text or "-") in table.report.footnotes


def test_over_the_years_a_cell_keeps_a_footnote_that_all_its_years_have(tmp_path: Path) -> None:
    years: list[dict[str, Any]] = [{"YearStart": year, "YearEnd": year} for year in (2022, 2023)]
    kentucky = [without_value("-", UNREPORTED, LocationDesc="Kentucky", **year) for year in years]
    guam = [
        without_value("-", text, LocationDesc="Guam", **year)
        for text, year in zip((UNREPORTED, SMALL), years, strict=True)
    ]
    cells = ask(table_of(tmp_path, of_sex("Sex"), kentucky + guam))["data"]
    flags = {cell["location"]: (cell["flags"], cell["footnote"]) for cell in cells}
    assert flags == {"Guam": (["suppressed"], None), "Kentucky": (["not_reported"], UNREPORTED)}
