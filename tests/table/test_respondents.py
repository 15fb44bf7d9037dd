"""Prevalences from respondents' records against plain loops, for any split, order and format of the records."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
from scipy import stats

from app.errors import SourceError
from app.table.engines.pandas_reader import read_with_pandas
from app.table.estimates import estimates_over_years, flags_of, yearly_estimates
from app.table.respondents import RecordMapping, RespondentRecords
from app.table.respondents.identifiers import identifier_of, parse_identifiers
from app.table.sources.addresses import Source
from app.table.sources.frame import SourceFrame
from app.table.sources.progress import ignore_progress
from app.table.survey_table import SurveyTable
from support.respondent_records import (
    LOCATIONS,
    MAPPING,
    NATION,
    ORIGIN,
    WALKING,
    Record,
    each_respondent_a_unit,
    figures_of,
    keys_of,
    made_up,
    mapping,
    plain_figures,
    records_of,
    reduced,
    table_of,
)

CLOSE = 1e-9


def odd_sample() -> pd.DataFrame:
    """Return records with a stratum of a single unit, and a unit without answers to one question."""
    frame = made_up(2500, seed=5)
    frame.loc[frame["stratum"] == 1, "unit"] = 1
    frame.loc[(frame["stratum"] == 3) & (frame["unit"] == 2), "walks"] = 7
    return frame


@pytest.mark.parametrize(
    ("meaning", "unit"),
    [(mapping(), lambda record: record["unit"]), (each_respondent_a_unit(), lambda record: record["number"])],
)
def test_every_cell_equals_the_result_of_plain_loops(meaning: RecordMapping, unit: Callable[[Record], Any]) -> None:
    frame = odd_sample()
    frame["number"] = range(len(frame))
    found = figures_of(table_of(frame, meaning))
    records = records_of(frame)
    for key, is_sampled, in_group in keys_of([2018, 2019]):
        sampled = [record for record in records if is_sampled(record)]
        value, error, respondents = plain_figures(sampled, key[0], in_group, unit)
        assert found[key].respondents == respondents
        assert found[key].value == pytest.approx(value, rel=CLOSE)
        assert found[key].error == pytest.approx(error, rel=CLOSE)
        assert 0 < found[key].low < value < found[key].high < 100
    assert len(found) == len(keys_of([2018, 2019]))


@pytest.mark.parametrize("meaning", [mapping(), each_respondent_a_unit()])
@pytest.mark.parametrize("parts", [2, 7, 60])
def test_the_cells_do_not_depend_on_the_split_or_order_of_the_records(meaning: RecordMapping, parts: int) -> None:
    frame = odd_sample()
    records = RespondentRecords(meaning, min_respondents=1)
    shuffled = frame.sample(frac=1, random_state=parts)
    cuts = np.array_split(np.arange(len(frame)), parts)
    pieces = [reduced(records, shuffled.iloc[cut]) for cut in [*cuts, np.array([], dtype=int)]]
    first, last = records.merge(pieces[: parts // 2]), records.merge(pieces[parts // 2 :])
    whole, merged = reduced(records, frame), records.merge([last, first])
    assert records.rows(merged) == len(frame)
    expected, found = (figures_of(records.build_table(sums, ORIGIN)) for sums in (whole, merged))
    assert found.keys() == expected.keys()
    for key, figures in expected.items():
        assert found[key] == pytest.approx(figures, rel=CLOSE)


def as_text(column: pd.Series) -> pd.Series:
    return column.astype(str).astype("category")


@pytest.mark.parametrize(
    "written",
    [
        as_text,
        lambda column: column.astype(float),
        lambda column: column.astype("Int64") if column.name != "weight" else column,
        lambda column: column.astype("category"),
        lambda column: (" " + column.astype(str) + " ").astype(object),
    ],
)
def test_numbers_are_supported_in_any_format(written: Callable[[pd.Series], pd.Series]) -> None:
    frame = made_up(2000, seed=2)
    rewritten = pd.DataFrame({name: written(frame[name]) for name in frame})
    assert figures_of(table_of(rewritten)) == figures_of(table_of(frame))


def test_codes_can_be_text() -> None:
    frame = made_up(2000, seed=2)
    named = frame.assign(sex=frame["sex"].map({1: "F", 2: "M", 9: ""}))
    groups = [{"category": "Gender", "column": "sex", "strata": {"Female": ["F"], "Male": ["M"]}}]
    expected = {key: cell for key, cell in figures_of(table_of(frame)).items() if key[3] != "Age"}
    assert figures_of(table_of(named, mapping(groups=groups))) == expected


def test_a_stratum_can_have_several_codes() -> None:
    frame = made_up(2000, seed=2)
    groups = [{"category": "Age", "column": "age", "strata": {"all": [1, 2, 3, 9]}}]
    found = figures_of(table_of(frame, mapping(groups=groups)))
    assert {key[3] for key in found} == {"Age", "Total"}
    for (text, location, year, category, _), figures in found.items():
        if category == "Age":
            assert figures == found[(text, location, year, "Total", "Total")]


def test_unusable_records_are_counted_by_reason() -> None:
    frame = made_up(2000, seed=3)
    good = figures_of(table_of(frame))
    odd = frame.iloc[:9].astype(float)
    odd.iloc[0, 0], odd.iloc[1, 0] = 4, math.nan
    odd.iloc[2, 1], odd.iloc[3, 1] = 1066, math.nan
    odd.iloc[4, 2], odd.iloc[5, 2], odd.iloc[6, 2] = 0, math.nan, math.inf
    odd.iloc[7, 3], odd.iloc[8, 4] = 1.5, math.nan
    table = table_of(pd.concat([frame, odd], ignore_index=True))
    assert figures_of(table) == good
    assert table.report.rows_skipped == {
        "no known location": 2,
        "no year": 2,
        "no weight above 0": 3,
        "no sampling stratum": 1,
        "no sampling unit": 1,
    }
    assert (table.report.rows_read, table.report.rows_used) == (2009, 2000)


def test_the_year_can_be_the_first_digits_of_a_number() -> None:
    frame = made_up(2000, seed=6)
    frame["number"] = [f"{year}{place:06d}" for place, year in enumerate(frame["year"])]
    found = figures_of(table_of(frame, mapping(year={"column": "number", "divisor": 1_000_000})))
    assert found == figures_of(table_of(frame))


def test_the_nation_needs_a_name_and_several_locations() -> None:
    frame = made_up(2000, seed=7)
    assert NATION in table_of(frame).location_names
    assert NATION not in table_of(frame[frame["state"] != 2]).location_names
    unnamed = {"column": "state", "names": {name: [code] for code, name in enumerate(LOCATIONS, 1)}}
    assert table_of(frame, mapping(location=unnamed)).location_names == tuple(sorted(LOCATIONS))


def test_a_unanimous_sample_has_the_limits_of_korn_and_graubard() -> None:
    frame = made_up(300, seed=8)
    frame.loc[frame["age"] == 3, "walks"] = 1
    table = table_of(frame)
    figures = figures_of(table)[(WALKING, NATION, 2018, "Age", "very old")]
    # The effective sample size is the sample's, adjusted for the degrees of freedom.
    simple, ours = stats.t.ppf(0.975, figures.respondents - 1), stats.t.ppf(0.975, figures.degrees)
    size = figures.respondents * (simple / ours) ** 2
    assert figures.low == pytest.approx(100 * stats.beta.ppf(0.025, size, 1), rel=CLOSE)
    assert (figures.value, figures.high) == (100, 100)
    assert figures.error == pytest.approx((100 - figures.low) / stats.norm.ppf(0.975), rel=CLOSE)
    estimates = yearly_estimates(table.questions[0].cells)
    chosen = estimates.select((estimates.values == 100) & (estimates.degrees == figures.degrees))
    assert all("nchs_review" in flags and "no_limits" not in flags for flags in flags_of(chosen))


def test_a_sample_without_a_degree_of_freedom_has_a_value_but_no_limits() -> None:
    frame = made_up(300, seed=8).assign(unit=1)
    table = table_of(frame)
    for figures in figures_of(table).values():
        assert figures.degrees == 0
        assert np.isnan([figures.low, figures.high, figures.error]).all()
    assert all("no_limits" in flags for flags in flags_of(yearly_estimates(table.questions[0].cells)))


@pytest.mark.parametrize(("degrees", "reviewed"), [(7, True), (8, False)])
def test_fewer_than_eight_degrees_of_freedom_are_for_review(degrees: int, reviewed: bool) -> None:
    frame = made_up(4000, seed=8).assign(stratum=1)
    frame["unit"] = frame.index % (degrees + 1)
    table = table_of(frame)
    assert {figures.degrees for key, figures in figures_of(table).items() if key[1] == "Ohio"} == {degrees}
    estimates = yearly_estimates(table.questions[0].cells)
    ohio = estimates.select(estimates.locations == table.location_code("Ohio"))
    assert {"nchs_review" in flags for flags in flags_of(ohio)} == {reviewed}


def test_limits_of_a_mean_over_years_use_all_degrees_of_freedom() -> None:
    table = table_of(made_up(2000, seed=8))
    yearly = yearly_estimates(table.questions[0].cells)
    mean = estimates_over_years(yearly)
    first = yearly.select((yearly.locations == 0) & (yearly.strata == 0))
    p, error, degrees = mean.values[0] / 100, mean.errors[0] / 100, first.degrees.sum()
    assert (degrees, first.degrees.size) == (mean.degrees[0], 2)
    half_width = stats.t.ppf(0.975, degrees) * error / (p * (1 - p))
    assert mean.low[0] == pytest.approx(100 / (1 + (1 - p) / p * math.exp(half_width)), rel=CLOSE)


def test_cells_with_few_respondents_are_suppressed() -> None:
    frame = made_up(2000, seed=9)
    kept = RespondentRecords(mapping(), min_respondents=100)
    table = kept.build_table(reduced(kept, frame), ORIGIN)
    everything = figures_of(table_of(frame))
    shown = 0
    for data in table.questions:
        estimates = yearly_estimates(data.cells)
        for place, flags in enumerate(flags_of(estimates)):
            stratum = table.strata[estimates.strata[place]]
            location = table.location_names[estimates.locations[place]]
            year = table.periods[estimates.periods[place]].first
            figures = everything[(data.question.text, location, year, stratum.category, stratum.name)]
            assert (flags == ["suppressed"]) == (figures.respondents < 100)
            assert np.isnan(estimates.values[place]) == (figures.respondents < 100)
            assert (estimates.footnotes[place] == 0) == (figures.respondents < 100)
            shown += figures.respondents >= 100
    assert table.report.footnotes[0] == "Fewer than 100 respondents"
    hidden = len(everything) - shown
    assert 10 < hidden < len(everything) - 10
    note = f"{hidden} of {len(everything)} estimates are suppressed: they have fewer than 100 respondents"
    assert note in table.report.notes


def test_a_year_of_a_few_late_interviews_is_not_a_year_of_the_table() -> None:
    late = made_up(30, seed=1).assign(year=2020)
    records = RespondentRecords(mapping())
    table = records.build_table(reduced(records, pd.concat([made_up(2000, seed=9), late])), ORIGIN)
    assert table.report.years == (2018, 2019)
    assert {data.question.years for data in table.questions} == {(2018, 2019)}
    assert table.report.rows_used == 2030


def test_text_identifies_strata_units_and_respondents() -> None:
    frame = made_up(2000, seed=2).assign(number=range(2000))
    design = {**MAPPING["design"], "respondent": "number"}
    named = frame.assign(
        stratum=[f" rural {number} " for number in frame["stratum"]],
        unit=[f"{unit}B" for unit in frame["unit"]],
        number=[f"R-{number}" for number in frame["number"]],
    )
    expected, found = figures_of(table_of(frame)), figures_of(table_of(named, mapping(design=design)))
    assert all(found[key] == pytest.approx(figures, rel=CLOSE) for key, figures in expected.items())
    with pytest.raises(SourceError, match=r"1 records have the number of another record .*, such as one in "):
        table_of(pd.concat([named, named.iloc[[7]]]), mapping(design=design))


def test_identifiers_are_whole_numbers_or_text() -> None:
    texts = ["7", "007", "7.0", "rural", " rural", "1.5", "", None, "nan", "urban"]
    identifiers, known = parse_identifiers(SourceFrame(pyarrow.table({"stratum": texts})), "stratum")
    assert known.tolist() == [True, True, True, True, True, False, False, False, False, True]
    assert identifiers[:3].tolist() == [7, 7, 7]
    assert identifiers[3] == identifiers[4] != identifiers[9]
    assert {identifier_of("7"), identifier_of("rural")} == {7, identifiers[3]}


CROSSING = {"weight": "weight", "stratum": "stratum", "unit": "unit"}


def test_strata_that_cross_locations_are_noted() -> None:
    frame = made_up(2000, seed=2)
    (note,) = [note for note in table_of(frame, mapping(design=CROSSING)).report.notes if "strata" in note]
    assert note.startswith("8 sampling strata have respondents in several locations and count as one each; ")  # 2 years
    assert not [note for note in table_of(frame).report.notes if "strata" in note]
    apart = frame.assign(stratum=10 * frame["state"] + frame["stratum"])
    assert not [note for note in table_of(apart, mapping(design=CROSSING)).report.notes if "strata" in note]
    assert figures_of(table_of(apart, mapping(design=CROSSING))) == figures_of(table_of(frame))


def test_units_that_cross_locations_need_strata() -> None:
    frame = made_up(2000, seed=2)
    bare = {"weight": "weight", "unit": "unit"}
    with pytest.raises(SourceError, match=r"10 values of unit occur in several locations.* stratum .*within_locations"):
        table_of(frame, mapping(design=bare))
    assert table_of(frame, mapping(design={**bare, "within_locations": True})).report.rows_used == 2000


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": 9}, r"records.parquet: none of its records can be used \(20: no known location\)"),
        ({"walks": 7, "sings": 9}, r"records.parquet: none of its records can be used \(no question is answered\)"),
    ],
)
def test_a_source_without_usable_records_is_an_error(change: dict[str, int], reason: str) -> None:
    with pytest.raises(SourceError, match=f"^{reason}$"):
        table_of(made_up(20, seed=9).assign(**change))


def test_an_empty_frame_has_an_empty_reduction() -> None:
    records = RespondentRecords(mapping())
    nothing = reduced(records, made_up(20, seed=9).iloc[:0])
    assert records.rows(nothing) == 0
    whole = reduced(records, made_up(20, seed=9))
    assert records.rows(records.merge([nothing, whole, nothing])) == 20


def write_parts(folder: Path, *parts: pd.DataFrame) -> Path:
    """Write records into a folder, a file for each part, and return it."""
    for number, part in enumerate(parts):
        part.to_csv(folder / f"{number}.csv", index=False)
    return folder


def read_records(folder: Path, meaning: RecordMapping) -> SurveyTable:
    """Read a folder of records."""
    return read_with_pandas(Source(str(folder)), RespondentRecords(meaning, min_respondents=1), ignore_progress)


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    records = made_up(50, 1)
    with pytest.raises(SourceError, match=r"the files 0\.csv and 2\.csv are the same; each respondent would count"):
        read_records(write_parts(tmp_path, records, made_up(50, 2), records), mapping())


def test_a_respondent_that_comes_twice_in_a_location_and_year_is_refused(tmp_path: Path) -> None:
    numbered = mapping(design={**MAPPING["design"], "respondent": "number"})
    records = made_up(50, 1).assign(number=range(50))
    half = records[40:].sample(frac=1, random_state=1)
    assert read_records(write_parts(tmp_path, records), numbered).report.rows_used == 50
    other_year = half.assign(year=2021)
    assert read_records(write_parts(tmp_path, records, other_year), numbered).report.rows_used == 60
    with pytest.raises(SourceError, match="10 records have the number of another record of the same location and year"):
        read_records(write_parts(tmp_path, records, half), numbered)
