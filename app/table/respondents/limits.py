"""Confidence limits of prevalences of a complex survey.

``docs/statistics.md`` documents the formulas and their sources.
"""

import numpy as np
from scipy import special

from app.table.cells import LIMITS_QUANTILE, LIMITS_Z, Values

FEWEST_ANSWERS = 10.0  # effective answers yes, and no, from which on limits are symmetric in the logit


def confidence_limits(
    values: Values, variances: Values, degrees: Values, respondents: Values
) -> tuple[Values, Values, Values]:
    """Return the variances, and lower and upper 95 % limits; NaN without degrees of freedom.

    Limits are symmetric in the logit. If effectively few have answered yes, or no, they are Korn and Graubard's, which
    hold up to 0 and 1. A unanimous sample has no spread, so its variance follows from its limits, as for the published
    limits of a value of 0 or 100 %.

    Parameters
    ----------
    variances: of the design
    respondents: number of answers
    """
    unanimous = (values == 0) | (values == 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        quantiles = _quantiles(np.where(degrees > 0, degrees, np.nan))
        effective = np.where(unanimous, respondents, values * (1 - values) / variances)
        few = np.minimum(effective, respondents) * np.minimum(values, 1 - values) < FEWEST_ANSWERS
        low, high = _logit_limits(values, variances, quantiles)
        few &= ~np.isnan(quantiles)
        low[few], high[few] = _korn_graubard_limits(values[few], effective[few], quantiles[few], respondents[few])
    variances = np.where(unanimous, ((high - low) / LIMITS_Z) ** 2, variances)
    return np.where(np.isnan(quantiles), np.nan, variances), low, high


def _logit_limits(values: Values, variances: Values, quantiles: Values) -> tuple[Values, Values]:
    half_width = quantiles * np.sqrt(variances) / (values * (1 - values))
    centre = special.logit(values)
    return special.expit(centre - half_width), special.expit(centre + half_width)


def _korn_graubard_limits(
    values: Values, effective: Values, quantiles: Values, respondents: Values
) -> tuple[Values, Values]:
    """Return Clopper and Pearson's limits for the effective sample size, adjusted for the degrees of freedom."""
    simple = _quantiles(respondents - 1)  # of a simple random sample of the same size
    size = np.minimum(effective * (simple / quantiles) ** 2, respondents)
    yes, no = values * size, (1 - values) * size
    low = np.where(values > 0, special.betaincinv(yes, no + 1, 1 - LIMITS_QUANTILE), 0.0)
    high = np.where(values < 1, special.betaincinv(yes + 1, no, LIMITS_QUANTILE), 1.0)
    return low, high


def _quantiles(degrees: Values) -> Values:
    """Return the quantiles of Student's distribution for 95 % limits."""
    return np.asarray(special.stdtrit(degrees, LIMITS_QUANTILE), dtype=np.float64)
