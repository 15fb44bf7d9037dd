"""The bundled sample: reproducible, in CDC's layout, true to the summary figures, and no copy of CDC's table."""

import csv
import gzip
import io
import json
import math
import statistics
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

PROJECT_ROOT = Path(__file__).resolve().parents[2]
BUNDLED = PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv"
CDC_TABLE = PROJECT_ROOT.parent / "shared" / "data" / "cdc_2011_2021.csv.gz"

HEADER = (
    ",YearStart,YearEnd,LocationAbbr,LocationDesc,Datasource,Class,Topic,Question,Data_Value_Unit,Data_Value_Type,"
    "Data_Value,Data_Value_Alt,Data_Value_Footnote_Symbol,Data_Value_Footnote,Low_Confidence_Limit,"
    "High_Confidence_Limit ,Sample_Size,Total,Age(years),Education,Gender,Income,Race/Ethnicity,GeoLocation,ClassID,"
    "TopicID,QuestionID,DataValueTypeID,LocationID,StratificationCategory1,Stratification1,StratificationCategoryId1,"
    "StratificationID1"
)
VALUE_FIELDS = ("Data_Value", "Data_Value_Alt", "Low_Confidence_Limit", "High_Confidence_Limit ", "Sample_Size")
STRATIFICATION = ("StratificationCategory1", "Stratification1", "StratificationCategoryId1", "StratificationID1")
CATEGORY_COLUMNS = {
    **{name: name for name in ("Total", "Education", "Gender", "Income", "Race/Ethnicity")},
    "Age (years)": "Age(years)",
}
FOOTNOTE = ("~", "Data not available because sample size is insufficient.")
FINGERPRINT = (
    *("YearStart", "LocationDesc", "QuestionID", "Stratification1"),
    *("Data_Value", "Low_Confidence_Limit", "High_Confidence_Limit ", "Sample_Size"),
)

Row = dict[str, str]
Facts = dict[str, Any]


def run_tool(output: Path, *options: str) -> str:
    command = [sys.executable, "-m", "tools.make_sample_dataset", "--output", str(output), *options]
    return subprocess.run(command, cwd=PROJECT_ROOT, check=True, capture_output=True, text=True).stdout


def read_rows(text: io.TextIOBase) -> list[Row]:
    return list(csv.DictReader(text))


def logit(percent: str) -> float:
    probability = float(percent) / 100
    return math.log(probability / (1 - probability))


def fingerprint(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in FINGERPRINT)


def question_facts(facts: Facts) -> dict[str, Facts]:
    return {question["id"]: question for question in facts["questions"]}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return read_rows(io.StringIO(BUNDLED.read_text(encoding="utf-8"), newline=""))


@pytest.fixture(scope="module")
def published(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["Data_Value"]]


@pytest.fixture(scope="module")
def facts() -> Facts:
    loaded: Facts = json.loads((PROJECT_ROOT / "app" / "table" / "cdc_facts.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def cdc_rows() -> list[Row]:
    if not CDC_TABLE.exists():
        pytest.skip("CDC's own table is not kept with the project: nothing to compare the sample with")
    with gzip.open(CDC_TABLE, "rt", encoding="utf-8", newline="") as file:
        return read_rows(file)


def test_the_tool_writes_the_bundled_bytes_and_prints_their_size(tmp_path: Path, rows: list[Row]) -> None:
    output = tmp_path / "sample.csv"
    printed = run_tool(output)
    assert output.read_bytes() == BUNDLED.read_bytes()
    assert b"\r" not in output.read_bytes()
    suppressed = sum(not row["Data_Value"] for row in rows) / len(rows)
    assert printed == f"{output}: {len(rows)} rows, {suppressed:.1%} suppressed\n"


def test_another_seed_draws_other_values_for_the_same_cells(tmp_path: Path, rows: list[Row]) -> None:
    output = tmp_path / "sample.csv"
    run_tool(output, "--seed", "7")
    others = read_rows(io.StringIO(output.read_text(encoding="utf-8"), newline=""))
    cell = ("", "YearStart", "LocationID", "QuestionID", "StratificationID1")
    assert [[row[name] for name in cell] for row in others] == [[row[name] for name in cell] for row in rows]
    pairs = [(other, row) for other, row in zip(others, rows, strict=True) if row["Total"]]
    for drawn in ("Data_Value", "Sample_Size"):
        assert sum(other[drawn] == row[drawn] for other, row in pairs) < len(pairs) / 5, drawn


def test_header_is_an_unnamed_index_and_the_33_columns(rows: list[Row]) -> None:
    assert ",".join(rows[0]) == HEADER
    assert [row[""] for row in rows] == [str(index) for index in range(len(rows))]


def test_header_is_that_of_the_cdc_table(rows: list[Row], cdc_rows: list[Row]) -> None:
    assert list(rows[0])[1:] == list(cdc_rows[0])


def test_row_count_and_suppressed_share(rows: list[Row], published: list[Row]) -> None:
    assert 17_500 <= len(rows) <= 18_500
    assert 0.05 <= 1 - len(published) / len(rows) <= 0.25


def test_trends_and_breakdowns_are_complete_and_nothing_else_is_there(rows: list[Row], facts: Facts) -> None:
    expected: Counter[tuple[str, ...]] = Counter()
    for question in facts["questions"]:
        latest = max(question["year_effect"])
        for year in question["year_effect"]:
            kept = {"Total", "Gender"} if question["id"] == "Q036" else {"Total"}
            strata = [s["id"] for s in facts["strata"] if year == latest or s["category"] in kept]
            places = question["total_by_location"]
            expected.update((year, question["id"], place, stratum) for place in places for stratum in strata)
    keys = ("YearStart", "QuestionID", "LocationDesc", "StratificationID1")
    assert Counter(tuple(row[key] for key in keys) for row in rows if row["Stratification1"]) == expected


def test_fields_of_question_location_and_stratum_belong_together(rows: list[Row], facts: Facts) -> None:
    questions = question_facts(facts)
    locations = {location["name"]: location for location in facts["locations"]}
    for row in rows:
        question, location = questions[row["QuestionID"]], locations[row["LocationDesc"]]
        assert row["YearEnd"] == row["YearStart"]
        assert (row["Question"], row["Class"], row["Topic"]) == tuple(question[k] for k in ("text", "class", "topic"))
        assert (row["ClassID"], row["TopicID"]) == (question["class_id"], question["topic_id"])
        assert (row["LocationAbbr"], row["LocationID"]) == (location["abbr"], location["id"])
        point = "" if row["LocationDesc"] == "National" else f"({location['lat']}, {location['lon']})"
        assert row["GeoLocation"] == point
        assert (row["Data_Value_Unit"], row["Data_Value_Type"], row["DataValueTypeID"]) == ("", "Value", "VALUE")


def test_only_the_column_of_its_own_category_names_the_stratum(rows: list[Row], facts: Facts) -> None:
    strata = {stratum["id"]: stratum for stratum in facts["strata"]}
    for row in rows:
        filled = {column: row[column] for column in CATEGORY_COLUMNS.values() if row[column]}
        if not row["StratificationID1"]:
            assert not filled
            continue
        stratum = strata[row["StratificationID1"]]
        assert [row[name] for name in STRATIFICATION] == [stratum[k] for k in ("category", "name", "category_id", "id")]
        assert filled == {CATEGORY_COLUMNS[stratum["category"]]: stratum["name"]}


def test_rows_without_stratification_are_there_and_suppressed(rows: list[Row], facts: Facts) -> None:
    bare = [row for row in rows if not any(row[name] for name in STRATIFICATION)]
    assert Counter(row["QuestionID"] for row in bare) == Counter(question_facts(facts).keys())
    assert not any(row["Data_Value"] for row in bare)
    sizes = {location["name"]: location["median_sample_size"] for location in facts["locations"]}
    for row in bare:
        places = question_facts(facts)[row["QuestionID"]]["total_by_location"]
        assert sizes[row["LocationDesc"]] == min(sizes[place] for place in places)


def test_every_row_says_that_it_is_modelled(rows: list[Row]) -> None:
    assert {row["Datasource"].split()[0] for row in rows} == {"Modelled"}


def test_values_lie_within_their_limits(published: list[Row]) -> None:
    for row in published:
        low, value, high = (float(row[k]) for k in ("Low_Confidence_Limit", "Data_Value", "High_Confidence_Limit "))
        assert 0 <= low <= value <= high <= 100
        assert row["Data_Value_Alt"] == row["Data_Value"] == f"{value:.1f}"


def test_suppressed_rows_have_a_footnote_and_others_enough_respondents(rows: list[Row]) -> None:
    for row in rows:
        footnote = (row["Data_Value_Footnote_Symbol"], row["Data_Value_Footnote"])
        if row["Data_Value"]:
            assert footnote == ("", "")
            assert int(row["Sample_Size"]) >= 50
        else:
            assert footnote == FOOTNOTE
            assert not any(row[name] for name in VALUE_FIELDS)


def test_total_of_the_states_averages_to_the_mean_of_the_question(published: list[Row], facts: Facts) -> None:
    totals = [row for row in published if row["Total"] and row["LocationAbbr"] != "US"]
    for question in facts["questions"]:
        values = [float(row["Data_Value"]) for row in totals if row["QuestionID"] == question["id"]]
        assert statistics.fmean(values) == pytest.approx(question["mean"], abs=1.5), question["id"]


def test_years_and_strata_differ_by_their_effects(published: list[Row], facts: Facts) -> None:
    groups: dict[tuple[str, str, str], list[float]] = {}
    for row in published:
        key = (row["QuestionID"], row["YearStart"], row["Stratification1"])
        groups.setdefault(key, []).append(float(row["Data_Value"]))
    means = {key: statistics.fmean(values) for key, values in groups.items()}
    large = [stratum["name"] for stratum in facts["strata"] if stratum["sample_share"] > 0.05]
    for question in facts["questions"]:
        first, latest = min(question["year_effect"]), max(question["year_effect"])
        total = means[question["id"], latest, "Total"]
        trend = question["year_effect"][latest] - question["year_effect"][first]
        assert total - means[question["id"], first, "Total"] == pytest.approx(trend, abs=1)
        for name in large:
            effect = means[question["id"], latest, name] - total
            assert effect == pytest.approx(question["stratum_effect"][name], abs=2), (question["id"], name)


def test_limits_are_wider_for_smaller_samples(published: list[Row]) -> None:
    by_size = sorted(published, key=lambda row: int(row["Sample_Size"]))
    quarter = len(by_size) // 4
    widths = [float(row["High_Confidence_Limit "]) - float(row["Low_Confidence_Limit"]) for row in by_size]
    means = [statistics.fmean(widths[start : start + quarter]) for start in range(0, 4 * quarter, quarter)]
    assert all(smaller > 1.3 * larger for smaller, larger in pairwise(means))


def test_limits_imply_the_design_effect_of_the_survey(published: list[Row], facts: Facts) -> None:
    effects = []
    for row in published:
        if 100 <= int(row["Sample_Size"]) <= 2000:  # wide enough that one decimal does not matter
            error = (logit(row["High_Confidence_Limit "]) - logit(row["Low_Confidence_Limit"])) / (2 * 1.96)
            probability = float(row["Data_Value"]) / 100
            effects.append(error**2 * int(row["Sample_Size"]) * probability * (1 - probability))
    assert statistics.median(effects) == pytest.approx(facts["design_effect_median"], abs=0.05)


def test_no_row_is_copied_from_the_cdc_table(published: list[Row], cdc_rows: list[Row]) -> None:
    # Suppressed rows hold no number that could be copied.
    surveyed = {fingerprint(row) for row in cdc_rows}
    assert sum(fingerprint(row) in surveyed for row in published) < len(published) / 1000
