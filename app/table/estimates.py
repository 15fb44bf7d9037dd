"""Estimates of prevalence with their uncertainty: from cells to values, limits, sample sizes, and flags.

The rules are those of ``docs/statistics.md``, which names their sources.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from app.errors import InvalidRequestError
from app.table.cells import LIMITS_Z, Cells, Codes, Mask, Values
from app.table.columnar import Columnar
from app.table.keys import distinct_keys, sum_by_key
from app.table.survey_table import SurveyTable

NO_LIMITS_AT_ALL = (
    "this table tells no confidence limits of any row, without which nothing can be weighted or tested; estimate, "
    "correlate and the means can be asked of it"
)
LOWEST, HIGHEST = 0.0, 100.0  # percent

# CDC suppresses BRFSS estimates that rest on fewer respondents or have a larger relative standard error.
FEWEST_RESPONDENTS = 50
LARGEST_RELATIVE_ERROR = 0.30

# NCHS Data Presentation Standards for Proportions (Vital and Health Statistics, series 2, number 175, 2017).
NCHS_FEWEST = 30  # respondents, and effective ones
NCHS_NARROW = 5.0  # an interval of at most this width (percentage points) is good enough
NCHS_WIDE = 30.0  # one of at least this width is not
NCHS_RELATIVE_WIDTH = 1.30  # in between, its width over the estimate may be this at most


@dataclass(frozen=True, slots=True)
class Estimates(Columnar):
    """Prevalences in percent; all arrays are of shape (estimates,), sorted by location, stratum, period.

    Parameters
    ----------
    locations, strata, periods: codes; ``periods`` is -1 throughout where an estimate is over several years
    values: NaN where every row is suppressed
    errors: standard errors, NaN where the limits are not known
    low, high: 95 % confidence limits, NaN where they are not known
    respondents: sample sizes, NaN where they are not known
    rows: how many rows with a value an estimate rests on
    incomplete: whether some of the years have no estimate, suppressed or without a row, but not all of them
    """

    locations: Codes
    strata: Codes
    periods: Codes
    values: Values
    errors: Values
    low: Values
    high: Values
    respondents: Values
    rows: Codes
    incomplete: Mask


def yearly_estimates(cells: Cells) -> Estimates:
    """Return an estimate for each location, stratum and period.

    One row is given as it was published. Several rows of the same cell are averaged without weights, as if they were
    independent: the standard error is the root of the sum of the squared ones over the number of rows.
    """
    (locations, strata, periods), key_of_cell = distinct_keys([cells.locations, cells.strata, cells.periods])
    total = partial(sum_by_key, key_of_cell, locations.size)
    rows = total(cells.rows)
    values = _over(total(cells.value_sum) + total(cells.value_rest), rows)
    errors = _over(np.sqrt(total(cells.variance_sum)), rows)
    low, high = _limits(values, errors)
    single = rows == 1
    return Estimates(
        locations,
        strata,
        periods,
        values,
        errors,
        low=np.where(single, total(cells.low_sum), low),
        high=np.where(single, total(cells.high_sum), high),
        respondents=np.where(rows > 0, total(cells.respondents), np.nan),
        rows=rows.astype(np.int64),
        incomplete=(rows > 0) & (total(cells.suppressed_rows) > 0),
    )


def estimates_over_years(yearly: Estimates, years_of_strata: Codes | None = None) -> Estimates:
    """Return an estimate for each location and stratum: the unweighted mean of its yearly estimates.

    The surveys of different years are independent, so the standard error of a mean of k years is the root of the sum
    of their squared standard errors, over k. Suppressed years are left out; a single year keeps its limits.

    Parameters
    ----------
    years_of_strata: how many years a complete estimate of each stratum rests on, as ``count_years`` returns it; where
        it is not given, those that the estimate has rows of
    """
    (locations, strata), key_of_estimate = distinct_keys([yearly.locations, yearly.strata])
    total = partial(sum_by_key, key_of_estimate, locations.size)
    valued = ~np.isnan(yearly.values)

    def total_valued(measure: Values) -> Values:
        return total(np.where(valued, measure, 0.0))

    years, rows = total(valued), total(yearly.rows)
    values, errors = _over(total_valued(yearly.values), years), _over(np.sqrt(total_valued(yearly.errors**2)), years)
    low, high = _limits(values, errors)
    single = years == 1
    absent = False if years_of_strata is None else years < years_of_strata[strata]
    return Estimates(
        locations,
        strata,
        np.full(locations.size, -1),
        values,
        errors,
        low=np.where(single, total_valued(yearly.low), low),
        high=np.where(single, total_valued(yearly.high), high),
        respondents=np.where(years > 0, total_valued(yearly.respondents), np.nan),
        rows=rows.astype(np.int64),
        incomplete=(years > 0) & ((total(~valued | yearly.incomplete) > 0) | absent),
    )


def _over(totals: Values, counts: Values) -> Values:
    """Return totals over counts, NaN where there is nothing to count."""
    quotients: Values = np.divide(totals, counts, out=np.full(totals.shape, np.nan), where=counts > 0)
    return quotients


def _limits(values: Values, errors: Values) -> tuple[Values, Values]:
    """Return the 95 % limits that follow from standard errors, within 0 and 100 percent."""
    half_width = LIMITS_Z * errors
    return np.clip(values - half_width, LOWEST, HIGHEST), np.clip(values + half_width, LOWEST, HIGHEST)


def with_limits(estimates: Estimates) -> Estimates:
    """Return the estimates that have a value and a standard error above 0, from which weights and tests follow."""
    return estimates.select(estimates.errors > 0)


def too_few_limits(table: SurveyTable, reason: str) -> InvalidRequestError:
    """Return the refusal of a request that finds too few confidence limits, which is the table's fault if it has none.

    Parameters
    ----------
    reason: what is lacking, and what to ask for, where the table has limits at all
    """
    return InvalidRequestError(reason if table.has_limits else NO_LIMITS_AT_ALL)


def dated(estimates: Estimates) -> Estimates:
    """Return the estimates whose year is known."""
    return estimates.select(estimates.periods >= 0)


def effective_sizes(estimates: Estimates) -> Values:
    """Return the effective sample sizes: p (1 - p) over the squared standard error, never above the sample size.

    That is the size of the simple random sample that would be as precise (NCHS standard, as above).
    """
    p, error = estimates.values / HIGHEST, estimates.errors / HIGHEST
    with np.errstate(divide="ignore", invalid="ignore"):
        sizes: Values = np.fmin(p * (1 - p) / error**2, estimates.respondents)
    return sizes


def flags_of(estimates: Estimates) -> list[list[str]]:
    """Return the flags of each estimate, in the order of ``FLAGS``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        masks = [rule(estimates) for rule in FLAGS.values()]
    names = list(FLAGS)
    flagged: list[list[str]] = [[] for _ in range(estimates.values.size)]
    for name, mask in zip(names, masks, strict=True):
        for place in np.flatnonzero(mask).tolist():
            flagged[place].append(name)
    return flagged


def _below_nchs_standard(estimates: Estimates) -> Mask:
    width = estimates.high - estimates.low
    wide = (width >= NCHS_WIDE) | ((width > NCHS_NARROW) & (width / estimates.values > NCHS_RELATIVE_WIDTH))
    few = (estimates.respondents < NCHS_FEWEST) | (effective_sizes(estimates) < NCHS_FEWEST)
    return wide | few


FLAGS: Mapping[str, Callable[[Estimates], Mask]] = {
    "suppressed": lambda estimates: np.isnan(estimates.values),
    "incomplete": lambda estimates: estimates.incomplete,
    "small_sample": lambda estimates: estimates.respondents < FEWEST_RESPONDENTS,
    "unreliable": lambda estimates: estimates.errors / estimates.values >= LARGEST_RELATIVE_ERROR,
    "nchs": _below_nchs_standard,
    "no_limits": lambda estimates: ~np.isnan(estimates.values) & np.isnan(estimates.errors),
}
