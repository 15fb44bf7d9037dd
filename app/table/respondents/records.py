"""Respondents' records as a kind of source: which columns are read, and how a block of them is reduced."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.table.cells import Codes, Mask, Values
from app.table.respondents.mapping import RecordMapping
from app.table.respondents.sums import (
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
from app.table.respondents.table import build_table
from app.table.source_kind import Origin
from app.table.sources.frame import SourceFrame
from app.table.sources.parser import Layout
from app.table.survey_table import SurveyTable

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


UNKNOWN = -1  # of a code that the mapping does not name
WIDEST_TABLE = 100_000  # codes further apart are looked up by their texts


def coded(frame: SourceFrame, column: str, code_of: Mapping[str, int]) -> Codes:
    """Return what the mapping makes of each field, ``UNKNOWN`` where it does not name it.

    A number is named by its digits: 1 and 1.0 are "1".
    """
    whole = {int(text): code for text, code in code_of.items() if text.removeprefix("-").isdecimal()}
    if frame.is_number(column) and whole and max(whole) - min(whole) < WIDEST_TABLE:
        return _looked_up(frame.numbers(column), whole)
    places, fields = frame.distinct(column)
    codes = np.array([*(code_of.get(_text(field), UNKNOWN) for field in fields), UNKNOWN], dtype=np.int64)
    return codes[places]


def _looked_up(values: NDArray[np.generic], code_of: Mapping[int, int]) -> Codes:
    """Look numbers up in a table from the lowest to the highest, with a place at either end for all others."""
    lowest, highest = min(code_of), max(code_of)
    codes = np.full(highest - lowest + 3, UNKNOWN, dtype=np.int64)
    codes[[number - lowest + 1 for number in code_of]] = list(code_of.values())
    return codes[np.clip(_whole(values, lowest - 1), lowest - 1, highest + 1) - (lowest - 1)]


def _whole(values: NDArray[np.generic], otherwise: int) -> Codes:
    """Return numbers as whole ones, ``otherwise`` for those that are not."""
    if np.issubdtype(values.dtype, np.integer):
        return values.astype(np.int64)
    numbers = values.astype(np.float64)
    return np.where(_is_whole(numbers), numbers, otherwise).astype(np.int64)


def _is_whole(numbers: Values) -> Mask:
    with np.errstate(invalid="ignore"):
        whole: Mask = (np.abs(numbers) < 2**53) & (np.floor(numbers) == numbers)  # not a number is not
    return whole


def _text(value: object) -> str:
    """Return how a code is written: without spaces around it, and a whole number without decimals."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def measured(frame: SourceFrame, column: str) -> Values:
    """Return the number in each field, NaN where there is none."""
    if frame.is_number(column):
        return frame.numbers(column).astype(np.float64, copy=False)
    places, fields = frame.distinct(column)
    texts = pd.Series([_text(field) for field in fields], dtype=object)
    parsed = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    return np.append(parsed, np.nan)[places]


def numbered(frame: SourceFrame, column: str) -> tuple[Codes, Mask]:
    """Return the whole number in each field, and whether there is one."""
    if frame.is_number(column):
        found = frame.numbers(column)
        if np.issubdtype(found.dtype, np.integer):
            return found.astype(np.int64, copy=False), np.ones(frame.rows, dtype=np.bool_)
    numbers = measured(frame, column)
    return _whole(numbers, 0), _is_whole(numbers)
