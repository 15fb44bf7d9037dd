"""Loading a file: which rows are used, and what the table knows about them."""

import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings

from app.data_ingestor import DataIngestor
from app.errors import SourceError
from app.table.engines.pandas_reader import read_table
from app.table.facts import Direction, survey_facts
from app.table.question import Question
from support.real_server import PROJECT_ROOT
from support.survey_files import (
    CDC_COLUMNS,
    COMPRESS,
    GENERATED_ROWS,
    NEEDED_COLUMNS,
    WALKING,
    Row,
    csv_text,
    plain_fate,
    row,
    write,
    write_csv,
    write_parquet,
)

OBESITY = "Percent of adults aged 18 years and older who have obesity"
STRENGTH = "Percent of adults who engage in muscle-strengthening activities on 2 or more days a week"
FOOTNOTE = "Data_Value_Footnote_Symbol"
WITH_FOOTNOTE = (*NEEDED_COLUMNS, FOOTNOTE)
NO_NUMBER = "value is not a number"
NOT_A_PERCENTAGE = "value is not between 0 and 100"
NO_VALUE = "no value and no footnote that says why"

REAL_DATA = PROJECT_ROOT.parent / "shared" / "data"
needs_real_data = pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the real tables lie in ../shared/data")


def the_question(path: Path) -> Question:
    """Return the only question of a table."""
    (data,) = read_table(path).questions
    return data.question


UNUSABLE = [
    *[({"Data_Value": text}, NO_NUMBER) for text in ("none", "nan", "NaN", "30%", "1,5", "1_0", "0x1A", "True", "~")],
    *[({"Data_Value": text}, NOT_A_PERCENTAGE) for text in ("inf", "-inf", "1e999", "-0.1", "-30", "100.1", "9" * 40)],
    *[({"Data_Value": text}, NO_VALUE) for text in ("", "  ", "\t", "\u00a0")],
    *[({"LocationDesc": text}, "no location") for text in ("", "  ")],
    *[({"Question": text}, "no question") for text in ("", " \t ")],
    ({"LocationDesc": "", "Question": "", "Data_Value": ""}, "no location"),
]


@pytest.mark.parametrize(("fields", "reason"), UNUSABLE)
def test_unusable_rows_are_counted_by_reason(tmp_path: Path, fields: dict[str, str], reason: str) -> None:
    table = read_table(write_csv(tmp_path, [row(), row(**fields)], WITH_FOOTNOTE))
    assert table.report.rows_skipped == {reason: 1}
    assert (table.report.rows_read, table.report.rows_used, table.report.rows_suppressed) == (2, 1, 0)
    assert [data.means.global_mean for data in table.questions] == [30.5]


@pytest.mark.parametrize("text", ["0", "-0.0", "0.0", "100", "100.0", "1e2", " 30 ", "+5", ".5", "5.", "007", "33.3"])
def test_a_percentage_is_parsed_in_any_format(tmp_path: Path, text: str) -> None:
    table = read_table(write_csv(tmp_path, [row(Data_Value=text)]))
    assert table.report.rows_skipped == {}
    assert table.questions[0].means.global_mean == float(text)


@pytest.mark.parametrize("symbol", ["~", "-", "*"])
@pytest.mark.parametrize("value", ["", "  "])
def test_a_row_with_a_footnote_instead_of_a_value_is_suppressed(tmp_path: Path, value: str, symbol: str) -> None:
    path = write_csv(tmp_path, [row(), row(Data_Value=value, **{FOOTNOTE: symbol})], WITH_FOOTNOTE)
    report = read_table(path).report
    assert (report.rows_used, report.rows_suppressed, report.rows_skipped) == (1, 1, {})
    assert (the_question(path).rows, the_question(path).suppressed_rows) == (1, 1)


@pytest.mark.parametrize("columns", [WITH_FOOTNOTE, NEEDED_COLUMNS])
def test_a_row_with_neither_value_nor_footnote_is_skipped(tmp_path: Path, columns: tuple[str, ...]) -> None:
    path = write_csv(tmp_path, [row(), row(Data_Value="", **{FOOTNOTE: "  "})], columns)
    assert read_table(path).report.rows_skipped == {NO_VALUE: 1}
    assert the_question(path).suppressed_rows == 0


def test_a_row_with_both_value_and_footnote_is_used_and_counted(tmp_path: Path) -> None:
    report = read_table(write_csv(tmp_path, [row(**{FOOTNOTE: "~"}), row()], WITH_FOOTNOTE)).report
    assert (report.rows_used, report.rows_used_despite_footnote, report.rows_suppressed) == (2, 1, 0)


@pytest.mark.parametrize(("value", "reason"), [("none", f"1: {NO_NUMBER}"), ("", "suppressed")])
def test_the_error_for_a_table_without_usable_rows_has_the_reason(tmp_path: Path, value: str, reason: str) -> None:
    path = write_csv(tmp_path, [row(Data_Value=value, **{FOOTNOTE: "~"})], WITH_FOOTNOTE)
    with pytest.raises(SourceError) as caught:
        read_table(path)
    assert caught.value.reason.startswith(f"{path}: ")
    assert reason in caught.value.reason


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=GENERATED_ROWS)
def test_every_row_read_is_used_or_suppressed_or_skipped(tmp_path: Path, rows: list[Row]) -> None:
    fates = Counter(plain_fate(fields) for fields in rows)
    assume(fates["used"])
    table = read_table(write_csv(tmp_path, rows, WITH_FOOTNOTE))
    report = table.report
    assert report.rows_read == len(rows)
    assert report.rows_read == report.rows_used + report.rows_suppressed + sum(report.rows_skipped.values())
    assert (report.rows_used, report.rows_suppressed) == (fates["used"], fates["suppressed"])
    assert report.rows_used == sum(data.question.rows for data in table.questions)
    assert report.rows_suppressed == sum(data.question.suppressed_rows for data in table.questions)


YEARS = [
    ((2011, 2011), (2011,)),
    ((2011, 2013), (2011, 2012, 2013)),
    (("2011.0", " 2011 "), (2011,)),
    ((2013, 2011), ()),
    (("", ""), ()),
    (("then", "now"), ()),
    ((0, 2011), ()),
    ((2011, 20111), ()),
    ((-(10**12), 10**12), ()),
    (("-inf", "inf"), ()),
    (("nan", 2011), ()),
]


@pytest.mark.parametrize(("written", "years"), YEARS)
def test_a_row_covers_the_years_from_start_to_end_unless_they_are_implausible(
    tmp_path: Path, written: tuple[object, object], years: tuple[int, ...]
) -> None:
    path = write_csv(tmp_path, [row(YearStart=written[0], YearEnd=written[1])], CDC_COLUMNS)
    assert the_question(path).years == years
    assert read_table(path).report.years == years


@pytest.mark.parametrize(("column", "year"), [("YearStart", 2011), ("YearEnd", 2013)])
def test_one_column_of_years_is_enough(tmp_path: Path, column: str, year: int) -> None:
    path = write_csv(tmp_path, [row(YearStart=2011, YearEnd=2013)], (*NEEDED_COLUMNS, column))
    assert the_question(path).years == (year,)
    assert not [note for note in read_table(path).report.notes if "years of the rows are not known" in note]


def test_a_table_without_year_columns_has_no_years_and_a_note(tmp_path: Path) -> None:
    path = write_csv(tmp_path, [row()])
    assert the_question(path).years == ()
    assert [note for note in read_table(path).report.notes if "years of the rows are not known" in note]


def test_years_include_those_of_suppressed_but_not_of_skipped_rows(tmp_path: Path) -> None:
    rows = [
        row(YearStart=year, YearEnd=year, Data_Value=value) for year, value in ((2011, 30), (2012, ""), (2013, "x"))
    ]
    path = write_csv(tmp_path, [{**fields, FOOTNOTE: "~"} for fields in rows], CDC_COLUMNS)
    assert read_table(path).report.years == (2011, 2012)
    assert the_question(path).years == (2011, 2012)


def test_each_question_has_its_own_years(tmp_path: Path) -> None:
    rows = [row(Question=text, YearStart=year, YearEnd=year) for text, year in (("B", 2011), ("A", 2013), ("A", 2012))]
    table = read_table(write_csv(tmp_path, rows, CDC_COLUMNS))
    assert [data.question.years for data in table.questions] == [(2012, 2013), (2011,)]


@pytest.mark.parametrize(
    ("columns", "abbreviations"),
    [(CDC_COLUMNS, ["XO", "UT", None]), (NEEDED_COLUMNS, ["OH", "UT", None])],
)
def test_abbreviations_come_from_the_table_or_else_from_cdcs_list(
    tmp_path: Path, columns: tuple[str, ...], abbreviations: list[str | None]
) -> None:
    written = [("Ohio", ""), ("Ohio", "XO"), ("Utah", ""), ("Utopia", "")]
    rows = [row(LocationDesc=name, LocationAbbr=abbreviation) for name, abbreviation in written]
    table = read_table(write_csv(tmp_path, rows, columns))
    assert table.location_names == ("Ohio", "Utah", "Utopia")
    assert [location.abbreviation for location in table.locations] == abbreviations


@pytest.mark.parametrize("question_id", ["007", "Q007", "7e1"])
def test_a_question_id_is_kept_unchanged(tmp_path: Path, question_id: str) -> None:
    path = write_csv(tmp_path, [row(QuestionID=question_id)], CDC_COLUMNS)
    assert the_question(path).id == question_id


FACTS = [
    # text, id and class in the table; id, class and good direction that are known of it
    ((OBESITY, "", ""), ("Q036", "Obesity / Weight Status", "min")),
    ((OBESITY, "Q900", "Weight"), ("Q900", "Weight", "min")),
    ((STRENGTH, "", ""), ("Q046", "Physical Activity", "max")),
    (("Adults with obesity", "Q036", ""), ("Q036", "Obesity / Weight Status", "min")),
    (("Adults who lift weights", " Q046 ", "Lifting"), ("Q046", "Lifting", "max")),
    ((WALKING, "", ""), (None, None, None)),
    ((WALKING, "Q900", "Walking"), ("Q900", "Walking", None)),
]


@pytest.mark.parametrize(("written", "known"), FACTS)
def test_missing_details_of_a_question_are_looked_up_by_text_or_id(
    tmp_path: Path, written: tuple[str, str, str], known: tuple[str | None, str | None, Direction | None]
) -> None:
    fields = dict(zip(("Question", "QuestionID", "Class"), written, strict=True))
    question = the_question(write_csv(tmp_path, [row(**fields)], CDC_COLUMNS))
    assert question.text == written[0]
    assert (question.id, question.class_name, question.best) == known


def test_a_table_of_the_needed_columns_gets_the_details_of_every_cdc_question(tmp_path: Path) -> None:
    known = {fact.text: fact for fact in survey_facts().questions.values()}
    table = read_table(write_csv(tmp_path, [row(Question=text) for text in known]))
    assert len(table.questions) == 9
    for question in (data.question for data in table.questions):
        fact = known[question.text]
        assert (question.id, question.class_name, question.best) == (fact.id, fact.class_name, fact.best)


@pytest.mark.parametrize(
    ("datasources", "modelled"),
    [(["BRFSS"], False), ([""], False), (["Modelled from BRFSS"], True), (["BRFSS", "MODELLED"], True)],
)
def test_a_table_is_modelled_if_one_of_its_datasources_is(
    tmp_path: Path, datasources: list[str], modelled: bool
) -> None:
    report = read_table(write_csv(tmp_path, [row(Datasource=name) for name in datasources], CDC_COLUMNS)).report
    assert report.modelled is modelled
    assert report.datasources == tuple(sorted(name for name in datasources if name))


def test_the_report_names_the_file_and_the_digest_of_its_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, COMPRESS["gzip"](csv_text([row()]).encode()), name="any.name")
    report = read_table(path).report
    assert report.source == path.name
    assert report.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_time_of_loading_is_now_in_utc(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    loaded_at = read_table(write_csv(tmp_path, [row()])).report.loaded_at
    assert loaded_at.utcoffset() == timedelta(0)
    assert before <= loaded_at <= datetime.now(UTC)


@pytest.mark.parametrize("column", ["LocationAbbr", "Datasource", "QuestionID", "Class", FOOTNOTE])
def test_a_note_has_the_effect_of_each_missing_column(tmp_path: Path, column: str) -> None:
    assert read_table(write_csv(tmp_path, [row()], CDC_COLUMNS)).report.notes == ()
    lacking = [name for name in CDC_COLUMNS if name != column]
    (note,) = read_table(write_csv(tmp_path, [row()], lacking)).report.notes
    assert column in note


@pytest.mark.parametrize(("category", "stratum"), [("", ""), ("Gender", ""), ("", "Female"), (" ", "\t")])
def test_a_row_without_stratification_counts_in_the_means_but_not_by_category(
    tmp_path: Path, category: str, stratum: str
) -> None:
    unstratified = row(Data_Value=10, StratificationCategory1=category, Stratification1=stratum)
    table = read_table(write_csv(tmp_path, [row(Data_Value=30), unstratified]))
    (data,) = table.questions
    assert (data.means.global_mean, data.means.location_mean(0)) == (20.0, 20.0)
    assert [(each.category, each.name) for each in table.strata] == [("Gender", "Female")]
    assert data.means.location_strata(0).means.tolist() == [30.0]


def test_the_arrays_of_means_are_read_only(tmp_path: Path) -> None:
    (data,) = read_table(write_csv(tmp_path, [row()])).questions
    for means in (data.means.by_location, data.means.by_stratum, data.means.location_strata(0)):
        for array in (means.locations, means.strata, means.means):
            with pytest.raises(ValueError, match="read-only"):
                array[:] = 0


def test_the_ingestor_keeps_one_shared_table(tmp_path: Path) -> None:
    path = write_csv(tmp_path, [row()])
    ingestor = DataIngestor(lambda report_progress: read_table(path))
    second = DataIngestor(lambda report_progress: read_table(path), ingestor.table)
    assert ingestor.table is ingestor.table is second.table


@needs_real_data
@pytest.mark.parametrize("as_parquet", [False, True])
def test_the_cdc_table_is_read_in_full(tmp_path: Path, as_parquet: bool) -> None:
    path = REAL_DATA / "cdc_2011_2021.csv.gz"
    if as_parquet:
        path = write_parquet(tmp_path, pd.read_csv(path, low_memory=False))
    table = read_table(path)
    report = table.report
    assert (report.rows_read, report.rows_suppressed, report.rows_used) == (88_629, 8_778, 79_851)
    assert (len(table.locations), len(table.questions), report.rows_skipped, report.notes) == (55, 9, {}, ())


@needs_real_data
def test_the_sample_of_five_columns_is_read_in_full(tmp_path: Path) -> None:
    report = read_table(write(tmp_path, (REAL_DATA / "course_subset_key_columns.csv").read_bytes())).report
    assert (report.rows_read, report.rows_used, report.rows_skipped) == (18_650, 18_650, {})
