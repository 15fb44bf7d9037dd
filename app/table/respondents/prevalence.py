"""Weighted prevalence with its standard error by Taylor linearisation, from sums by sampling unit.

``docs/statistics.md`` documents the formulas and their sources.
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy import special

from app.table.cells import Codes, Values
from app.table.columnar import Columnar
from app.table.keys import distinct_keys
from app.table.respondents.sums import (
    ANSWERS,
    NO,
    NO_SQUARES,
    YES,
    YES_SQUARES,
    UnitSums,
    sum_rows_by_key,
)

LIMITS_QUANTILE = 0.975  # for 95 % limits
UNITS_AT_ONCE = 1024  # bounds the memory of intermediate arrays


@dataclass(frozen=True, slots=True)
class Prevalences(Columnar):
    """Prevalences as proportions. All arrays have the shape (areas, table strata, questions).

    Parameters
    ----------
    values: NaN if nobody has answered
    variances: squared standard errors, NaN if unknown
    low, high: 95 % limits, NaN if unknown
    respondents: number of answers
    """

    values: Values
    variances: Values
    low: Values
    high: Values
    respondents: Values


def estimate_prevalences(sums: UnitSums, area_of_unit: Codes, areas: int) -> Prevalences:
    """Return the prevalences of areas, each of which consists of whole sampling strata.

    Parameters
    ----------
    area_of_unit: shape (units,)
    areas: number of areas
    """
    totals = sum_rows_by_key(area_of_unit, areas, sums.sums)
    weights = totals[:, :, YES] + totals[:, :, NO]
    with np.errstate(invalid="ignore"):
        values = totals[:, :, YES] / weights
    (strata, *_), stratum_of_unit = distinct_keys([sums.units.locations, sums.units.years, sums.units.strata])
    area_of_stratum = np.empty(strata.size, dtype=np.int64)
    area_of_stratum[stratum_of_unit] = area_of_unit
    by_stratum = _sum_by_stratum(sums, np.nan_to_num(values), stratum_of_unit, area_of_stratum)
    total_variances = _total_variances(by_stratum, _count_units(sums, stratum_of_unit, strata.size))
    degrees = sum_rows_by_key(area_of_stratum, areas, by_stratum.answering - (by_stratum.answering > 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        variances = sum_rows_by_key(area_of_stratum, areas, total_variances) / weights**2
    variances[(values == 0) | (values == 1)] = np.nan  # a unanimous sample has no spread to estimate an error from
    low, high = _logit_limits(values, variances, degrees)
    return Prevalences(values, np.where(np.isnan(low), np.nan, variances), low, high, totals[:, :, ANSWERS])


@dataclass(frozen=True, slots=True)
class _StratumSums:
    """Sums over the units of each sampling stratum; arrays have the shape (sampling strata, table strata, questions).

    The linearised value of a respondent is w (y - p). That of a unit is the sum over its respondents in the cell.

    Parameters
    ----------
    total, squared: sums of the linearised values and of their squares
    answering: number of units with an answer
    """

    total: Values
    squared: Values
    answering: Values


def _sum_by_stratum(sums: UnitSums, values: Values, stratum_of_unit: Codes, area_of_stratum: Codes) -> _StratumSums:
    """Add up units by sampling stratum.

    Parameters
    ----------
    values: the prevalences of the areas
    stratum_of_unit: ascending
    """
    result = _StratumSums(*(np.zeros((len(area_of_stratum), *values.shape[1:])) for _ in fields(_StratumSums)))
    for start in range(0, stratum_of_unit.size, UNITS_AT_ONCE):
        part = sums.sums[start : start + UNITS_AT_ONCE]
        strata = stratum_of_unit[start : start + UNITS_AT_ONCE]
        touched = slice(strata[0], strata[-1] + 1)  # the strata ascend, so no other one occurs in this part
        value = values[area_of_stratum[strata]]
        linearised = (1 - value) * part[:, :, YES] - value * part[:, :, NO]
        if sums.each_respondent:
            squares = (1 - value) ** 2 * part[:, :, YES_SQUARES] + value**2 * part[:, :, NO_SQUARES]
            answering = part[:, :, ANSWERS]
        else:
            squares, answering = linearised**2, (part[:, :, ANSWERS] > 0).astype(np.float64)
        for total, measures in ((result.total, linearised), (result.squared, squares), (result.answering, answering)):
            total[touched] += sum_rows_by_key(strata - strata[0], touched.stop - touched.start, measures)
    return result


def _total_variances(sums: _StratumSums, units: Values) -> Values:
    """Return the variance of the total of the linearised values in each sampling stratum.

    Parameters
    ----------
    units: number of units in each stratum, whether or not they have respondents in a cell
    """
    units = units[:, np.newaxis, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        centred = units / (units - 1) * np.maximum(sums.squared - sums.total**2 / units, 0.0)
    # The single unit of a stratum is centred at the mean over all strata, which is 0.
    return np.where(units > 1, centred, sums.squared)


def _count_units(sums: UnitSums, stratum_of_unit: Codes, strata: int) -> Values:
    """Return the number of sampling units in each stratum."""
    weights = sums.records if sums.each_respondent else None
    return np.bincount(stratum_of_unit, weights=weights, minlength=strata).astype(np.float64)


def _logit_limits(values: Values, variances: Values, degrees: Values) -> tuple[Values, Values]:
    """Return Wald limits on the logit scale with Student's t, NaN without degrees of freedom or a variance."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quantiles = special.stdtrit(np.where(degrees > 0, degrees, np.nan), LIMITS_QUANTILE)
        half_width = quantiles * np.sqrt(variances) / (values * (1 - values))
        centre = special.logit(values)
        return special.expit(centre - half_width), special.expit(centre + half_width)
