"""What is left of respondents' records: sums by sampling unit, from which prevalences and their errors follow.

Sums and counts only, so that the reductions of parts add up to that of the whole, however it is cut.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse

from app.table.cells import Codes, Values
from app.table.keys import distinct_keys
from app.table.usable_rows import sum_skipped

# The measures of ``UnitSums.sums``; the squares are there only where each respondent is a sampling unit.
ANSWERS, YES, NO = 0, 1, 2
YES_SQUARES, NO_SQUARES = 3, 4

NO_LOCATION = "no known location"
NO_YEAR = "no year"
NO_STRATUM = "no sampling stratum"
NO_UNIT = "no sampling unit"
NO_WEIGHT = "no weight above 0"
SKIP_REASONS = (NO_LOCATION, NO_YEAR, NO_STRATUM, NO_UNIT, NO_WEIGHT)


class SamplingUnits(NamedTuple):
    """Sampling units by their four codes, all arrays of shape (units,), or those of each of some records.

    The strata or the units are 0 throughout if the design has none.
    """

    locations: Codes
    years: Codes
    strata: Codes
    units: Codes


@dataclass(frozen=True, slots=True)
class UnitSums:
    """Sums over the respondents of each sampling unit.

    Where each respondent is a sampling unit, the sums are over those of a stratum, and squares are summed beside.

    Parameters
    ----------
    units: distinct and sorted
    records: how many respondents each has, with or without answers, shape (units,)
    sums: shape (units, strata of cells, measures, questions); the measures are the number of answers, the weights of
        those who say yes and of those who say no, and perhaps the squares of either
    skipped: how many records were not used, by reason
    """

    units: SamplingUnits
    records: Codes
    sums: Values
    skipped: Mapping[str, int]

    @property
    def each_respondent(self) -> bool:
        """Whether each respondent is a sampling unit."""
        return bool(self.sums.shape[2] > NO_SQUARES)


def merge_sums(parts: Sequence[UnitSums]) -> UnitSums:
    """Add up reductions; at least one."""
    if len(parts) == 1:
        return parts[0]
    columns, place = distinct_keys(
        [np.concatenate(pieces) for pieces in zip(*(part.units for part in parts), strict=True)]
    )
    units = SamplingUnits(*columns)
    records = np.zeros(units.units.size, dtype=np.int64)
    sums = np.zeros((units.units.size, *parts[0].sums.shape[1:]))
    first = 0
    for part in parts:
        places = _span(place[first : first + part.records.size])
        records[places] += part.records
        sums[places] += part.sums
        first += part.records.size
    return UnitSums(units, records, sums, sum_skipped([part.skipped for part in parts], SKIP_REASONS))


def _span(places: Codes) -> Codes | slice:
    """Return ascending places as a slice where none is left out between them: adding to those copies nothing."""
    if places.size and places[-1] - places[0] + 1 == places.size:
        return slice(places[0], places[-1] + 1)
    return places


def sum_rows_by_key(places: Codes, count: int, measures: Values) -> Values:
    """Add up measures by place.

    Parameters
    ----------
    places: the places of each row of measures, at least 0, shape (rows,) or, where a row counts in several, (rows, n)
    count: how many places there are
    measures: shape (rows, …)

    Returns an array of shape (count, …).
    """
    rows = len(places)
    each = places.size // rows if rows else 1
    # The product of a matrix of ones, one column per row of measures: it adds a row up at a time.
    ones = np.ones(places.size)
    adder = sparse.csc_array((ones, places.ravel(), np.arange(0, places.size + 1, each)), shape=(count, rows))
    totals = np.asarray(adder @ measures.reshape(rows, -1))
    return totals.reshape(count, *measures.shape[1:])
