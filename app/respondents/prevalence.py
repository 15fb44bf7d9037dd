"""Weighted prevalence and its standard error by Taylor linearisation, from sums by sampling unit.

The rules are those of ``docs/statistics.md``, which names their sources.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from app.cells import Codes, Values
from app.respondents.sums import (
    ANSWERS,
    LOCATION,
    NO,
    NO_SQUARES,
    STRATUM,
    YES,
    YES_SQUARES,
    UnitSums,
    add_up,
    distinct,
)

LIMITS_QUANTILE = 0.975  # for 95 % limits


@dataclass(frozen=True, slots=True)
class Prevalences:
    """Prevalences as proportions; all arrays are of shape (places, strata of cells, questions).

    Parameters
    ----------
    values: NaN where nobody has answered
    variances: squared standard errors; low, high: 95 % limits. NaN where they are not known
    respondents: how many have answered
    """

    values: Values
    variances: Values
    low: Values
    high: Values
    respondents: Values


def prevalences(sums: UnitSums, places: Codes, count: int) -> Prevalences:
    """Return the prevalences of places, each of which holds whole strata of the sample.

    Parameters
    ----------
    places: the place of each sampling unit, shape (units,)
    count: how many places there are
    """
    totals = add_up(places, count, sums.sums)
    weights = totals[:, :, YES] + totals[:, :, NO]
    with np.errstate(invalid="ignore"):
        values = totals[:, :, YES] / weights
    strata, stratum = distinct(sums.units[:, LOCATION : STRATUM + 1])
    place_of_stratum = np.empty(len(strata), dtype=np.int64)
    place_of_stratum[stratum] = places
    scattered = add_up(place_of_stratum, count, _scatter(sums, values[places], stratum, len(strata)))
    with np.errstate(invalid="ignore", divide="ignore"):
        variances = scattered / weights**2
    variances[(values == 0) | (values == 1)] = np.nan  # an unanimous sample does not tell how sure it is
    low, high = logit_limits(values, variances, _degrees(sums, stratum, place_of_stratum, count))
    return Prevalences(values, np.where(np.isnan(low), np.nan, variances), low, high, totals[:, :, ANSWERS])


def _scatter(sums: UnitSums, values: Values, stratum: Codes, count: int) -> Values:
    """Return for each stratum the variance of the sum of its units' linearised values, times the weights squared.

    The linearised value of a respondent is w (y - p) over the sum of the weights, and that of a unit the sum over its
    respondents; a unit without respondents in a cell counts with 0.
    """
    yes, no = sums.sums[:, :, YES], sums.sums[:, :, NO]
    values = np.nan_to_num(values)
    linearised = (1 - values) * yes - values * no
    if sums.each_respondent:
        squares = (1 - values) ** 2 * sums.sums[:, :, YES_SQUARES] + values**2 * sums.sums[:, :, NO_SQUARES]
    else:
        squares = linearised**2
    units = _units(sums, stratum, count)[:, np.newaxis, np.newaxis]
    total, squared = add_up(stratum, count, linearised), add_up(stratum, count, squares)
    with np.errstate(divide="ignore", invalid="ignore"):
        centred = units / (units - 1) * np.maximum(squared - total**2 / units, 0.0)
    return np.where(units > 1, centred, squared)  # a lone unit is centred at the mean of all: 0


def _units(sums: UnitSums, stratum: Codes, count: int) -> Values:
    """Return how many sampling units each stratum has, in whichever cells they are."""
    weights = sums.records if sums.each_respondent else None
    return np.bincount(stratum, weights=weights, minlength=count).astype(np.float64)


def _degrees(sums: UnitSums, stratum: Codes, place_of_stratum: Codes, count: int) -> Values:
    """Return the degrees of freedom: the units with an answer in the cell less the strata with one."""
    answers = sums.sums[:, :, ANSWERS]
    answering = answers if sums.each_respondent else (answers > 0).astype(np.float64)
    units = add_up(stratum, len(place_of_stratum), answering)
    return add_up(place_of_stratum, count, units - (units > 0))


def logit_limits(values: Values, variances: Values, degrees: Values) -> tuple[Values, Values]:
    """Return Wald limits on the logit scale with Student's t, NaN where a degree of freedom or the error is missing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quantiles = special.stdtrit(np.where(degrees > 0, degrees, np.nan), LIMITS_QUANTILE)
        half_width = quantiles * np.sqrt(variances) / (values * (1 - values))
        centre = special.logit(values)
        return special.expit(centre - half_width), special.expit(centre + half_width)
