"""Confidence limits: the standard errors behind published ones, and limits made from errors.

``docs/statistics.md`` documents the formulas and their sources.
"""

import numpy as np

from app.table.cells import LIMITS_QUANTILE, LIMITS_Z, Cells, Mask, Values

LOWEST, HIGHEST = 0.0, 100.0
ROUNDING = 0.05  # CDC publishes tenths, so a figure may be off by this


def linear_errors(values: Values, low: Values, high: Values, percentages: Mask | bool = True) -> Values:
    """Return the standard errors of limits that are symmetric; NaN where a limit is NaN.

    A lower limit of 0 % or an upper one of 100 % may have been cut off there: the other limit alone gives the error.

    Parameters
    ----------
    percentages: where the figures are percentages
    """
    cut_below, cut_above = percentages & (low <= LOWEST), percentages & (high == HIGHEST)
    one_sided = np.where(cut_below, high - values, values - low)
    return np.where(cut_below == cut_above, (high - low) / 2, one_sided) / LIMITS_Z


def logit_errors(values: Values, low: Values, high: Values) -> Values:
    """Return the standard errors of limits that are symmetric in the logit; NaN where a limit is NaN.

    By the delta method, an error is p (1 - p) times that of the logit (Korn and Graubard, Analysis of Health Surveys,
    1999). The logits of 0 and 100 are infinite: if one limit is there, the other alone gives the error. If that leaves
    none, as for a value of 0 or 100, the error is that of symmetric limits.
    """
    with np.errstate(invalid="ignore"):  # infinity less infinity
        below, above = logit(values) - logit(low), logit(high) - logit(values)
        half_width = np.where(np.isinf(below), above, np.where(np.isinf(above), below, (below + above) / 2))
        errors = values * (1 - values / HIGHEST) * half_width / LIMITS_Z
    usable = np.isfinite(errors) & (errors > 0)
    return np.where(usable, errors, linear_errors(values, low, high))


def has_logit_limits(cells: Cells) -> bool:
    """Return whether the limits of a question are symmetric in the logit, which only those of percentages can be.

    That is so unless more of them are symmetric in percent, within rounding. Where both forms fit, the standard errors
    hardly differ. Limits at 0 and 100 may have been cut off there, so they say nothing about the form.
    """
    rows = np.maximum(cells.rows, 1)
    values, low, high = (total / rows for total in (cells.value_sum + cells.value_rest, cells.low_sum, cells.high_sum))
    if not cells.percentages.all():
        return False
    telling = (cells.rows > 0) & (low > LOWEST) & (high < HIGHEST)
    values, low, high = values[telling], low[telling], high[telling]
    linear = np.abs(values - (low + high) / 2) <= 2 * ROUNDING  # the value and the centre are off by so much each
    lowest_centre, highest_centre = ((logit(low + off) + logit(high + off)) / 2 for off in (-ROUNDING, ROUNDING))
    curved = (lowest_centre <= logit(values + ROUNDING)) & (logit(values - ROUNDING) <= highest_centre)
    return bool(curved.sum() >= linear.sum())


def limits_around(
    values: Values, errors: Values, is_logit: Mask, percentages: Mask | bool = True
) -> tuple[Values, Values]:
    """Return 95 % limits, for percentages between 0 and 100; NaN where an error is NaN.

    Parameters
    ----------
    is_logit: where the limits are symmetric in the logit; elsewhere, and around 0 and 100, they are so themselves
    percentages: where the figures are percentages
    """
    lowest, highest = np.where(percentages, LOWEST, -np.inf), np.where(percentages, HIGHEST, np.inf)
    half_width = LIMITS_Z * errors
    curved = is_logit & (values > LOWEST) & (values < HIGHEST)
    centre = np.where(curved, values, HIGHEST / 2)
    logit_half_width = half_width / (centre * (1 - centre / HIGHEST))
    low, high = (
        np.where(
            curved,
            _percent(logit(centre) + sign * logit_half_width),
            np.clip(values + sign * half_width, lowest, highest),
        )
        for sign in (-1, 1)
    )
    return low, high


def widened(errors: Values, degrees: Values) -> Values:
    """Return errors for ``limits_around`` that make its limits those of Student's distribution.

    Parameters
    ----------
    degrees: degrees of freedom; NaN, as in published tables, leaves an error as it is
    """
    if np.isnan(degrees).all():
        return errors
    from scipy import special  # noqa: PLC0415 - heavy, and published tables do without

    return np.where(np.isnan(degrees), errors, errors * special.stdtrit(degrees, LIMITS_QUANTILE) / LIMITS_Z)


def logit(percent: Values) -> Values:
    """Return the logits of percentages: infinite for 0 and 100 or beyond, NaN for NaN."""
    with np.errstate(divide="ignore"):
        within = np.clip(percent, LOWEST, HIGHEST)
        return np.log(within) - np.log(HIGHEST - within)


def _percent(logits: Values) -> Values:
    with np.errstate(over="ignore"):  # exp(-logit) is infinite for a percentage of 0
        percentages: Values = HIGHEST / (1 + np.exp(-logits))
    return percentages
