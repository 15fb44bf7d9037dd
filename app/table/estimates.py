"""Estimates of prevalence: values, standard errors, confidence limits, sample sizes and quality flags from cells.

``docs/statistics.md`` documents the formulas and their sources.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from app.errors import InvalidRequestError
from app.table.cells import Cells, Codes, Mask, Values
from app.table.columnar import Columnar
from app.table.confidence_limits import HIGHEST, LOWEST, limits_around, widened
from app.table.keys import common_by_key, distinct_keys, sum_by_key
from app.table.survey_table import SurveyTable

TABLE_WITHOUT_LIMITS = (
    "no row of this table has confidence limits, which weights and tests need; choose estimate, correlate or a mean"
)

# CDC suppresses BRFSS estimates with fewer respondents or a larger relative standard error.
MIN_RESPONDENTS = 50
MAX_RELATIVE_ERROR = 0.30

# NCHS Data Presentation Standards for Proportions (Vital and Health Statistics, series 2, number 175, 2017).
NCHS_MIN_RESPONDENTS = 30  # both actual and effective
NCHS_NARROW = 5.0  # percentage points: an interval of at most this width always passes
NCHS_WIDE = 30.0  # percentage points: an interval of at least this width always fails
NCHS_MAX_RELATIVE_WIDTH = 1.30  # interval width / estimate, for widths in between
NCHS_MIN_DEGREES = 8  # of freedom: with fewer, a statistician reviews the estimate


@dataclass(frozen=True, slots=True)
class Estimates(Columnar):
    """Figures in the unit of their question. Arrays have the shape (estimates,), sorted by location, stratum, period.

    Parameters
    ----------
    locations, strata, periods: codes; every period is -1 if the estimates are over several years
    values: NaN if every row is suppressed
    errors: standard errors, NaN if unknown
    low, high: 95 % confidence limits, NaN if unknown
    respondents: sample sizes, NaN if unknown
    degrees: degrees of freedom of the errors, NaN if unknown
    rows: number of rows with a value
    footnotes: code of the footnote that all rows have, -1 if there is none
    unreported: True if the value is missing because the data were not reported
    incomplete: True if some, but not all, of the rows or years are suppressed or missing
    is_logit: True if the limits are symmetric in the logit
    percentages: True if the values are percentages
    """

    locations: Codes
    strata: Codes
    periods: Codes
    values: Values
    errors: Values
    low: Values
    high: Values
    respondents: Values
    degrees: Values
    rows: Codes
    footnotes: Codes
    unreported: Mask
    incomplete: Mask
    is_logit: Mask
    percentages: Mask


def yearly_estimates(cells: Cells) -> Estimates:
    """Return an estimate for each location, stratum and period.

    A single row keeps its published figures. Several rows are averaged without weights and assumed to be independent:
    the standard error of the mean of n rows is the root of the sum of their squared standard errors, over n.
    """
    (locations, strata, periods), key_of_cell = distinct_keys([cells.locations, cells.strata, cells.periods])
    total = partial(sum_by_key, key_of_cell, locations.size)
    rows = total(cells.rows)
    values = _divide(total(cells.value_sum) + total(cells.value_rest), rows)
    logit_variance = total(cells.logit_variance_sum)
    is_logit = ~np.isnan(logit_variance)
    errors = _divide(np.sqrt(np.where(is_logit, logit_variance, total(cells.variance_sum))), rows)
    percentages = total(~cells.percentages) == 0
    low, high, degrees = total(cells.low_sum), total(cells.high_sum), total(cells.degrees)
    _replace_limits((low, high), rows > 1, values, widened(errors, degrees), (is_logit, percentages))
    return Estimates(
        locations,
        strata,
        periods,
        values,
        errors,
        low=np.where(rows > 0, low, np.nan),
        high=np.where(rows > 0, high, np.nan),
        respondents=np.where(rows > 0, total(cells.respondents), np.nan),
        degrees=np.where(rows > 0, degrees, np.nan),
        rows=rows.astype(np.int64),
        footnotes=common_by_key(key_of_cell, locations.size, cells.footnotes),
        unreported=(rows == 0) & (total(cells.unreported_rows) == total(cells.suppressed_rows)),
        incomplete=(rows > 0) & (total(cells.suppressed_rows) > 0),
        is_logit=is_logit,
        percentages=percentages,
    )


def estimates_over_years(yearly: Estimates, years_of_strata: Codes | None = None) -> Estimates:
    """Return an estimate for each location and stratum: the unweighted mean of its yearly estimates.

    The surveys of different years are independent, so the standard error of the mean of k years is the root of the sum
    of their squared standard errors, over k. Suppressed years are ignored. A single year keeps its published limits;
    those of a mean have the form of the published ones. Degrees of freedom add up.

    Parameters
    ----------
    years_of_strata: number of years of a complete estimate, by stratum code, as ``count_years`` returns it; the years
        that the estimate has rows for by default
    """
    (locations, strata), key_of_estimate = distinct_keys([yearly.locations, yearly.strata])
    total = partial(sum_by_key, key_of_estimate, locations.size)
    valued = ~np.isnan(yearly.values)

    def total_valued(measure: Values) -> Values:
        return total(np.where(valued, measure, 0.0))

    years, rows = total(valued), total(yearly.rows)
    values = _divide(total_valued(yearly.values), years)
    errors = _divide(np.sqrt(total_valued(yearly.errors**2)), years)
    is_logit, percentages = total(valued & ~yearly.is_logit) == 0, total(~yearly.percentages) == 0
    low, high, degrees = (total_valued(measure) for measure in (yearly.low, yearly.high, yearly.degrees))
    _replace_limits((low, high), years > 1, values, widened(errors, degrees), (is_logit, percentages))
    lacks_years = False if years_of_strata is None else years < years_of_strata[strata]
    return Estimates(
        locations,
        strata,
        np.full(locations.size, -1),
        values,
        errors,
        low=np.where(years > 0, low, np.nan),
        high=np.where(years > 0, high, np.nan),
        respondents=np.where(years > 0, total_valued(yearly.respondents), np.nan),
        degrees=np.where(years > 0, degrees, np.nan),
        rows=rows.astype(np.int64),
        footnotes=common_by_key(key_of_estimate, locations.size, yearly.footnotes),
        unreported=total(~yearly.unreported) == 0,
        incomplete=(years > 0) & ((total(~valued | yearly.incomplete) > 0) | lacks_years),
        is_logit=is_logit,
        percentages=percentages,
    )


def _replace_limits(
    limits: tuple[Values, Values], means: Mask, values: Values, errors: Values, scale: tuple[Mask, Mask]
) -> None:
    """Replace, in place, the summed limits of those estimates that are means; a single row keeps its own.

    Parameters
    ----------
    scale: where limits are symmetric in the logit, and where values are percentages
    """
    if means.any():
        low, high = limits
        is_logit, percentages = scale
        low[means], high[means] = limits_around(values[means], errors[means], is_logit[means], percentages[means])


def _divide(totals: Values, counts: Values) -> Values:
    """Divide totals by counts; the quotient is NaN if the count is 0."""
    quotients: Values = np.divide(totals, counts, out=np.full(totals.shape, np.nan), where=counts > 0)
    return quotients


def with_limits(estimates: Estimates) -> Estimates:
    """Return the estimates with a value and a standard error above 0: those that can be weighted and tested."""
    return estimates.select(estimates.errors > 0)


def missing_limits_error(table: SurveyTable, reason: str) -> InvalidRequestError:
    """Return the error for a request that needs more confidence limits than it selects.

    Parameters
    ----------
    reason: the message if the table has any limits; without any, no other selection would help, and the message says so
    """
    return InvalidRequestError(reason if table.has_limits else TABLE_WITHOUT_LIMITS)


def with_known_year(estimates: Estimates) -> Estimates:
    """Return the estimates whose year is known."""
    return estimates.select(estimates.periods >= 0)


def effective_sizes(estimates: Estimates) -> Values:
    """Return the effective sample sizes: p (1 - p) / squared standard error, at most the sample size.

    This is the size of a simple random sample with the same precision (NCHS standard, see the constants). A value of 0
    or 100 % has no such size, so that of the sample stands in, if its degrees of freedom are known.
    """
    p, error = estimates.values / HIGHEST, estimates.errors / HIGHEST
    unanimous = ((p == 0) | (p == 1)) & (estimates.degrees > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        sizes = np.fmin(p * (1 - p) / error**2, estimates.respondents)
    return np.where(unanimous, estimates.respondents, sizes)


def flags_of(estimates: Estimates) -> list[list[str]]:
    """Return the flags of each estimate, in the order of ``FLAGS``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        masks = [rule(estimates) for rule in FLAGS.values()]
    names = list(FLAGS)
    flagged: list[list[str]] = [[] for _ in range(estimates.values.size)]
    for name, mask in zip(names, masks, strict=True):
        for index in np.flatnonzero(mask).tolist():
            flagged[index].append(name)
    return flagged


def are_unreliable(estimates: Estimates) -> Mask:
    """Return which estimates have a flag that advises against using them: ``unreliable`` or ``nchs``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return FLAGS["unreliable"](estimates) | FLAGS["nchs"](estimates)


def _below_nchs_standard(estimates: Estimates) -> Mask:
    width = estimates.high - estimates.low
    wide = (width >= NCHS_WIDE) | ((width > NCHS_NARROW) & (width / estimates.values > NCHS_MAX_RELATIVE_WIDTH))
    few = effective_sizes(estimates) < NCHS_MIN_RESPONDENTS  # never above the actual ones
    return estimates.percentages & (wide | few)  # the standard is for proportions


def _for_nchs_review(estimates: Estimates) -> Mask:
    unanimous = (estimates.values == LOWEST) | (estimates.values == HIGHEST)
    for_review: Mask = (estimates.degrees < NCHS_MIN_DEGREES) | ((estimates.degrees > 0) & unanimous)
    return for_review


FLAGS: Mapping[str, Callable[[Estimates], Mask]] = {
    "suppressed": lambda estimates: np.isnan(estimates.values) & ~estimates.unreported,
    "not_reported": lambda estimates: estimates.unreported,
    "incomplete": lambda estimates: estimates.incomplete,
    "small_sample": lambda estimates: estimates.respondents < MIN_RESPONDENTS,
    "unreliable": lambda estimates: estimates.errors / estimates.values >= MAX_RELATIVE_ERROR,
    "nchs": _below_nchs_standard,
    "nchs_review": _for_nchs_review,
    "no_limits": lambda estimates: ~np.isnan(estimates.values) & np.isnan(estimates.errors),
}
