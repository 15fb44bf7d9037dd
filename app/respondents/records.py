"""Respondents' records as a kind of source: which columns are read, and how a block of them is reduced."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.cells import Codes, Mask, Values
from app.respondents.columns import UNKNOWN, coded, measured, numbered
from app.respondents.mapping import RecordMapping
from app.respondents.sums import (
    ANSWERS,
    NO,
    NO_SQUARES,
    YES,
    YES_SQUARES,
    UnitSums,
    add_up,
    distinct,
    merge_sums,
)
from app.respondents.table import build_table
from app.source_frame import SourceFrame
from app.source_kind import Origin
from app.source_reader import Layout
from app.survey_table import SurveyTable

SmallCodes = NDArray[np.signedinteger]
Column = TypeVar("Column", Codes, Values, SmallCodes)

FIRST_YEAR, LAST_YEAR = 1900, 2100  # a year outside is a mistake in the records
ROWS_AT_ONCE = 65_536  # what is made of so many fits into a processor's cache, and needs little memory


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
        records = _records(frame, self.mapping)
        units, place = distinct(np.stack(records.units, axis=1))
        return UnitSums(
            units,
            records=np.bincount(place, minlength=len(units)),
            sums=_sums(records, place, len(units), self.mapping),
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


@dataclass(frozen=True, slots=True)
class _Records:
    """Records that can be used, a list of columns each, as whole numbers.

    Parameters
    ----------
    units: the location, year, stratum and sampling unit
    weights: above 0
    answers: 1 for yes, 0 for no and -1 for none, a column for each question
    strata: the strata of cells that a record counts in, -1 for none: a column for everybody's and for each group's
    skipped: how many other records there were, by reason
    """

    units: list[Codes]
    weights: Values
    answers: list[SmallCodes]
    strata: list[SmallCodes]
    skipped: Mapping[str, int]


def _records(frame: SourceFrame, mapping: RecordMapping) -> _Records:
    """Return the records of a block that can be used.

    What is made on the way is made slice by slice, so that it stays in the processor's cache: memory for a whole block
    would be cleared by the system first, which takes longer than the work.
    """
    starts = range(0, max(frame.rows, 1), ROWS_AT_ONCE)
    parts = [_Usable(frame.slice(start, ROWS_AT_ONCE), mapping).records() for start in starts]
    return _Records(
        units=_joined([part.units for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
        answers=_joined([part.answers for part in parts]),
        strata=_joined([part.strata for part in parts]),
        skipped=dict(sum((Counter(part.skipped) for part in parts), Counter())),
    )


def _joined(parts: Sequence[list[Column]]) -> list[Column]:
    return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]


class _Usable:
    """Which records of a slice can be used, and why the others cannot."""

    def __init__(self, frame: SourceFrame, mapping: RecordMapping) -> None:
        self._frame = frame
        self._mapping = mapping
        self._left = np.ones(frame.rows, dtype=np.bool_)
        self._skipped: dict[str, int] = {}

    def records(self) -> _Records:
        """Return them."""
        frame, mapping = self._frame, self._mapping
        units = self._units()
        weights = measured(frame, mapping.design.weight)
        self._skip(~((weights > 0) & np.isfinite(weights)), "no weight above 0")
        answers = [coded(frame, asked.column, asked.code_of) for asked in mapping.questions]
        return _Records(
            self._used(units),
            self._used([weights])[0],
            _small(self._used(answers), 1),
            _small(self._used(_strata(frame, mapping)), len(mapping.strata)),
            self._skipped,
        )

    def _units(self) -> list[Codes]:
        mapping = self._mapping
        location = coded(self._frame, mapping.location.column, mapping.location.code_of)
        self._skip(location == UNKNOWN, "no known location")
        year = self._numbered(mapping.year.column, "no year") // mapping.year.divisor
        self._skip((year < FIRST_YEAR) | (year > LAST_YEAR), "no year")
        stratum = self._numbered(mapping.design.stratum, "no sampling stratum")
        unit = self._numbered(mapping.design.unit, "no sampling unit")
        return [location, year, stratum, unit]

    def _numbered(self, column: str | None, reason: str) -> Codes:
        if column is None:
            return np.zeros(self._frame.rows, dtype=np.int64)
        numbers, known = numbered(self._frame, column)
        self._skip(~known, reason)
        return numbers

    def _skip(self, unusable: Mask, reason: str) -> None:
        count = int(np.count_nonzero(self._left & unusable))
        if count:
            self._skipped[reason] = self._skipped.get(reason, 0) + count
            self._left &= ~unusable

    def _used(self, columns: list[Column]) -> list[Column]:
        return columns if self._left.all() else [column[self._left] for column in columns]


def _small(columns: list[Codes], highest: int) -> list[SmallCodes]:
    """Return codes from -1 to the highest one in as few bytes as these take."""
    return [column.astype(np.min_scalar_type(-highest - 1)) for column in columns]


def _strata(frame: SourceFrame, mapping: RecordMapping) -> list[Codes]:
    columns, first = [np.zeros(frame.rows, dtype=np.int64)], 1
    for group in mapping.groups:
        codes = coded(frame, group.column, group.code_of)
        columns.append(np.where(codes == UNKNOWN, UNKNOWN, codes + first))
        first += len(group.strata)
    return columns


def _sums(records: _Records, unit: Codes, units: int, mapping: RecordMapping) -> Values:
    """Add up the measures of records by sampling unit and stratum of cells, shape (units, strata, …).

    Parameters
    ----------
    unit: that of each record, as a code below ``units``
    """
    strata, squares = len(mapping.strata), mapping.design.unit is None
    outside = units * strata  # where a record counts that is of no stratum
    totals = np.zeros((outside + 1, *_measures(records, slice(0, 0), squares=squares).shape[1:]))
    for start in range(0, unit.size, ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        of_part = np.stack([column[part] for column in records.strata], axis=1)
        cells = np.where(of_part == UNKNOWN, outside, unit[part, np.newaxis] * strata + of_part)
        totals += add_up(cells, outside + 1, _measures(records, part, squares=squares))
    return totals[:-1].reshape(units, strata, *totals.shape[1:])


def _measures(records: _Records, part: slice, *, squares: bool) -> Values:
    """Return the measures of each record, shape (records, measures, questions)."""
    answers = np.stack([column[part] for column in records.answers], axis=1)
    weights = records.weights[part, np.newaxis]
    measures = np.empty((len(answers), NO_SQUARES + 1 if squares else NO + 1, answers.shape[1]))
    measures[:, ANSWERS] = answers != UNKNOWN
    np.multiply(answers == 1, weights, out=measures[:, YES])
    np.multiply(answers == 0, weights, out=measures[:, NO])
    if squares:
        np.square(measures[:, YES], out=measures[:, YES_SQUARES])
        np.square(measures[:, NO], out=measures[:, NO_SQUARES])
    return measures
