"""Build the survey table from the sums of respondents' records."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np

from app.errors import SourceError
from app.table.cells import Cells, Codes, Values
from app.table.facts import survey_facts
from app.table.keys import distinct_keys
from app.table.respondents.given_once import check_given_once
from app.table.respondents.mapping import MappedQuestion, RecordMapping
from app.table.respondents.prevalence import Prevalences, estimate_prevalences
from app.table.respondents.sums import UnitSums
from app.table.source_kind import Origin
from app.table.survey_table import (
    DatasetReport,
    Location,
    Period,
    Question,
    QuestionData,
    Stratum,
    SurveyTable,
    is_modelled,
)
from app.table.usable_rows import describe_skipped

T = TypeVar("T", str, tuple[str, str])

PERCENT = 100.0
NOTE = "each row is an estimate from the records of respondents; docs/statistics.md documents the formulas"


def build_table(mapping: RecordMapping, sums: UnitSums, origin: Origin) -> SurveyTable:
    """Build a table with a cell for each prevalence.

    Raises
    ------
    SourceError: no record is usable, none answers a question, or records are given twice
    """
    check_given_once(mapping, sums, origin)
    if not sums.sums.any():
        counts = describe_skipped(sums.skipped) or "no question is answered"
        raise SourceError(f"{origin.source}: none of its records can be used ({counts})")
    areas = _estimate_areas(mapping, sums)
    years = np.unique(areas.years)
    names = _Names(mapping, areas)
    return SurveyTable(
        locations=names.locations,
        strata=names.strata,
        periods=[Period(year, year) for year in years.tolist()],
        questions=[_question_data(code, mapped, areas, names) for code, mapped in enumerate(mapping.questions)],
        report=_report(mapping, sums, origin, tuple(years.tolist())),
    )


@dataclass(frozen=True, slots=True)
class _Areas:
    """The prevalences of areas: a location in a year each. The nation's code follows the mapping's last location."""

    locations: Codes
    years: Codes
    prevalences: Prevalences


def _estimate_areas(mapping: RecordMapping, sums: UnitSums) -> _Areas:
    (locations, years), area_of_unit = distinct_keys([sums.units.locations, sums.units.years])
    states = _Areas(locations, years, estimate_prevalences(sums, area_of_unit, locations.size))
    nation = _estimate_nation(mapping, sums)
    if nation is None:
        return states
    return _Areas(
        np.concatenate([states.locations, nation.locations]),
        np.concatenate([states.years, nation.years]),
        Prevalences.concatenate([states.prevalences, nation.prevalences]),
    )


def _estimate_nation(mapping: RecordMapping, sums: UnitSums) -> _Areas | None:
    """Return the nation in each year, or None if it is not mapped or has records from fewer than two locations."""
    outside = [code for code, name in enumerate(mapping.location.names) if name in mapping.location.outside_nation]
    inside = ~np.isin(sums.units.locations, outside)
    if mapping.location.nation is None or np.unique(sums.units.locations[inside]).size < 2:
        return None
    years = np.unique(sums.units.years[inside])
    # An extra area takes the units outside the nation; select() drops it.
    area_of_unit = np.where(inside, np.searchsorted(years, sums.units.years), years.size)
    prevalences = estimate_prevalences(sums, area_of_unit, years.size + 1).select(slice(years.size))
    return _Areas(np.full(years.size, len(mapping.location.names)), years, prevalences)


class _Names:
    """Sorted locations and strata that have answers, and their codes by position in the mapping (-1: no answers)."""

    def __init__(self, mapping: RecordMapping, areas: _Areas) -> None:
        answered = areas.prevalences.respondents > 0
        all_locations = [*mapping.location.names, str(mapping.location.nation)]
        self.location_codes, names = _sort_names(all_locations, areas.locations[answered.any(axis=(1, 2))])
        abbreviations = survey_facts().abbreviations
        self.locations = [Location(name, abbreviations.get(name)) for name in names]
        self.stratum_codes, pairs = _sort_names(list(mapping.strata), np.flatnonzero(answered.any(axis=(0, 2))))
        self.strata = [Stratum(category, name) for category, name in pairs]


def _sort_names(names: list[T], positions: Codes) -> tuple[Codes, list[T]]:
    """Return the code of each name, -1 if its position is not among the given ones, and the names by code."""
    sorted_names = sorted(names[position] for position in np.unique(positions).tolist())
    code_of = {name: code for code, name in enumerate(sorted_names)}
    return np.array([code_of.get(name, -1) for name in names]), sorted_names


def _question_data(code: int, mapped: MappedQuestion, areas: _Areas, names: _Names) -> QuestionData:
    cells, years = _cells(code, areas, names)
    known = survey_facts().find_question(mapped.text, mapped.id)
    question = Question(
        text=mapped.text,
        id=mapped.id or (known.id if known else None),
        class_name=known.class_name if known else None,
        best=known.best if known else None,
        years=years,
        rows=cells.rows.size,
        suppressed_rows=0,
    )
    return QuestionData(question, cells)


def _cells(question: int, areas: _Areas, names: _Names) -> tuple[Cells, tuple[int, ...]]:
    """Return a cell for each prevalence of a question, and the years in which it has answers."""
    prevalences = areas.prevalences
    area, stratum = np.nonzero(prevalences.respondents[:, :, question] > 0)
    period_of_area = np.unique(areas.years, return_inverse=True)[1]
    keys = (names.location_codes[areas.locations[area]], names.stratum_codes[stratum], period_of_area[area])
    order = np.lexsort(keys[::-1])
    area, stratum = area[order], stratum[order]
    locations, strata, periods = (key[order] for key in keys)

    def of_cells(measure: Values) -> Values:
        values: Values = measure[area, stratum, question]
        return values

    cells = Cells(
        locations,
        strata,
        periods,
        footnotes=np.full(area.size, -1),
        copies=np.zeros(area.size, dtype=np.bool_),
        percentages=np.ones(area.size, dtype=np.bool_),
        rows=np.ones(area.size, dtype=np.int64),
        suppressed_rows=np.zeros(area.size, dtype=np.int64),
        unreported_rows=np.zeros(area.size, dtype=np.int64),
        value_sum=PERCENT * of_cells(prevalences.values),
        value_rest=np.zeros(area.size),
        low_sum=PERCENT * of_cells(prevalences.low),
        high_sum=PERCENT * of_cells(prevalences.high),
        variance_sum=PERCENT**2 * of_cells(prevalences.variances),  # of the design, whatever the form of the limits
        logit_variance_sum=PERCENT**2 * of_cells(prevalences.variances),
        respondents=of_cells(prevalences.respondents),
    )
    return cells, tuple(np.unique(areas.years[area]).tolist())


def _report(mapping: RecordMapping, sums: UnitSums, origin: Origin, years: tuple[int, ...]) -> DatasetReport:
    used = int(sums.records.sum())
    return DatasetReport(
        source=origin.name,
        datasources=(mapping.name,),
        modelled=is_modelled([mapping.name]),
        sha256=origin.sha256(),
        loaded_at=datetime.now(UTC),
        rows_read=used + sum(sums.skipped.values()),
        rows_used=used,
        rows_suppressed=0,
        rows_used_despite_footnote=0,
        rows_skipped=sums.skipped,
        years=years,
        notes=(NOTE, *origin.notes),
    )
