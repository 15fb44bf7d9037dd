"""Respondents' records as a kind of source: which columns are read, and how a block of them is reduced."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from app.cells import Codes, Mask, Values
from app.respondents.columns import UNKNOWN, coded, measured, numbered
from app.respondents.mapping import RecordMapping
from app.respondents.sums import UnitSums, add_up, distinct, merge_sums
from app.respondents.table import build_table
from app.source_frame import SourceFrame
from app.source_kind import Origin
from app.source_reader import Layout
from app.survey_table import SurveyTable

Column = TypeVar("Column", Codes, Values)

FIRST_YEAR, LAST_YEAR = 1900, 2100  # a year outside is a mistake in the records
ROWS_AT_ONCE = 65_536  # the measures of so many fit into a processor's cache, and need little memory


@dataclass(frozen=True)
class RespondentRecords:
    """Records of one respondent each, with what their columns and codes mean."""

    mapping: RecordMapping

    @property
    def layout(self) -> Layout:
        """The columns to be read: those that the mapping names, all of them needed."""
        return Layout(needed=self.mapping.columns, optional=(), other_names=self.mapping.other_names)

    def reduce_frame(self, frame: SourceFrame) -> UnitSums:
        """Add up some records by sampling unit."""
        records = _Records(frame, self.mapping)
        units, place = distinct(np.stack(records.units, axis=1))
        return UnitSums(
            units,
            records=np.bincount(place, minlength=len(units)),
            sums=_sums(records, place, len(units)),
            skipped=records.skipped,
        )

    def merge(self, parts: Sequence[UnitSums]) -> UnitSums:
        """Add up reductions; at least one."""
        return merge_sums(parts)

    def rows(self, reduction: UnitSums) -> int:
        """Return how many records a reduction is made of."""
        return int(reduction.records.sum()) + sum(reduction.skipped.values())

    def build_table(self, reduction: UnitSums, origin: Origin) -> SurveyTable:
        """Make a table of the prevalences.

        Raises
        ------
        SourceError: no record could be used, or none of them answers a question
        """
        return build_table(self.mapping, reduction, origin)


class _Records:
    """The records of a block that can be used, a list of columns each, as whole numbers.

    ``units`` are the location, year, stratum and sampling unit, ``answers`` 1 for yes, 0 for no and -1 for none, a
    column for each question, ``strata`` the strata of cells that a record counts in, -1 for none: a column for
    everybody's and for each group's.
    """

    def __init__(self, frame: SourceFrame, mapping: RecordMapping) -> None:
        self._left = np.ones(frame.rows, dtype=np.bool_)
        self.skipped: dict[str, int] = {}
        self.strata_count = len(mapping.strata)
        self.squares = mapping.design.unit is None
        units = self._units(frame, mapping)
        weights = measured(frame, mapping.design.weight)
        self._skip(~((weights > 0) & np.isfinite(weights)), "no weight above 0")
        self.units = self._used(units)
        self.weights = self._used([weights])[0]
        self.answers = self._used([coded(frame, asked.column, asked.code_of) for asked in mapping.questions])
        self.strata = self._used(_strata(frame, mapping))

    def _units(self, frame: SourceFrame, mapping: RecordMapping) -> list[Codes]:
        location = coded(frame, mapping.location.column, mapping.location.code_of)
        self._skip(location == UNKNOWN, "no known location")
        year = self._numbered(frame, mapping.year.column, "no year") // mapping.year.divisor
        self._skip((year < FIRST_YEAR) | (year > LAST_YEAR), "no year")
        stratum = self._numbered(frame, mapping.design.stratum, "no sampling stratum")
        unit = self._numbered(frame, mapping.design.unit, "no sampling unit")
        return [location, year, stratum, unit]

    def _numbered(self, frame: SourceFrame, column: str | None, reason: str) -> Codes:
        if column is None:
            return np.zeros(frame.rows, dtype=np.int64)
        numbers, known = numbered(frame, column)
        self._skip(~known, reason)
        return numbers

    def _skip(self, unusable: Mask, reason: str) -> None:
        count = int(np.count_nonzero(self._left & unusable))
        if count:
            self.skipped[reason] = self.skipped.get(reason, 0) + count
            self._left &= ~unusable

    def _used(self, columns: list[Column]) -> list[Column]:
        return columns if self._left.all() else [column[self._left] for column in columns]


def _strata(frame: SourceFrame, mapping: RecordMapping) -> list[Codes]:
    columns, first = [np.zeros(frame.rows, dtype=np.int64)], 1
    for group in mapping.groups:
        codes = coded(frame, group.column, group.code_of)
        columns.append(np.where(codes == UNKNOWN, UNKNOWN, codes + first))
        first += len(group.strata)
    return columns


def _sums(records: _Records, unit: Codes, units: int) -> Values:
    """Add up the measures of records by sampling unit and stratum of cells."""
    cells = units * records.strata_count
    totals = np.zeros((cells + 1, *_measures(records, slice(0, 0)).shape[1:]))
    for start in range(0, unit.size, ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        totals += add_up(_cells(records, part, unit[part], outside=cells), cells + 1, _measures(records, part))
    return totals[:-1].reshape(units, records.strata_count, *totals.shape[1:])


def _cells(records: _Records, part: slice, unit: Codes, *, outside: int) -> Codes:
    """Return the cells that each record counts in, shape (records, columns); ``outside`` is that of no stratum."""
    strata = np.stack([column[part] for column in records.strata], axis=1)
    return np.where(strata == UNKNOWN, outside, unit[:, np.newaxis] * records.strata_count + strata)


def _measures(records: _Records, part: slice) -> Values:
    """Return the measures of each record, shape (records, measures, questions)."""
    answers = np.stack([column[part] for column in records.answers], axis=1)
    weights = records.weights[part, np.newaxis]
    yes, no = np.where(answers == 1, weights, 0.0), np.where(answers == 0, weights, 0.0)
    measures = [(answers != UNKNOWN).astype(np.float64), yes, no]
    return np.stack([*measures, yes**2, no**2] if records.squares else measures, axis=1)
