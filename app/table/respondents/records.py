"""Decode respondents' records by their mapping, and sum the usable ones by sampling unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.table.cells import Codes, Values
from app.table.keys import distinct_keys
from app.table.respondents.identifiers import parse_identifiers, parse_whole_numbers, to_integers
from app.table.respondents.mapping import RecordMapping
from app.table.respondents.sums import (
    ANSWERS,
    NO,
    NO_LOCATION,
    NO_SQUARES,
    NO_STRATUM,
    NO_UNIT,
    NO_WEIGHT,
    NO_YEAR,
    SKIP_REASONS,
    YES,
    YES_SQUARES,
    RespondentNumbers,
    SamplingUnits,
    UnitSums,
    merge_sums,
    sum_rows_by_key,
)
from app.table.respondents.table import build_table
from app.table.source_kind import Origin
from app.table.sources.frame import SourceFrame
from app.table.sources.parser import Layout
from app.table.survey_table import FIRST_YEAR, LAST_YEAR, SurveyTable
from app.table.usable_rows import RowFilter, parse_numbers, sum_skipped

SmallCodes = NDArray[np.signedinteger]
Column = TypeVar("Column", Codes, Values, SmallCodes)

ROWS_AT_ONCE = 65_536  # intermediate arrays of this many rows fit into a processor's cache
MIN_RESPONDENTS = 50  # as CDC publishes BRFSS
UNKNOWN = -1  # the code of a value that is not in the mapping
MAX_LOOKUP_ENTRIES = 100_000  # codes that span a wider range are looked up as text


@dataclass(frozen=True)
class RespondentRecords:
    """The ``SourceKind`` whose rows are records of one respondent each.

    Parameters
    ----------
    min_respondents: cells with fewer answers are suppressed
    """

    mapping: RecordMapping
    min_respondents: int = MIN_RESPONDENTS

    @property
    def layout(self) -> Layout:
        """The columns to read: all columns of the mapping, all needed."""
        return Layout(needed=self.mapping.columns, optional=(), other_names=self.mapping.names_elsewhere)

    def reduce_frame(self, frame: SourceFrame) -> UnitSums:
        """Sum records by sampling unit; the frame may have none."""
        records = _decode_records(frame, self.mapping)
        columns, unit_of_record = distinct_keys(records.units)
        units = SamplingUnits(*columns)
        return UnitSums(
            units,
            records=np.bincount(unit_of_record, minlength=units.units.size),
            sums=_sum_measures(records, unit_of_record, units.units.size, self.mapping),
            skipped=records.skipped,
            respondents=records.respondents,
        )

    def merge(self, parts: Sequence[UnitSums]) -> UnitSums:
        """Add up at least one reduction."""
        return merge_sums(parts)

    def rows(self, reduction: UnitSums) -> int:
        """Return how many records a reduction covers."""
        return int(reduction.records.sum()) + sum(reduction.skipped.values())

    def build_table(self, reduction: UnitSums, origin: Origin) -> SurveyTable:
        """Build the table from the reduction of all records.

        Raises
        ------
        SourceError: there is no usable record, or none answers a question
        """
        return build_table(self.mapping, reduction, origin, self.min_respondents)


@dataclass(frozen=True, slots=True)
class _Records:
    """Usable records, decoded. Each list holds columns of shape (records,).

    Parameters
    ----------
    units: location, year, sampling stratum and sampling unit
    weights: above 0
    answers: 1 for yes, 0 for no and -1 for a missing answer; a column for each question
    strata: the table strata of a record, -1 for none; a column for the total, for each group and for each two groups
        that are crossed
    skipped: number of skipped records by reason
    respondents: those that have a number
    """

    units: list[Codes]
    weights: Values
    answers: list[SmallCodes]
    strata: list[SmallCodes]
    skipped: Mapping[str, int]
    respondents: RespondentNumbers


def _decode_records(frame: SourceFrame, mapping: RecordMapping) -> _Records:
    """Return the usable records of a frame."""
    # Decoding slice by slice keeps intermediate arrays in the processor's cache. For a whole block, the system would
    # have to clear newly allocated memory first, which takes longer than decoding.
    starts = range(0, max(frame.rows, 1), ROWS_AT_ONCE)
    parts = [_Decoder(frame.slice(start, ROWS_AT_ONCE), mapping).decode() for start in starts]
    return _Records(
        units=_concatenate([part.units for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
        answers=_concatenate([part.answers for part in parts]),
        strata=_concatenate([part.strata for part in parts]),
        skipped=sum_skipped([part.skipped for part in parts], SKIP_REASONS),
        respondents=RespondentNumbers.concatenate([part.respondents for part in parts]),
    )


def _concatenate(parts: Sequence[list[Column]]) -> list[Column]:
    return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]


class _Decoder:
    """Decodes a slice of records and drops unusable ones."""

    def __init__(self, frame: SourceFrame, mapping: RecordMapping) -> None:
        self._frame = frame
        self._mapping = mapping
        self._rows = RowFilter(frame.rows)

    def decode(self) -> _Records:
        """Return the usable records."""
        frame, mapping = self._frame, self._mapping
        units = self._decode_units()
        weights = parse_numbers(frame, mapping.design.weight)[0]
        self._rows.skip(~((weights > 0) & np.isfinite(weights)), NO_WEIGHT)
        # Keep usable records only after every check: the filter must not change between two columns.
        answers = [decode(frame, question.column, question.code_of) for question in mapping.questions]
        return _Records(
            self._keep_usable(units),
            self._keep_usable([weights])[0],
            _shrink(self._keep_usable(answers), 1),
            _shrink(self._keep_usable(_decode_strata(frame, mapping)), count_strata(mapping)),
            self._rows.skipped,
            self._decode_respondents(*units[:2]),
        )

    def _decode_units(self) -> list[Codes]:
        mapping = self._mapping
        location = decode(self._frame, mapping.location.column, mapping.location.code_of)
        self._rows.skip(location == UNKNOWN, NO_LOCATION)
        numbers, is_whole = parse_whole_numbers(self._frame, mapping.year.column)
        year = numbers // mapping.year.divisor
        self._rows.skip(~is_whole | (year < FIRST_YEAR) | (year > LAST_YEAR), NO_YEAR)
        stratum = self._parse_identifiers(mapping.design.stratum, NO_STRATUM)
        unit = self._parse_identifiers(mapping.design.unit, NO_UNIT)
        return [location, year, stratum, unit]

    def _decode_respondents(self, locations: Codes, years: Codes) -> RespondentNumbers:
        """Return the usable respondents that have a number."""
        column = self._mapping.design.respondent
        if column is None:
            return RespondentNumbers(*[np.zeros(0, dtype=np.int64)] * 3)
        numbers, known = parse_identifiers(self._frame, column)
        return RespondentNumbers(locations, years, numbers).select(self._rows.usable & known)

    def _parse_identifiers(self, column: str | None, reason: str) -> Codes:
        """Parse a column of identifiers; all are 0 if the mapping does not have the column."""
        if column is None:
            return np.zeros(self._frame.rows, dtype=np.int64)
        identifiers, known = parse_identifiers(self._frame, column)
        self._rows.skip(~known, reason)
        return identifiers

    def _keep_usable(self, columns: list[Column]) -> list[Column]:
        usable = self._rows.usable
        return columns if usable.all() else [column[usable] for column in columns]


def _shrink(columns: list[Codes], highest: int) -> list[SmallCodes]:
    """Convert codes from -1 to ``highest`` to the smallest integer type."""
    return [column.astype(np.min_scalar_type(-highest - 1)) for column in columns]


def _decode_strata(frame: SourceFrame, mapping: RecordMapping) -> list[Codes]:
    columns, first = [np.zeros(frame.rows, dtype=np.int64)], 1
    codes_of = {}
    for group in mapping.groups:
        codes = codes_of[group.category] = decode(frame, group.column, group.code_of(frame.name_in_file(group.column)))
        columns.append(np.where(codes == UNKNOWN, UNKNOWN, codes + first))
        first += len(group.strata)
    for group, ages in mapping.crossed:
        codes, age = codes_of[group.category], codes_of[ages.category]
        known = (codes != UNKNOWN) & (age != UNKNOWN)
        columns.append(np.where(known, first + codes * len(ages.strata) + age, UNKNOWN))
        first += len(group.strata) * len(ages.strata)
    return columns


def count_strata(mapping: RecordMapping) -> int:
    """Return the number of strata that have sums: those of the table, and combinations of crossed groups."""
    crossed = (len(group.strata) * len(ages.strata) for group, ages in mapping.crossed)
    return len(mapping.strata) + sum(crossed)


def _sum_measures(records: _Records, unit_of_record: Codes, units: int, mapping: RecordMapping) -> Values:
    """Sum measures by sampling unit and table stratum; shape (units, table strata, measures, questions)."""
    strata, squares = count_strata(mapping), mapping.design.unit is None
    outside = units * strata  # an extra entry, dropped at the end, takes the records without a stratum
    totals = np.zeros((outside + 1, *_measures(records, slice(0, 0), squares=squares).shape[1:]))
    for start in range(0, unit_of_record.size, ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        stratum = np.stack([column[part] for column in records.strata], axis=1)
        cells = np.where(stratum == UNKNOWN, outside, unit_of_record[part, np.newaxis] * strata + stratum)
        totals += sum_rows_by_key(cells, outside + 1, _measures(records, part, squares=squares))
    return totals[:-1].reshape(units, strata, *totals.shape[1:])


def _measures(records: _Records, part: slice, *, squares: bool) -> Values:
    """Return the measures of each record; shape (records, measures, questions)."""
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


def decode(frame: SourceFrame, column: str, code_of: Mapping[str, int]) -> Codes:
    """Return the code of each field, ``UNKNOWN`` if the mapping does not have its value.

    Parameters
    ----------
    code_of: codes by value as text; whole numbers have no decimals, so both 1 and 1.0 match "1"
    """
    code_of_number = {int(text): code for text, code in code_of.items() if text.removeprefix("-").isdecimal()}
    if frame.is_number(column) and code_of_number and max(code_of_number) - min(code_of_number) < MAX_LOOKUP_ENTRIES:
        return _decode_numbers(frame.numbers(column), code_of_number)
    field_of_row, fields = frame.distinct(column)
    codes = np.array([*(code_of.get(_format_code(field), UNKNOWN) for field in fields), UNKNOWN], dtype=np.int64)
    return codes[field_of_row]  # -1, a missing field, picks the last entry


def _decode_numbers(values: NDArray[np.generic], code_of: Mapping[int, int]) -> Codes:
    """Look numbers up in an array from the lowest to the highest code; an entry at either end is for all others."""
    lowest, highest = min(code_of), max(code_of)
    codes = np.full(highest - lowest + 3, UNKNOWN, dtype=np.int64)
    codes[[number - lowest + 1 for number in code_of]] = list(code_of.values())
    return codes[np.clip(to_integers(values, lowest - 1), lowest - 1, highest + 1) - (lowest - 1)]


def _format_code(value: object) -> str:
    """Format a value like the codes of a mapping: stripped, and whole numbers without decimals."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
