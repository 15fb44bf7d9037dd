"""The sampling design of a survey: how many units each stratum has, and which strata and units cross locations."""

from dataclasses import dataclass, replace

import numpy as np

from app.errors import SourceError
from app.table.cells import Codes, Mask, Values
from app.table.keys import distinct_keys
from app.table.respondents.identifiers import identifier_of
from app.table.respondents.mapping import Design
from app.table.respondents.sums import SamplingUnits, UnitSums, sum_rows_by_key


@dataclass(frozen=True, slots=True)
class SampledSums:
    """Sums by sampling unit, with the facts about the design that variances need.

    A row is the part of a unit that lies in one location. ``across_locations`` puts the parts together again.

    Parameters
    ----------
    sums: the rows; those of a location, year and stratum are together
    sampled: number of units sampled in the row's stratum, wherever they are, shape (rows,)
    certain: whether the units of the row's stratum were taken with certainty, shape (rows,)
    crossing: number of strata that have respondents in several locations
    """

    sums: UnitSums
    sampled: Values
    certain: Mask
    crossing: int

    def across_locations(self, inside: Mask) -> tuple["SampledSums", Mask]:
        """Return the sums over locations, and which rows are inside.

        Parameters
        ----------
        inside: the rows to sum, shape (rows,); the others are summed too, but apart
        """
        if not self.crossing:
            return self, inside  # no unit has more than one row, and no stratum rows of several locations
        units = self.sums.units
        keys, key_of_row = distinct_keys([(~inside).astype(np.int64), units.years, units.strata, units.units])
        rows = keys[0].size
        sums = replace(
            self.sums,
            units=SamplingUnits(*keys),
            records=np.bincount(key_of_row, weights=self.sums.records, minlength=rows).astype(np.int64),
            sums=sum_rows_by_key(key_of_row, rows, self.sums.sums),
        )
        sampled, certain = np.empty(rows), np.empty(rows, dtype=np.bool_)
        sampled[key_of_row], certain[key_of_row] = self.sampled, self.certain
        return SampledSums(sums, sampled, certain, 0), keys[0] == 0


def sampled_sums(design: Design, sums: UnitSums, source: str) -> SampledSums:
    """Add the facts about the design to the sums of all records.

    Raises
    ------
    SourceError: units cross locations, and the mapping has no strata that could hold them
    """
    units = sums.units
    by_location = design.within_locations or design.stratum is None
    if design.stratum is None and not design.within_locations:
        _check_no_unit_crosses(design, units, source)
    places = [units.locations] if by_location else []
    strata, stratum_of_row = distinct_keys([*places, units.years, units.strata])
    certain = np.isin(units.strata, [identifier_of(code) for code in design.certainty_strata])
    crossing = 0
    if not by_location:
        (parts_of, *_), _ = distinct_keys([stratum_of_row, units.locations])
        crossing = int(np.count_nonzero(np.bincount(parts_of) > 1))
    sampled = _count_units(sums, stratum_of_row, strata[0].size)
    return SampledSums(sums, sampled[stratum_of_row], certain, crossing)


def _count_units(sums: UnitSums, stratum_of_row: Codes, strata: int) -> Values:
    """Return the number of units in each stratum; a unit that crosses locations counts once."""
    if sums.each_respondent:
        return np.bincount(stratum_of_row, weights=sums.records, minlength=strata).astype(np.float64)
    (stratum_of_unit, _), _ = distinct_keys([stratum_of_row, sums.units.units])
    return np.bincount(stratum_of_unit, minlength=strata).astype(np.float64)


def _check_no_unit_crosses(design: Design, units: SamplingUnits, source: str) -> None:
    if design.unit is None:
        return
    (years, numbers, _), _ = distinct_keys([units.years, units.units, units.locations])
    (_, _), unit_of_part = distinct_keys([years, numbers])
    crossing = int(np.count_nonzero(np.bincount(unit_of_part) > 1)) if unit_of_part.size else 0
    if crossing:
        raise SourceError(
            f"{source}: {crossing} values of {design.unit} occur in several locations. If these are units that cross "
            "locations, name the column of their strata as stratum in the mapping's [design]; if the units are "
            "numbered anew in each location, set within_locations = true there"
        )
