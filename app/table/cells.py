"""One question's rows reduced to cells: sums and counts for each location, stratum and period, and means over them.

All measures of a cell are sums, so that cells can be added up in any order and any grouping.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one question, all arrays of shape (cells,), sorted by location, stratum, period, footnote.

    A cell holds the rows that agree in all four keys; in CDC's table that is one row.

    Parameters
    ----------
    locations, strata, periods: codes of the table that the cells belong to; -1 where the rows have none
    footnoted: whether the rows carry CDC's footnote symbol
    rows: how many rows have a value
    suppressed_rows: how many rows have none, because they are suppressed
    value_sum: sum of the values, in percent
    low_sum, high_sum: sums of the published confidence limits (95 %), in percent; NaN where a row lacks one
    variance_sum: sum of the squared standard errors, in squared percent; NaN where a row lacks its limits
    respondents: sum of the sample sizes; NaN where a row lacks it
    """

    locations: Codes
    strata: Codes
    periods: Codes
    footnoted: Mask
    rows: Codes
    suppressed_rows: Codes
    value_sum: Values
    low_sum: Values
    high_sum: Values
    variance_sum: Values
    respondents: Values

    def select(self, chosen: Mask | slice) -> "Cells":
        """Return the cells that a mask of shape (cells,), or a slice, chooses."""
        return Cells(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def count_rows(self) -> int:
        """Return how many rows the cells hold, suppressed ones too."""
        return int(self.rows.sum() + self.suppressed_rows.sum())

    def lock(self) -> None:
        """Make every array read-only."""
        for field in fields(self):
            getattr(self, field.name).flags.writeable = False


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one question with a value or suppressed; arrays of shape (rows,), codes and units as in ``Cells``.

    A suppressed row has NaN for its value. Limits and sample size are NaN where they are not known.
    """

    locations: Codes
    strata: Codes
    periods: Codes
    footnoted: Mask
    values: Values
    low: Values
    high: Values
    respondents: Values


MOST_PACKED = 2**62  # combinations of keys that one integer can tell apart
DENSE_SPAN = 8  # up to so many possible combinations for each place, counting them all is faster than sorting

TIE_DECIMALS = 9  # means of published tenths that differ by less are equal but for rounding
LIMITS_Z = 1.959963984540054  # the 97.5 % quantile of the standard normal distribution, for 95 % limits


def standard_errors(low: Values, high: Values) -> Values:
    """Return the standard errors that published 95 % limits follow from: their distance over twice the quantile."""
    return (high - low) / (2 * LIMITS_Z)


def row_cells(rows: Rows) -> Cells:
    """Return a cell for each row, in the order of the rows."""
    has_value = ~np.isnan(rows.values)

    def measure(values: Values) -> Values:
        return np.where(has_value, values, 0.0)

    return Cells(
        rows.locations,
        rows.strata,
        rows.periods,
        rows.footnoted,
        rows=has_value.astype(np.int64),
        suppressed_rows=(~has_value).astype(np.int64),
        value_sum=measure(rows.values),
        low_sum=measure(rows.low),
        high_sum=measure(rows.high),
        variance_sum=measure(standard_errors(rows.low, rows.high) ** 2),
        respondents=measure(rows.respondents),
    )


def add_up(questions: Codes, cells: Cells) -> tuple[Codes, Cells]:
    """Add up the cells that agree in their question and in all four keys.

    Returns the question of each sum and the sums, sorted by question, location, stratum, period, footnote. Only sums
    are made, so that whatever is added up may have been added up in parts before.
    """
    keys = (questions, cells.locations, cells.strata, cells.periods, cells.footnoted.astype(np.int64))
    found, place = group(keys)

    def total(measure: Codes | Values) -> Values:
        return sums(place, found[0].size, measure)

    return found[0], Cells(
        found[1],
        found[2],
        found[3],
        found[4] > 0,
        rows=total(cells.rows).astype(np.int64),
        suppressed_rows=total(cells.suppressed_rows).astype(np.int64),
        value_sum=total(cells.value_sum),
        low_sum=total(cells.low_sum),
        high_sum=total(cells.high_sum),
        variance_sum=total(cells.variance_sum),
        respondents=total(cells.respondents),
    )


def group(keys: Sequence[Codes]) -> tuple[list[Codes], Codes]:
    """Return the combinations of keys (each at least -1) that occur, sorted, and which of them each place has."""
    widths = [int(key.max(initial=-1)) + 2 for key in keys]
    if math.prod(widths) > MOST_PACKED:
        found_keys, group_of_place = np.unique(np.stack(keys), axis=1, return_inverse=True)
        return list(found_keys), group_of_place
    packed = np.zeros(keys[0].size, dtype=np.int64)
    for key, width in zip(keys, widths, strict=True):
        packed = packed * width + key + 1
    found, group_of_place = _occurring(packed, math.prod(widths))
    unpacked: list[Codes] = []
    for width in reversed(widths):
        unpacked.insert(0, found % width - 1)
        found = found // width
    return unpacked, group_of_place


def _occurring(packed: Codes, span: int) -> tuple[Codes, Codes]:
    """Return the numbers below ``span`` that occur, sorted, and which of them each place has."""
    if span > DENSE_SPAN * packed.size:
        return np.unique(packed, return_inverse=True)
    found = np.flatnonzero(np.bincount(packed, minlength=span))
    place = np.empty(span, dtype=np.int64)
    place[found] = np.arange(found.size)
    return found, place[packed]


def sums(place: Codes, groups: int, measure: Codes | Values | Mask) -> Values:
    """Add up a measure over the places of each group; shape (groups,)."""
    return np.bincount(place, weights=measure, minlength=groups).astype(np.float64, copy=False)


@dataclass(frozen=True, slots=True)
class Means:
    """Arithmetic means (percent) of the rows of each key: ``locations[i]``, ``strata[i]`` has ``means[i]``.

    All arrays are of shape (keys,), sorted by location, then by stratum. Where the means are by location alone,
    ``strata`` is empty.
    """

    locations: Codes
    strata: Codes
    means: Values

    def lock(self) -> None:
        """Make every array read-only."""
        for array in (self.locations, self.strata, self.means):
            array.flags.writeable = False

    def of_location(self, location: int) -> "Means":
        """Return the means of one location."""
        start, stop = np.searchsorted(self.locations, [location, location + 1])
        return Means(self.locations[start:stop], self.strata[start:stop], self.means[start:stop])


class QuestionMeans:
    """The means of the rows of some cells: over all of them, by location, and by location and stratum.

    Parameters
    ----------
    cells: sums and counts; rows without a stratum are left out of the means by stratum
    """

    def __init__(self, cells: Cells) -> None:
        rows = int(cells.rows.sum())
        self.global_mean: float | None = float(cells.value_sum.sum()) / rows if rows else None
        valued = cells.select(cells.rows > 0)
        self.by_location = _means_by(valued, [valued.locations])
        stratified = valued.select(valued.strata >= 0)
        self.by_stratum = _means_by(stratified, [stratified.locations, stratified.strata])

    def location_mean(self, location: int) -> float | None:
        """Return the mean (percent) of one location, None where it has no value."""
        means = self.by_location.of_location(location).means
        return float(means[0]) if means.size else None

    def location_strata(self, location: int) -> Means:
        """Return the means of one location by stratum."""
        return self.by_stratum.of_location(location)

    def lock(self) -> None:
        """Make every array read-only."""
        self.by_location.lock()
        self.by_stratum.lock()


def _means_by(cells: Cells, keys: list[Codes]) -> Means:
    """Return the mean of the rows of each key that occurs; the cells have at least one row each."""
    found, key_of_cell = group(keys)
    keys_found = found[0].size
    means = sums(key_of_cell, keys_found, cells.value_sum) / sums(key_of_cell, keys_found, cells.rows)
    return Means(found[0], found[1] if len(found) > 1 else found[0][:0], means)
