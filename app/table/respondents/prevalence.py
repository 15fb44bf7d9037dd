"""Weighted prevalence with its standard error by Taylor linearisation, from sums by sampling unit.

``docs/statistics.md`` documents the formulas and their sources.
"""

from dataclasses import dataclass

import numpy as np

from app.table.cells import Codes, Values
from app.table.columnar import Columnar
from app.table.keys import distinct_keys
from app.table.respondents.design import SampledSums
from app.table.respondents.limits import confidence_limits
from app.table.respondents.sums import ANSWERS, NO, NO_SQUARES, YES, YES_SQUARES, sum_rows_by_key

ROWS_AT_ONCE = 1024  # bounds the memory of intermediate arrays


@dataclass(frozen=True, slots=True)
class Prevalences(Columnar):
    """Prevalences as proportions. All arrays have the shape (areas, table strata, questions).

    Parameters
    ----------
    values: NaN if nobody has answered, or nobody in one of several groups
    variances: squared standard errors, NaN if unknown
    low, high: 95 % limits, NaN if unknown
    degrees: degrees of freedom of the variances
    respondents: number of answers
    """

    values: Values
    variances: Values
    low: Values
    high: Values
    degrees: Values
    respondents: Values


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups whose prevalences, each with its share, add up to the prevalence of a table stratum.

    A crude prevalence has one group. One that is standardised by age has the age groups within its stratum, with the
    shares of the standard population.

    Parameters
    ----------
    positions: of the groups among the strata of the sums, shape (table strata, groups)
    shares: of the groups, which add up to 1, shape (groups,)
    """

    positions: Codes
    shares: Values

    @staticmethod
    def crude(strata: int) -> "Groups":
        """Return the groups of crude prevalences of the first strata of the sums."""
        return Groups(np.arange(strata)[:, np.newaxis], np.ones(1))

    def of(self, by_stratum: Values) -> Values:
        """Return the entries of the groups, shape (…, table strata, groups, …), from an array of shape (…, strata, …).

        The strata are the second axis.
        """
        if self.shares.size == 1:
            return by_stratum[:, : len(self.positions), np.newaxis]  # a view takes no time
        return by_stratum[:, self.positions]

    def sum(self, by_group: Values) -> Values:
        """Return the sums over the groups of each table stratum."""
        return by_group[:, :, 0] if self.shares.size == 1 else by_group.sum(axis=2)


class PrevalenceEstimator:
    """Estimates prevalences of areas from the sums of their sampling units."""

    def __init__(self, design: SampledSums, area_of_row: Codes, areas: int) -> None:
        """Sum the units of each area.

        Parameters
        ----------
        design: sums in which no two rows are parts of one unit in one area
        area_of_row: shape (rows,); the rows of a location, year and stratum have one area
        areas: number of areas
        """
        self._design = design
        self._area_of_row = area_of_row
        self._areas = areas
        units = design.sums.units
        # What an area has of a sampling stratum: a part. The rows of a part are together.
        (locations, *_), self._part_of_row = distinct_keys([units.locations, units.years, units.strata])
        self._area_of_part = np.empty(locations.size, dtype=np.int64)
        self._area_of_part[self._part_of_row] = area_of_row
        self._totals = sum_rows_by_key(area_of_row, areas, design.sums.sums)
        self._weights = self._totals[:, :, YES] + self._totals[:, :, NO]
        with np.errstate(invalid="ignore"):
            self._values = self._totals[:, :, YES] / self._weights

    def estimate(self, groups: Groups) -> Prevalences:
        """Return the prevalences of all areas in the strata that the groups make up."""
        values = groups.sum(groups.shares[:, np.newaxis] * groups.of(self._values))
        by_part = self._sum_by_part(groups)
        degrees = sum_rows_by_key(self._area_of_part, self._areas, by_part.answering - (by_part.answering > 0))
        variances = sum_rows_by_key(self._area_of_part, self._areas, self._variances_of_totals(by_part))
        respondents = groups.sum(groups.of(self._totals[:, :, ANSWERS]))
        variances, low, high = confidence_limits(values, variances, degrees, respondents)
        return Prevalences(values, variances, low, high, degrees, respondents)

    def _sum_by_part(self, groups: Groups) -> "_PartSums":
        """Add up the linearised values of the rows of each part."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scales = groups.shares[:, np.newaxis] / groups.of(self._weights)
        scales[~np.isfinite(scales)] = 0.0
        sums = self._design.sums
        strata, questions = len(groups.positions), sums.sums.shape[3]
        result = _PartSums(*(np.zeros((self._area_of_part.size, strata, questions)) for _ in range(3)))
        values = np.nan_to_num(groups.of(self._values))
        for start in range(0, self._part_of_row.size, ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            area = self._area_of_row[rows]
            measures = _linearise(groups.of(sums.sums[rows]), values[area], scales[area], groups)
            result.add(self._part_of_row[rows], measures)
        return result

    def _variances_of_totals(self, by_part: "_PartSums") -> Values:
        """Return the variance of the total of the linearised values in each part."""
        sampled, certain = np.empty((2, self._area_of_part.size))
        sampled[self._part_of_row], certain[self._part_of_row] = self._design.sampled, self._design.certain
        sampled = sampled[:, np.newaxis, np.newaxis]
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.maximum(by_part.squared - by_part.total**2 / sampled, 0.0)
            centred = sampled / (sampled - 1) * spread
        # The single unit of a stratum is centred at the mean over all strata, which is 0.
        variances = np.where(sampled > 1, centred, by_part.squared)
        return np.where(certain[:, np.newaxis, np.newaxis] > 0, 0.0, variances)


@dataclass(frozen=True, slots=True)
class _Linearised:
    """Linearised values of rows; arrays have the shape (rows, table strata, questions).

    The linearised value of a respondent is w (y - p) times the share of its group over the weight of the group.
    That of a unit is the sum over its respondents.

    Parameters
    ----------
    totals: sums over a row's respondents
    squares: sums over a row's respondents of the squares, None if respondents are not sampling units
    answers: number of answers
    """

    totals: Values
    squares: Values | None
    answers: Values


def _linearise(sums: Values, values: Values, scales: Values, groups: Groups) -> _Linearised:
    """Return the linearised values of some rows.

    Parameters
    ----------
    sums: of the groups, shape (rows, table strata, groups, measures, questions)
    values: the prevalences of the groups in each row's area, shape (rows, table strata, groups, questions)
    scales: share over weight of the groups in each row's area, of the same shape
    """
    totals = (1 - values) * sums[:, :, :, YES] - values * sums[:, :, :, NO]
    squares = None
    if sums.shape[3] > NO_SQUARES:
        squares = (1 - values) ** 2 * sums[:, :, :, YES_SQUARES] + values**2 * sums[:, :, :, NO_SQUARES]
        squares = groups.sum(scales**2 * squares)  # a respondent is in one group only
    return _Linearised(groups.sum(scales * totals), squares, groups.sum(sums[:, :, :, ANSWERS]))


@dataclass(frozen=True, slots=True)
class _PartSums:
    """Sums over the units of each part; arrays have the shape (parts, table strata, questions).

    Parameters
    ----------
    total, squared: sums of the units' linearised values and of their squares
    answering: number of units with an answer
    """

    total: Values
    squared: Values
    answering: Values

    def add(self, part_of_row: Codes, rows: _Linearised) -> None:
        """Add rows, whose parts ascend."""
        touched = slice(part_of_row[0], part_of_row[-1] + 1)  # the parts ascend, so no other one occurs
        squares, answering = rows.squares, rows.answers
        if squares is None:
            squares, answering = rows.totals**2, (rows.answers > 0).astype(np.float64)
        for total, measure in ((self.total, rows.totals), (self.squared, squares), (self.answering, answering)):
            total[touched] += sum_rows_by_key(part_of_row - part_of_row[0], touched.stop - touched.start, measure)
