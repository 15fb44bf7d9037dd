"""Rows that repeat the location, year and stratum of another one: identical ones count once, others make a conflict."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.errors import InvalidRequestError
from app.planner import Planner
from app.table.engines.pandas_reader import read_table
from app.table.survey_table import SurveyTable
from support.real_server import PROJECT_ROOT
from support.survey_files import Row, csv_text, row, write
from support.two_readers import Read, assert_same_table, cluster_of, read_in_small_blocks

CDC_TABLE = PROJECT_ROOT.parent / "shared" / "data" / "cdc_2011_2021.csv.gz"
TOTAL = {"StratificationCategory1": "Total", "Stratification1": "Total"}
LIMITS = {"Low_Confidence_Limit": 28.1, "High_Confidence_Limit": 33.2, "Sample_Size": 1001}
FOOTNOTE = "Data_Value_Footnote_Symbol"


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    pytest.importorskip("distributed", reason="Dask is not installed: make dask")
    with cluster_of(2) as client:
        yield client


def total(**fields: object) -> Row:
    """Return a row of the total in Ohio in 2019, with limits and a sample size."""
    return row(**{"Question": "q", "QuestionID": "q", FOOTNOTE: ""} | TOTAL | LIMITS | fields)


def folder_of(path: Path, *files: list[Row]) -> Path:
    """Write files of rows, each with the columns of its first row, into a new folder."""
    folder = path / "tables"
    folder.mkdir()
    for number, rows in enumerate(files):
        write(folder, csv_text(rows, tuple(rows[0])), f"{number}.csv")
    return folder


def result(table: SurveyTable, statistic: str = "estimate", **body: Any) -> Any:
    """Return the document of a job."""
    return json.loads(Planner(table).plan(statistic, json.dumps({"question": "q", **body}).encode()).work().content)


def refusal(table: SurveyTable, statistic: str = "estimate", **body: Any) -> str:
    """Return the reason for which a request is rejected."""
    with pytest.raises(InvalidRequestError) as caught:
        Planner(table).plan(statistic, json.dumps({"question": "q", **body}).encode())
    return caught.value.reason


@pytest.mark.parametrize("times", [2, 3, 7])
def test_identical_rows_count_once_in_estimates_and_every_time_in_means(tmp_path: Path, read: Read, times: int) -> None:
    utah = total(LocationDesc="Utah", Data_Value=21.7, Low_Confidence_Limit=20.3, High_Confidence_Limit=23.1)
    table = read(folder_of(tmp_path, [total(Data_Value=30.7), utah], *[[total(Data_Value=30.7)]] * (times - 1)))
    found = result(table)
    published = {
        "value": 30.7,
        "low": 28.1,
        "high": 33.2,
        "sample_size": 1001,
        "rows": 1,
        "flags": [],
        "footnote": None,
    }
    assert found["data"][0] == {"location": "Ohio", **published}
    assert found["provenance"]["rows_used"] == 2
    assert found["provenance"]["left_out"] == [{"reason": "identical to a row that was used", "rows": times - 1}]
    assert result(table, "global_mean")["data"]["global_mean"] == pytest.approx((30.7 * times + 21.7) / (times + 1))
    assert table.report.rows_used == times + 1
    assert (table.report.rows_identical, table.report.conflicts) == (times - 1, {})
    assert any(note.startswith(f"{times - 1} rows are identical") for note in table.report.notes)


def test_a_suppressed_row_that_comes_twice_is_suppressed_once(tmp_path: Path, read: Read) -> None:
    utah = total(LocationDesc="Utah")
    suppressed = total(Data_Value="", Low_Confidence_Limit="", High_Confidence_Limit="", Sample_Size="")
    older, newer = {**suppressed, FOOTNOTE: "~"}, {**suppressed, FOOTNOTE: "-"}
    table = read(folder_of(tmp_path, [older, utah], [newer]))
    found = result(table)
    assert [cell["flags"] for cell in found["data"]] == [["suppressed"], []]
    assert sum(item["rows"] for item in found["provenance"]["left_out"]) == 2
    assert table.report.rows_suppressed == 2


DIFFERENCES: list[tuple[Row, str]] = [
    ({"Data_Value": 30.6}, "Data_Value"),
    ({"Low_Confidence_Limit": 28.0}, "Low_Confidence_Limit"),
    ({"High_Confidence_Limit": 33.3}, "High_Confidence_Limit"),
    ({"Sample_Size": 1002}, "Sample_Size"),
    ({"Sample_Size": ""}, "Sample_Size"),
    ({"Data_Value": "", FOOTNOTE: "~"}, "Data_Value"),
    ({FOOTNOTE: "*"}, FOOTNOTE),
]


@pytest.mark.parametrize(("change", "column"), DIFFERENCES)
@pytest.mark.parametrize("copies", [1, 3])
def test_rows_that_differ_are_a_conflict_that_names_the_column(
    tmp_path: Path, change: Row, column: str, copies: int
) -> None:
    other = total(LocationDesc="Utah", Question="w", QuestionID="w")
    table = read_table(folder_of(tmp_path, [total(), other], *[[total()]] * (copies - 1), [total(**change)]))
    reason = refusal(table)
    assert f"Ohio, 2019, Total ({copies + 1} rows). They differ in" in reason
    assert column in reason.partition("They differ in ")[2].partition(";")[0].split(", ")
    assert "keep one of them in the table" in reason
    assert table.report.conflicts == {"q": reason}
    assert len(result(table, question="w")["data"]) == 1
    assert "Ohio" in result(table, "states_mean")["data"]


MEASURES = [
    ("Data_Value_Type", "value_type", {"Mean": "Mean", "Median": "Median"}),
    ("Data_Value_Unit", "value_type", {"percent": "%", "Number": "Number"}),
    ("Response", "response", {"Yes": "Yes", "No": "No"}),
]


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("values", [(30, 40), (30, 30)])
def test_columns_that_say_what_is_measured_make_several_questions_of_a_text(
    tmp_path: Path, read: Read, measure: tuple[str, str, dict[str, str]], values: tuple[int, int]
) -> None:
    column, field, texts = measure
    rows = [total(**{"Data_Value": v, column: text}) for v, text in zip(values, texts.values(), strict=True)]
    table = read(folder_of(tmp_path, rows))
    assert (table.report.conflicts, table.report.rows_identical) == ({}, 0)
    reason = refusal(table)
    assert f"name one as {field!r}: " in reason
    assert all(f"'{name}'" in reason for name in texts)
    assert [result(table, **{field: name})["data"][0]["value"] for name in texts] == list(values)


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("values", [(30, 40), (30, 30)])
def test_another_stratification_makes_strata_of_its_own(
    tmp_path: Path, read: Read, number: int, values: tuple[int, int]
) -> None:
    names = ("Male", "Female")
    column = f"Stratification{number}"
    rows = [total(**{"Data_Value": v, column: name}) for v, name in zip(values, names, strict=True)]
    table = read(folder_of(tmp_path, rows))
    assert (table.report.conflicts, table.report.rows_identical) == ({}, 0)
    found = [result(table, stratification={"category": column, "value": name})["data"][0] for name in names]
    assert [cell["value"] for cell in found] == list(values)


def test_an_empty_field_or_a_missing_column_tells_nothing_apart(tmp_path: Path, read: Read) -> None:
    rows = [[total(Data_Value_Unit=unit)] for unit in ("", "%")]
    table = read(folder_of(tmp_path, *rows, [total()]))
    assert table.report.rows_identical == 2
    assert len(result(table)["data"]) == 1


def test_the_reason_has_three_examples_and_counts_the_others(tmp_path: Path) -> None:
    rows = [total(LocationDesc=name) for name in ("Guam", "Iowa", "Maine", "Ohio", "Utah")]
    gender = {"StratificationCategory1": "Gender", "Stratification1": "Male"}
    rows[0] = {**rows[0], **gender}
    reason = refusal(read_table(folder_of(tmp_path, rows, [{**each, "Data_Value": 1} for each in rows])))
    assert (
        "Guam, 2019, Gender Male (2 rows); Iowa, 2019, Total (2 rows); Maine, 2019, Total (2 rows) and 2 more" in reason
    )


@pytest.mark.parametrize(
    ("statistic", "body"),
    [
        ("compare", {"between": {"location": ["Ohio", "Utah"]}}),
        ("trend", {"state": "Ohio"}),
        ("disparity", {"stratification": {"category": "Total"}, "state": "Ohio", "best": "min"}),
        ("correlate", {"other_question": "w"}),
        ("correlate", {"question": "w", "other_question": "q"}),
    ],
)
def test_all_statistics_of_estimates_refuse_such_a_question(tmp_path: Path, statistic: str, body: Any) -> None:
    other = total(Question="w", QuestionID="w")
    table = read_table(folder_of(tmp_path, [total(), total(Data_Value=1), other]))
    assert "the question 'q' has several different rows" in refusal(table, statistic, **body)


def test_rows_without_a_year_are_not_compared(tmp_path: Path) -> None:
    undated = {"YearStart": "", "YearEnd": ""}
    table = read_table(folder_of(tmp_path, [total(**undated, Data_Value=value) for value in (30, 32, 32)]))
    assert (table.report.rows_identical, table.report.conflicts) == (0, {})
    assert result(table)["data"][0]["rows"] == 3


@pytest.mark.skipif(not CDC_TABLE.is_file(), reason="the CDC table lies in ../shared/data")
def test_three_copies_of_cdcs_table_give_the_figures_of_one(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.csv.gz").symlink_to(CDC_TABLE)
    once, thrice = read_table(CDC_TABLE), read_table(tmp_path)
    assert thrice.report.rows_identical == 2 * once.report.rows_read
    for data in once.questions:
        body: dict[str, Any] = {"question": data.question.id, "by": ["location", "year", "category", "stratum"]}
        assert result(thrice, **body)["data"] == result(once, **body)["data"]


def test_blocks_agree_with_the_whole(tmp_path: Path, client: Any) -> None:
    rows = [
        total(LocationDesc=f"L{n % 150:03}", Data_Value=n % 50 if n != 299 else 1, Question=f"q{n % 2}")
        for n in range(600)
    ]
    path = write(tmp_path, csv_text(rows, tuple(rows[0])))
    whole = read_table(path)
    assert (len(whole.report.conflicts), whole.report.rows_identical) == (1, 225)
    assert_same_table(read_in_small_blocks(client, path), whole)
