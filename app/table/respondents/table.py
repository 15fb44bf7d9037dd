"""Prevalences of respondents' records in the form of the table that the server keeps."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np

from app.errors import SourceError
from app.table.cells import Cells, Codes, Values
from app.table.facts import survey_facts
from app.table.keys import distinct_keys
from app.table.respondents.mapping import MappedQuestion, RecordMapping
from app.table.respondents.prevalence import Prevalences, prevalences
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
NOTE = "each row is an estimate from the records of respondents; docs/statistics.md tells how"


def build_table(mapping: RecordMapping, sums: UnitSums, origin: Origin) -> SurveyTable:
    """Make a table of the prevalences that sums by sampling unit give.

    Raises
    ------
    SourceError: no record could be used, or none of them answers a question
    """
    if not sums.sums.any():
        counts = describe_skipped(sums.skipped) or "no question is answered"
        raise SourceError(f"{origin.source}: none of its records can be used ({counts})")
    places = _places(mapping, sums)
    years = np.unique(places.years)
    names = _Names(mapping, places)
    return SurveyTable(
        locations=names.locations,
        strata=names.strata,
        periods=[Period(year, year) for year in years.tolist()],
        questions=[_question_data(code, mapped, places, names) for code, mapped in enumerate(mapping.questions)],
        report=_report(mapping, sums, origin, tuple(years.tolist())),
    )


@dataclass(frozen=True, slots=True)
class _Places:
    """Each location in each year, and the nation in each year with the place behind the last location's."""

    locations: Codes
    years: Codes
    found: Prevalences


def _places(mapping: RecordMapping, sums: UnitSums) -> _Places:
    (locations, years), place = distinct_keys([sums.units.locations, sums.units.years])
    of_locations = _Places(locations, years, prevalences(sums, place, locations.size))
    of_nation = _nation(mapping, sums)
    if of_nation is None:
        return of_locations
    parts = (of_locations, of_nation)
    return _Places(
        np.concatenate([part.locations for part in parts]),
        np.concatenate([part.years for part in parts]),
        Prevalences.concatenate([part.found for part in parts]),
    )


def _nation(mapping: RecordMapping, sums: UnitSums) -> _Places | None:
    """Return the nation in each year, None where the mapping names none or at most one of its locations is there."""
    outside = [code for code, name in enumerate(mapping.location.names) if name in mapping.location.outside_nation]
    inside = ~np.isin(sums.units.locations, outside)
    if mapping.location.nation is None or np.unique(sums.units.locations[inside]).size < 2:
        return None
    years = np.unique(sums.units.years[inside])
    places = np.where(inside, np.searchsorted(years, sums.units.years), years.size)  # the last one is outside
    found = prevalences(sums, places, years.size + 1)
    return _Places(np.full(years.size, len(mapping.location.names)), years, found.select(slice(years.size)))


class _Names:
    """What occurs, in the order of the names, and the codes in that order: by place in the mapping, -1 for the rest."""

    def __init__(self, mapping: RecordMapping, places: _Places) -> None:
        answered = places.found.respondents > 0
        all_locations = [*mapping.location.names, str(mapping.location.nation)]
        of_locations = places.locations[answered.any(axis=(1, 2))]
        self.location_codes, names = _in_order(all_locations, of_locations)
        known = survey_facts().abbreviations
        self.locations = [Location(name, known.get(name)) for name in names]
        self.stratum_codes, pairs = _in_order(list(mapping.strata), np.flatnonzero(answered.any(axis=(0, 2))))
        self.strata = [Stratum(category, name) for category, name in pairs]


def _in_order(names: list[T], found: Codes) -> tuple[Codes, list[T]]:
    """Return the code of each name, -1 for those that are not found, and the found names by code."""
    ordered = sorted(names[code] for code in np.unique(found).tolist())
    code_of = {name: code for code, name in enumerate(ordered)}
    return np.array([code_of.get(name, -1) for name in names]), ordered


def _question_data(code: int, mapped: MappedQuestion, places: _Places, names: _Names) -> QuestionData:
    cells, years = _cells(code, places, names)
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


def _cells(question: int, places: _Places, names: _Names) -> tuple[Cells, tuple[int, ...]]:
    """Return the cells of a question, one for each estimate, and the years that it was answered in."""
    place, stratum = np.nonzero(places.found.respondents[:, :, question] > 0)
    periods = np.unique(places.years, return_inverse=True)[1]
    keys = (names.location_codes[places.locations[place]], names.stratum_codes[stratum], periods[place])
    order = np.lexsort(keys[::-1])
    place, stratum = place[order], stratum[order]
    locations, strata, found_periods = (key[order] for key in keys)

    def of_cells(measure: Values) -> Values:
        chosen: Values = measure[place, stratum, question]
        return chosen

    found = places.found
    cells = Cells(
        locations,
        strata,
        found_periods,
        footnoted=np.zeros(place.size, dtype=np.bool_),
        rows=np.ones(place.size, dtype=np.int64),
        suppressed_rows=np.zeros(place.size, dtype=np.int64),
        value_sum=PERCENT * of_cells(found.values),
        value_rest=np.zeros(place.size),
        low_sum=PERCENT * of_cells(found.low),
        high_sum=PERCENT * of_cells(found.high),
        variance_sum=PERCENT**2 * of_cells(found.variances),
        respondents=of_cells(found.respondents),
    )
    return cells, tuple(np.unique(places.years[place]).tolist())


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
