"""Sums of respondents' records by sampling unit: the input of prevalences and their standard errors.

These are sums and counts only, so the sums of the parts of a source add up to those of the whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse

from app.table.cells import Codes, Values
from app.table.columnar import Columnar
from app.table.keys import distinct_keys
from app.table.usable_rows import sum_skipped

# Indices of the measures in ``UnitSums.sums``. The squares exist only if each respondent is a sampling unit.
ANSWERS, YES, NO = 0, 1, 2
YES_SQUARES, NO_SQUARES = 3, 4

NO_LOCATION = "no known location"
NO_YEAR = "no year"
NO_STRATUM = "no sampling stratum"
NO_UNIT = "no sampling unit"
NO_WEIGHT = "no weight above 0"
SKIP_REASONS = (NO_LOCATION, NO_YEAR, NO_STRATUM, NO_UNIT, NO_WEIGHT)


class SamplingUnits(NamedTuple):
    """The four codes that identify a sampling unit, each of shape (units,).

    All strata, or all units, are 0 if the design does not have them.
    """

    locations: Codes
    years: Codes
    strata: Codes
    units: Codes


@dataclass(frozen=True, slots=True)
class RespondentNumbers(Columnar):
    """The numbers of respondents with their locations and years, of shape (respondents,); empty if not mapped."""

    locations: Codes
    years: Codes
    numbers: Codes


@dataclass(frozen=True, slots=True)
class UnitSums:
    """Sums over the respondents of each sampling unit.

    If each respondent is a sampling unit, a row holds all units of a sampling stratum, with the sums of their squares.

    Parameters
    ----------
    units: distinct and sorted
    records: number of respondents, with or without answers, shape (units,)
    sums: shape (units, table strata, measures, questions); the measures are the number of answers, the weights of the
        answers yes and no, and optionally the squares of these weights
    skipped: number of skipped records by reason
    respondents: the numbers of all respondents that have one, to notice records that are given twice
    """

    units: SamplingUnits
    records: Codes
    sums: Values
    skipped: Mapping[str, int]
    respondents: RespondentNumbers

    @property
    def each_respondent(self) -> bool:
        """Whether each respondent is a sampling unit."""
        return bool(self.sums.shape[2] > NO_SQUARES)


def merge_sums(parts: Sequence[UnitSums]) -> UnitSums:
    """Add up the sums of at least one part."""
    if len(parts) == 1:
        return parts[0]
    columns, unit_of_row = distinct_keys(
        [np.concatenate(pieces) for pieces in zip(*(part.units for part in parts), strict=True)]
    )
    units = SamplingUnits(*columns)
    records = np.zeros(units.units.size, dtype=np.int64)
    sums = np.zeros((units.units.size, *parts[0].sums.shape[1:]))
    first = 0
    for part in parts:
        rows = _as_slice(unit_of_row[first : first + part.records.size])
        records[rows] += part.records
        sums[rows] += part.sums
        first += part.records.size
    skipped = sum_skipped([part.skipped for part in parts], SKIP_REASONS)
    return UnitSums(units, records, sums, skipped, RespondentNumbers.concatenate([part.respondents for part in parts]))


def _as_slice(indices: Codes) -> Codes | slice:
    """Return ascending indices as a slice if they are contiguous, because adding to a slice copies nothing."""
    if indices.size and indices[-1] - indices[0] + 1 == indices.size:
        return slice(indices[0], indices[-1] + 1)
    return indices


def sum_rows_by_key(key_of_row: Codes, keys: int, measures: Values) -> Values:
    """Sum rows of measures over the rows of each key; shape (keys, …).

    Parameters
    ----------
    key_of_row: at least 0, shape (rows,), or (rows, n) if each row counts for n keys
    keys: number of keys
    measures: shape (rows, …)
    """
    rows = len(key_of_row)
    keys_per_row = key_of_row.size // rows if rows else 1
    # A product with a sparse matrix of ones, a column for each row of measures, adds whole rows at a time.
    starts = np.arange(0, key_of_row.size + 1, keys_per_row)
    adder = sparse.csc_array((np.ones(key_of_row.size), key_of_row.ravel(), starts), shape=(keys, rows))
    totals = np.asarray(adder @ measures.reshape(rows, -1))
    return totals.reshape(keys, *measures.shape[1:])
