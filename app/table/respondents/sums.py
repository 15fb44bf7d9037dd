"""What is left of respondents' records: sums by sampling unit, from which prevalences and their errors follow.

Sums and counts only, so that the reductions of parts add up to that of the whole, however it is cut.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from app.table.cells import Codes, Values

# The measures of ``UnitSums.sums``; the squares are there only where each respondent is a sampling unit.
ANSWERS, YES, NO = 0, 1, 2
YES_SQUARES, NO_SQUARES = 3, 4
LOCATION, YEAR, STRATUM = 0, 1, 2  # the first columns of ``UnitSums.units``

LARGEST_PACKED = 2**62


@dataclass(frozen=True, slots=True)
class UnitSums:
    """Sums over the respondents of each sampling unit.

    Where each respondent is a sampling unit, the sums are over those of a stratum, and squares are summed beside.

    Parameters
    ----------
    units: location, year, stratum and unit of each, shape (units, 4), sorted; the stratum or the unit is 0 throughout
        where the design has none
    records: how many respondents each has, with or without answers, shape (units,)
    sums: shape (units, strata of cells, measures, questions); the measures are the number of answers, the weights of
        those who say yes and of those who say no, and perhaps the squares of either
    skipped: how many records were not used, by reason
    """

    units: Codes
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
    units, place = distinct(np.concatenate([part.units for part in parts]))
    records = np.zeros(len(units), dtype=np.int64)
    sums = np.zeros((len(units), *parts[0].sums.shape[1:]))
    first = 0
    for part in parts:
        places = _span(place[first : first + len(part.units)])
        records[places] += part.records
        sums[places] += part.sums
        first += len(part.units)
    reasons = dict.fromkeys(reason for part in parts for reason in part.skipped)
    skipped = {reason: sum(part.skipped.get(reason, 0) for part in parts) for reason in reasons}
    return UnitSums(units, records, sums, skipped)


def _span(places: Codes) -> Codes | slice:
    """Return ascending places as a slice where none is left out between them: adding to those copies nothing."""
    if places.size and places[-1] - places[0] + 1 == places.size:
        return slice(places[0], places[-1] + 1)
    return places


def distinct(rows: Codes) -> tuple[Codes, Codes]:
    """Return the distinct rows of whole numbers, sorted, and which of them each row is."""
    if not len(rows):
        return rows, np.zeros(0, dtype=np.int64)
    place, found = pd.factorize(_packed(rows))
    some_row = np.empty(len(found), dtype=np.int64)
    some_row[place] = np.arange(len(rows))
    unsorted = rows[some_row]
    order = np.lexsort(unsorted.T[::-1])
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return unsorted[order], rank[place]


def _packed(rows: Codes) -> Codes:
    """Return one whole number for each row, equal where the rows are."""
    columns: list[Codes] = [column - column.min() for column in rows.T]
    widths = [int(column.max()) + 1 for column in columns]
    if math.prod(widths) > LARGEST_PACKED:
        columns = [pd.factorize(column)[0] for column in columns]
        widths = [int(column.max()) + 1 for column in columns]
    packed = columns[0]
    for column, width in zip(columns[1:], widths[1:], strict=True):
        packed = packed * width + column
    return packed


def add_up(places: Codes, count: int, measures: Values) -> Values:
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
