"""Weighted prevalence and its standard error by Taylor linearisation, from sums by sampling unit.

The rules are those of ``docs/statistics.md``, which names their sources.
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
UNITS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Prevalences(Columnar):
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
    totals = sum_rows_by_key(places, count, sums.sums)
    weights = totals[:, :, YES] + totals[:, :, NO]
    with np.errstate(invalid="ignore"):
        values = totals[:, :, YES] / weights
    (strata, *_), stratum = distinct_keys([sums.units.locations, sums.units.years, sums.units.strata])
    place_of_stratum = np.empty(strata.size, dtype=np.int64)
    place_of_stratum[stratum] = places
    of_strata = _by_stratum(sums, np.nan_to_num(values), stratum, place_of_stratum)
    scattered = sum_rows_by_key(place_of_stratum, count, _scatter(of_strata, _units(sums, stratum, strata.size)))
    degrees = sum_rows_by_key(place_of_stratum, count, of_strata.answering - (of_strata.answering > 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        variances = scattered / weights**2
    variances[(values == 0) | (values == 1)] = np.nan  # an unanimous sample does not tell how sure it is
    low, high = logit_limits(values, variances, degrees)
    return Prevalences(values, np.where(np.isnan(low), np.nan, variances), low, high, totals[:, :, ANSWERS])


@dataclass(frozen=True, slots=True)
class _OfStrata:
    """Sums over the units of each stratum; all arrays are of shape (strata of the sample, strata of cells, questions).

    The linearised value of a respondent is w (y - p), and that of a unit the sum over its respondents: 0 where it has
    none in a cell.

    Parameters
    ----------
    total, squared: of the linearised values, and of their squares
    answering: how many units there are with an answer
    """

    total: Values
    squared: Values
    answering: Values


def _by_stratum(sums: UnitSums, values: Values, stratum: Codes, place_of_stratum: Codes) -> _OfStrata:
    """Add up units by stratum, a few at a time, as what is made of them on the way is as large as they are.

    Parameters
    ----------
    values: the prevalence in each place
    stratum: that of each unit, ascending
    """
    found = _OfStrata(*(np.zeros((len(place_of_stratum), *values.shape[1:])) for _ in fields(_OfStrata)))
    for start in range(0, stratum.size, UNITS_AT_ONCE):
        part = sums.sums[start : start + UNITS_AT_ONCE]
        of_part = stratum[start : start + UNITS_AT_ONCE]
        chosen = slice(of_part[0], of_part[-1] + 1)
        value = values[place_of_stratum[of_part]]
        linearised = (1 - value) * part[:, :, YES] - value * part[:, :, NO]
        if sums.each_respondent:
            squares = (1 - value) ** 2 * part[:, :, YES_SQUARES] + value**2 * part[:, :, NO_SQUARES]
            answering = part[:, :, ANSWERS]
        else:
            squares, answering = linearised**2, (part[:, :, ANSWERS] > 0).astype(np.float64)
        for total, measures in ((found.total, linearised), (found.squared, squares), (found.answering, answering)):
            total[chosen] += sum_rows_by_key(of_part - of_part[0], chosen.stop - chosen.start, measures)
    return found


def _scatter(of_strata: _OfStrata, units: Values) -> Values:
    """Return for each stratum the variance of the sum of its units' linearised values, times the weights squared.

    Parameters
    ----------
    units: how many there are in each stratum, in whichever cells they are
    """
    units = units[:, np.newaxis, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        centred = units / (units - 1) * np.maximum(of_strata.squared - of_strata.total**2 / units, 0.0)
    return np.where(units > 1, centred, of_strata.squared)  # a lone unit is centred at the mean of all: 0


def _units(sums: UnitSums, stratum: Codes, count: int) -> Values:
    """Return how many sampling units each stratum has."""
    weights = sums.records if sums.each_respondent else None
    return np.bincount(stratum, weights=weights, minlength=count).astype(np.float64)


def logit_limits(values: Values, variances: Values, degrees: Values) -> tuple[Values, Values]:
    """Return Wald limits on the logit scale with Student's t, NaN where a degree of freedom or the error is missing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quantiles = special.stdtrit(np.where(degrees > 0, degrees, np.nan), LIMITS_QUANTILE)
        half_width = quantiles * np.sqrt(variances) / (values * (1 - values))
        centre = special.logit(values)
        return special.expit(centre - half_width), special.expit(centre + half_width)
