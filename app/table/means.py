"""Arithmetic means of a question's rows: over all of them, by location, and by location and stratum."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.table.cells import Cells, Codes, Values
from app.table.columnar import Columnar
from app.table.keys import distinct_keys, sum_by_key


@dataclass(frozen=True, slots=True)
class Means(Columnar):
    """Arithmetic means (percent): the rows of ``locations[i]`` and ``strata[i]`` have the mean ``means[i]``.

    All arrays are of shape (keys,), sorted by location, then by stratum. In means by location alone, ``strata`` is
    empty.
    """

    locations: Codes
    strata: Codes
    means: Values

    def of_location(self, location: int) -> "Means":
        """Return the means of one location."""
        start, stop = np.searchsorted(self.locations, [location, location + 1])
        return self.select(slice(start, stop))


class QuestionMeans:
    """The means of the rows of some cells: over all of them, by location, and by location and stratum.

    Parameters
    ----------
    cells: sums and counts; the means by stratum leave out rows without a stratum
    """

    def __init__(self, cells: Cells) -> None:
        rows = int(cells.rows.sum())
        self.global_mean: float | None = float(cells.value_sum.sum() + cells.value_rest.sum()) / rows if rows else None
        valued = cells.select(cells.rows > 0)
        self.by_location = _means_by([valued.locations], valued)
        stratified = valued.select(valued.strata >= 0)
        self.by_stratum = _means_by([stratified.locations, stratified.strata], stratified)

    def location_mean(self, location: int) -> float | None:
        """Return the mean (percent) of one location, None if it has no value."""
        locations = self.by_location.locations
        place = int(np.searchsorted(locations, location))
        found = place < locations.size and locations[place] == location
        return float(self.by_location.means[place]) if found else None

    def location_strata(self, location: int) -> Means:
        """Return the means of one location by stratum."""
        return self.by_stratum.of_location(location)

    def lock(self) -> None:
        """Make every array read-only."""
        self.by_location.lock()
        self.by_stratum.lock()


def _means_by(columns: Sequence[Codes], cells: Cells) -> Means:
    """Return the mean of the rows of each key; each cell has at least one row with a value."""
    keys, key_of_cell = distinct_keys(columns)
    count = keys[0].size
    totals = sum_by_key(key_of_cell, count, cells.value_sum) + sum_by_key(key_of_cell, count, cells.value_rest)
    means = totals / sum_by_key(key_of_cell, count, cells.rows)
    return Means(keys[0], keys[1] if len(keys) > 1 else keys[0][:0], means)
