"""What changed between two versions of the table: small cases, and CDC's table against a comparison by pandas."""

import io
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flask import Flask
from pyarrow import parquet

from app.formats.changes import changes_csv, changes_parquet
from app.settings import Settings
from app.table.cells import Cells
from app.table.engines.pandas_reader import read_table
from app.table.question import QuestionData
from app.table.survey_table import SurveyTable
from app.versions.change_records import CellChange, CellFigures, change_records, counts_of, number_words, sentence
from app.versions.changes import Comparison, compare
from support.real_server import PROJECT_ROOT
from support.survey_files import CDC_COLUMNS, Row, csv_text, row, write
from support.vintages import reloaded_version

CDC_TABLE = PROJECT_ROOT.parent / "shared" / "data" / "cdc_2011_2021.csv.gz"
SUPPRESSED = {"Data_Value": "", "Data_Value_Footnote_Symbol": "~", "Data_Value_Footnote": "Too few respondents"}
LIMITS = {"Low_Confidence_Limit": 29.0, "High_Confidence_Limit ": 32.0, "Sample_Size": 900}


@pytest.fixture
def table_of(tmp_path: Path) -> Any:
    """A function that reads rows as a table."""

    def read(*rows: Row) -> SurveyTable:
        return read_table(write(tmp_path, csv_text(rows, CDC_COLUMNS)))

    return read


def changes_of(comparison: Comparison) -> list[CellChange]:
    """Return all changes."""
    return list(change_records(comparison, comparison.places()))


def flat(change: CellChange) -> dict[str, Any]:
    """Return a change as a row of its files."""
    record = asdict(change)
    sides = {side: record.pop(side) or {} for side in ("old", "new")}
    names = CellFigures.__dataclass_fields__
    return record | {f"{side}_{name}": sides[side].get(name) for name in names for side in sides}


def in_words(comparison: Comparison) -> list[tuple[Any, ...]]:
    """Return kind, location, and both values of all changes."""
    sides = (
        (each.kind, each.location, each.old and each.old.value, each.new and each.new.value)
        for each in changes_of(comparison)
    )
    return list(sides)


def test_cells_are_added_removed_and_changed_the_largest_change_first(table_of: Any) -> None:
    old = table_of(row(), row(LocationDesc="Utah", Data_Value=20), row(LocationDesc="Iowa", Data_Value=25))
    new = table_of(row(Data_Value=30.6), row(LocationDesc="Utah", Data_Value=27.5), row(LocationDesc="Maine"))
    comparison = compare(old, new)
    assert in_words(comparison) == [
        ("changed", "Utah", 20.0, 27.5),
        ("changed", "Ohio", 30.5, 30.6),
        ("added", "Maine", None, 30.5),
        ("removed", "Iowa", 25.0, None),
    ]
    assert [change.rank for change in changes_of(comparison)] == [1, 2, 3, 4]
    assert comparison.totals == {"changed": 2, "added": 1, "removed": 1}
    assert comparison.same == 0
    assert sentence(comparison) == (
        "2 cells changed (largest: Utah 2019, Female, Percent of adults who walk to work: 20.0 to 27.5), "
        "1 added, 1 removed"
    )


def test_equal_tables_do_not_differ_whatever_the_order_of_their_rows(table_of: Any) -> None:
    rows = [row(LocationDesc=name, **LIMITS) for name in ("Ohio", "Utah")] + [row(LocationDesc="Iowa", **SUPPRESSED)]
    comparison = compare(table_of(*rows), table_of(*reversed(rows)))
    assert (comparison.size, comparison.same) == (0, 3)
    assert sentence(comparison) == "no cell differs"
    assert counts_of(comparison) == []


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        ({"Low_Confidence_Limit": 28.5}, ("low", 29.0), ("low", 28.5)),
        ({"High_Confidence_Limit ": 33.0}, ("high", 32.0), ("high", 33.0)),
        ({"Sample_Size": 901}, ("sample_size", 900), ("sample_size", 901)),
        (SUPPRESSED, ("suppressed", False), ("suppressed", True)),
        (SUPPRESSED, ("footnote", None), ("footnote", "Too few respondents")),
        ({"Data_Value_Footnote_Symbol": "*", "Data_Value_Footnote": "Note"}, ("footnote", None), ("footnote", "Note")),
    ],
)
def test_a_cell_changes_with_each_of_its_figures(
    table_of: Any, change: Row, old: tuple[str, Any], new: tuple[str, Any]
) -> None:
    other = row(LocationDesc="Utah")  # a table needs a value
    tables = table_of(row(**LIMITS), other), table_of(row(**{**LIMITS, **change}), other)
    (found,) = changes_of(compare(*tables))
    assert found.kind == "changed"
    assert (old[0], getattr(found.old, old[0])) == old
    assert (new[0], getattr(found.new, new[0])) == new


def test_values_that_differ_come_before_suppressed_ones_and_these_before_other_changes(table_of: Any) -> None:
    names = ("Iowa", "Maine", "Ohio", "Utah")
    old = table_of(*(row(LocationDesc=name, **LIMITS) for name in names))
    changes: Mapping[str, Row] = {"Iowa": {"Sample_Size": 5}, "Maine": SUPPRESSED, "Utah": {"Data_Value": 30.6}}
    new = table_of(*(row(**{**LIMITS, "LocationDesc": name, **changes.get(name, {})}) for name in names))
    comparison = compare(old, new)
    assert [each.location for each in changes_of(comparison)] == ["Utah", "Maine", "Iowa"]
    assert comparison.same == 1


def test_rows_that_occur_several_times_are_numbered(table_of: Any) -> None:
    once, twice = table_of(row(), row(LocationDesc="Utah")), table_of(row(), row(), row(LocationDesc="Utah"))
    comparison = compare(once, twice)
    assert in_words(comparison) == [("added", "Ohio", None, 30.5)]
    assert comparison.same == 2
    assert compare(twice, twice).size == 0
    three = table_of(row(), row(), row(), row(LocationDesc="Utah"))
    assert compare(twice, three).size == 1


def test_rows_in_conflict_are_one_cell_with_their_mean(table_of: Any) -> None:
    (change,) = changes_of(compare(table_of(row()), table_of(row(), row(Data_Value=31.5))))
    assert change.old is not None
    assert change.new is not None
    assert (change.old.rows, change.new.rows) == (1, 2)
    assert change.difference == 0.5


def test_names_that_a_version_lacks_are_those_of_the_other(table_of: Any) -> None:
    old = table_of(row(Question="Percent who cycle", QuestionID="Q1"), row(YearStart=2020, YearEnd=2020))
    new = table_of(row(YearStart=2018, YearEnd=2018), row(Stratification1="Male", StratificationCategory1="Sex"))
    found = changes_of(compare(old, new))
    assert {(each.kind, each.question, each.year, each.stratum) for each in found} == {
        ("removed", "Percent who cycle", 2019, "Female"),
        ("removed", "Percent of adults who walk to work", 2020, "Female"),
        ("added", "Percent of adults who walk to work", 2018, "Female"),
        ("added", "Percent of adults who walk to work", 2019, "Male"),
    }


def test_changes_are_selected_by_question_and_year(table_of: Any) -> None:
    other = {"Question": "Percent who cycle", "QuestionID": "Q1"}
    span = {"YearStart": 2018, "YearEnd": 2020}
    old = table_of(row(LocationDesc="Iowa"))
    comparison = compare(old, table_of(row(LocationDesc="Iowa"), row(**span), row(**other), row(Stratification1="")))
    codes = {question.text: code for code, question in enumerate(comparison.questions)}
    assert comparison.places([codes["Percent who cycle"]]).size == 1
    assert comparison.places(year=2020).size == 1
    assert comparison.places(year=2019).size == 3
    assert comparison.places([], 2019).size == 0
    years = {change.year for change in changes_of(comparison)}
    assert years == {2019, "2018-2020"}
    assert parquet.read_table(io.BytesIO(changes_parquet(comparison, comparison.places()))).column(
        "year"
    ).to_pylist() == [str(change.year) for change in changes_of(comparison)]


def test_standardized_cells_are_compared_apart(table_of: Any) -> None:
    table: SurveyTable = table_of(row())

    def with_standardized(value: float | None) -> SurveyTable:
        (data,) = table.questions
        fields = {name: getattr(data.cells, name).copy() for name in Cells.__dataclass_fields__}
        standardized = None if value is None else Cells(**{**fields, "value_sum": np.array([value])})
        question = QuestionData(data.question, Cells(**fields), None, standardized)
        return SurveyTable(
            locations=table.locations,
            strata=table.strata,
            periods=table.periods,
            questions=[question],
            report=table.report,
        )

    (change,) = changes_of(compare(with_standardized(20.0), with_standardized(21.5)))
    assert (change.kind, change.standardized, change.difference) == ("changed", True, 1.5)
    (change,) = changes_of(compare(with_standardized(None), with_standardized(21.5)))
    assert (change.kind, change.standardized) == ("added", True)


def test_figures_are_written_as_they_are_published() -> None:
    assert [number_words(value) for value in (31.0, 34.8, 0.1 + 0.2, 33.333333333)] == [
        "31.0",
        "34.8",
        "0.3",
        "33.3333",
    ]
    assert (number_words(1.0, "+"), number_words(-0.5, "+")) == ("+1.0", "-0.5")


def test_files_have_a_row_for_each_change_and_no_formula(table_of: Any) -> None:
    formula = "=cmd|' /C calc'!A0"
    comparison = compare(table_of(row()), table_of(row(Data_Value=31, **LIMITS), row(LocationDesc=formula)))
    text = changes_csv(comparison, comparison.places()).decode()
    assert "\r\n" in text
    assert f"'{formula}" in text
    read = pd.read_csv(io.StringIO(text))
    columns = parquet.read_table(io.BytesIO(changes_parquet(comparison, comparison.places())))
    assert list(read.columns) == columns.column_names
    assert columns.to_pylist() == [flat(change) for change in changes_of(comparison)]
    assert read["difference"].tolist()[0] == 0.5
    assert parquet.read_table(io.BytesIO(changes_parquet(comparison, comparison.places()[:0]))).num_rows == 0


# CDC's table


@pytest.fixture(scope="module")
def vintages() -> tuple[pd.DataFrame, pd.DataFrame]:
    """CDC's table as text, and a copy in which figures, suppressed values, rows and a year have changed."""
    if not CDC_TABLE.is_file():
        pytest.skip("the CDC table lies in ../shared/data")
    old = pd.read_csv(CDC_TABLE, dtype=str, keep_default_na=False)
    return old, changed_copy(old)


@pytest.fixture(scope="module")
def tables(
    vintages: tuple[pd.DataFrame, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> tuple[SurveyTable, SurveyTable]:
    """Both, as the server reads them."""
    path = tmp_path_factory.mktemp("vintages") / "new.csv"
    vintages[1].to_csv(path, index=False)
    return read_table(CDC_TABLE), read_table(path)


def changed_copy(old: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of CDC's table with known changes, its rows in another order."""
    new, random = old.copy(), np.random.default_rng(18)
    valued = random.permutation(np.flatnonzero(old["Data_Value"] != ""))
    values, suppressed, sizes, gone = valued[:500], valued[500:540], valued[540:600], valued[600:700]
    shift = random.choice([-0.3, 0.1, 0.2], values.size)
    for column in ("Data_Value", "Low_Confidence_Limit", "High_Confidence_Limit "):
        moved = new[column].to_numpy(copy=True)
        # Limits move along with their value: the reader would drop limits that do not hold it.
        moved[values] = [f"{float(text) + by:.1f}" for text, by in zip(moved[values], shift, strict=True)]
        moved[suppressed] = ""
        new[column] = moved
    for places, column, text in (
        (suppressed, "Data_Value_Footnote_Symbol", "~"),
        (suppressed, "Data_Value_Footnote", "Data not available because sample size is insufficient."),
        (sizes, "Sample_Size", "12345"),
    ):
        new.loc[new.index[places], column] = text
    added = old[(old["YearStart"] == "2021") & (old["LocationAbbr"] == "OH")].assign(YearStart="2022", YearEnd="2022")
    return pd.concat([new.drop(new.index[gone]), added]).sample(frac=1, random_state=18)


KEYS = ["Question", "YearStart", "LocationDesc", "StratificationCategory1", "Stratification1"]
NUMBERS = {
    "value": "Data_Value",
    "low": "Low_Confidence_Limit",
    "high": "High_Confidence_Limit ",
    "sample_size": "Sample_Size",
}


def plain_comparison(old: pd.DataFrame, new: pd.DataFrame) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """Compare the files: by key, the kind of the change, old and new numbers (NaN if unknown)."""
    sides = [side[side["Question"].ne("")].set_index(KEYS)[list(NUMBERS.values())] for side in (old, new)]
    assert all(side.index.is_unique for side in sides)
    numbers = [side.apply(pd.to_numeric) for side in sides]
    numbers = [side.where(side["Data_Value"].notna()) for side in numbers]
    both = numbers[0].add_suffix(" old").join(numbers[1].add_suffix(" new"), how="outer")
    kinds = pd.Series("changed", index=both.index)
    kinds[~both.index.isin(sides[0].index)] = "added"
    kinds[~both.index.isin(sides[1].index)] = "removed"
    pairs = [(both[f"{name} old"], both[f"{name} new"]) for name in NUMBERS.values()]
    differs = kinds.ne("changed")
    for before, after in pairs:
        differs |= before.ne(after) & ~(before.isna() & after.isna())
    found = pd.concat([kinds, *(side for pair in pairs for side in pair)], axis=1)[differs]
    return {key: tuple(values) for key, *values in found.itertuples()}


def found_changes(comparison: Comparison) -> Iterator[tuple[tuple[str, ...], tuple[Any, ...]]]:
    """Yield the changes in the form of the plain comparison."""
    for each in changes_of(comparison):
        key = (each.question, str(each.year), each.location, each.category, each.stratum)
        sides = [(getattr(each.old, name, None), getattr(each.new, name, None)) for name in NUMBERS]
        figures = (np.nan if value is None else value for pair in sides for value in pair)
        yield tuple(map(str, key)), (each.kind, *figures)


def assert_equal_changes(found: Mapping[Any, tuple[Any, ...]], expected: Mapping[Any, tuple[Any, ...]]) -> None:
    """Check that two comparisons have the same changes; numbers may differ by rounding alone."""
    assert found.keys() == expected.keys()
    for key, (kind, *figures) in expected.items():
        assert found[key][0] == kind, key
        assert found[key][1:] == pytest.approx(figures, abs=1e-9, nan_ok=True), key


def test_two_vintages_of_cdcs_table_differ_as_pandas_says(
    vintages: tuple[pd.DataFrame, pd.DataFrame], tables: tuple[SurveyTable, SurveyTable]
) -> None:
    comparison = compare(*tables)
    expected = plain_comparison(*vintages)
    assert len(expected) > 800
    listed = list(found_changes(comparison))
    assert len(listed) == comparison.size
    assert_equal_changes(dict(listed), expected)
    assert comparison.same + comparison.totals["changed"] + comparison.totals["removed"] == len(vintages[0])
    sizes = [abs(change.difference) for change in changes_of(comparison) if change.difference is not None]
    assert sizes == sorted(sizes, reverse=True)
    counts = pd.Series([key[:2] for key in expected]).value_counts().to_dict()
    assert {
        (each.question, str(each.year)): each.changed + each.added + each.removed for each in counts_of(comparison)
    } == counts


def test_a_server_that_reads_both_vintages_in_turn_says_over_http_what_pandas_says(
    vintages: tuple[pd.DataFrame, pd.DataFrame],
    start_app: Callable[[Settings], Flask],
    settings: Settings,
    tmp_path: Path,
) -> None:
    path = tmp_path / "cdc.csv.gz"
    shutil.copy(CDC_TABLE, path)
    client = start_app(settings.model_copy(update={"data": str(path)})).test_client()
    vintages[1].to_csv(path, index=False, compression={"method": "gzip", "compresslevel": 1})
    reloaded_version(client)
    answer = client.get("/api/tables/current/changes?format=csv")
    frame = pd.read_csv(io.StringIO(answer.text), dtype={"year": str}, keep_default_na=False, na_values=[""])
    names = ["question", "year", "location", "category", "stratum"]
    figures = [f"{side}_{name}" for name in NUMBERS for side in ("old", "new")]
    found = {tuple(row[:5]): tuple(row[5:]) for row in frame[[*names, "kind", *figures]].itertuples(index=False)}
    assert len(found) == len(frame)
    assert_equal_changes(found, plain_comparison(*vintages))
