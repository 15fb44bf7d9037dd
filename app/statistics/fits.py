"""Fits and tests with NumPy and SciPy.

Importing SciPy takes half a second, so statistics import this module inside the functions that need it: when the first
such job runs, not at the start.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from app.table.cells import LIMITS_Z, TIE_DECIMALS, Values

ALPHA = 0.05  # for 95 % limits


@dataclass(frozen=True, slots=True)
class Slope:
    """The slope of a fitted line: its value, 95 % limits, standard error, and two-sided p-value."""

    value: float
    low: float
    high: float
    standard_error: float
    p_value: float


@dataclass(frozen=True, slots=True)
class LackOfFit:
    """Whether points differ from a line by more than their standard errors explain.

    Parameters
    ----------
    q: sum of the squared residuals, each divided by its standard error
    degrees_of_freedom: number of points beyond two
    p_value: of q, by the chi-squared distribution
    scale: Birge's ratio, the factor by which the standard errors are multiplied; 1 unless q is larger than expected
    """

    q: float
    degrees_of_freedom: int
    p_value: float
    scale: float

    @property
    def distribution_degrees(self) -> float:
        """The degrees of freedom of Student's t that limits and tests use; infinite for the normal distribution."""
        return self.degrees_of_freedom if self.scale > 1 else math.inf


@dataclass(frozen=True, slots=True)
class Line:
    """A fitted line: its slope, its fit, and its height at some points with 95 % limits; shape (points,)."""

    slope: Slope
    lack_of_fit: LackOfFit
    fitted: Values
    fitted_low: Values
    fitted_high: Values


def weighted_line(x: Values, y: Values, errors: Values, points: Values) -> Line:
    """Fit a line by weighted least squares to points whose standard errors are known.

    If the points scatter about the line by more than their errors explain, all errors are multiplied by Birge's ratio
    (Physical Review 40, 1932), and Student's t replaces the normal distribution, because the ratio is itself
    an estimate (Bodnar and Elster, Metrologia 51, 2014). Errors are never made smaller: a few points that happen to be
    on a line do not show that their errors are smaller than known.

    Parameters
    ----------
    x, y, errors: abscissae, ordinates and their standard errors, shape (at least 3,)
    points: abscissae at which to return the line's height
    """
    weights = errors**-2
    total = weights.sum()
    middle, height = (float(weights @ values / total) for values in (x, y))
    spread = float(weights @ (x - middle) ** 2)
    slope = float(weights @ ((x - middle) * (y - height))) / spread
    fit = _lack_of_fit((y - height - slope * (x - middle)) / errors)
    quantile = float(special.stdtrit(fit.distribution_degrees, 1 - ALPHA / 2))
    error = fit.scale / math.sqrt(spread)
    p_value = float(2 * special.stdtr(fit.distribution_degrees, -abs(slope) / error))
    fitted = height + slope * (points - middle)
    half_width = quantile * fit.scale * np.sqrt(1 / total + (points - middle) ** 2 / spread)
    return Line(
        Slope(slope, slope - quantile * error, slope + quantile * error, error, p_value),
        fit,
        fitted,
        fitted_low=fitted - half_width,
        fitted_high=fitted + half_width,
    )


def _lack_of_fit(residuals: Values) -> LackOfFit:
    """Return the fit of a line, from the residuals divided by their standard errors."""
    q, degrees = float(residuals @ residuals), residuals.size - 2
    return LackOfFit(q, degrees, float(special.chdtrc(degrees, q)), math.sqrt(max(1.0, q / degrees)))


@dataclass(frozen=True, slots=True)
class Correlation:
    """A correlation coefficient with its 95 % limits and two-sided p-value."""

    value: float
    low: float
    high: float
    p_value: float


def pearson(x: Values, y: Values) -> Correlation:
    """Return Pearson's correlation, with limits by Fisher's z-transformation (SciPy ``pearsonr``), of 4 or more."""
    found = stats.pearsonr(x, y)
    limits = found.confidence_interval(1 - ALPHA)
    return Correlation(float(found.statistic), float(limits.low), float(limits.high), float(found.pvalue))


def spearman(x: Values, y: Values) -> Correlation:
    """Return Spearman's rank correlation (SciPy ``spearmanr``) of 4 or more.

    Figures that are equal but for rounding have the same rank. The limits are by Fisher's z-transformation with the
    variance (1 + r² / 2) / (n - 3) of Bonett and Wright (Psychometrika 65, 2000).
    """
    found = stats.spearmanr(np.round(x, TIE_DECIMALS), np.round(y, TIE_DECIMALS))
    r = float(found.statistic)
    half_width = LIMITS_Z * np.sqrt((1 + r * r / 2) / (x.size - 3))
    with np.errstate(divide="ignore"):  # a perfect correlation has infinite z and no width
        low, high = np.tanh(np.arctanh(r) + np.array([-half_width, half_width]))
    return Correlation(r, float(low), float(high), float(found.pvalue))


def reliability(values: Values, errors: Values) -> float | None:
    """Return the share of the variance of estimates that is not sampling error, None if an error is unknown.

    1 - (mean squared error) / variance, at least 0 (Spearman, American Journal of Psychology 15, 1904): sampling error
    brings a correlation nearer to 0 by the root of the product of both shares.
    """
    if np.isnan(errors).any():
        return None
    return max(0.0, 1 - float(np.mean(errors**2)) / float(np.var(values, ddof=1)))


def two_sided_p(z: float) -> float:
    """Return the two-sided p-value of a standard normal z."""
    return float(2 * special.ndtr(-abs(z)))


def adjusted_p(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number (Benjamini and Hochberg; SciPy ``false_discovery_control``)."""
    adjusted: list[float] = stats.false_discovery_control(p_values).tolist()
    return adjusted


def equality(values: Values, errors: Values) -> dict[str, float | int | None]:
    """Return Cochran's Q, its degrees of freedom and its p-value, for independent estimates with known errors.

    Q is the weighted sum of squared deviations from the weighted mean, with the inverse variances as weights; under
    equality it is distributed as chi-squared (Cochran, Biometrics 10, 1954).
    """
    weights = 1 / errors**2
    q = float(weights @ (values - (weights @ values) / weights.sum()) ** 2)
    freedom = values.size - 1
    return {"q": q, "degrees_of_freedom": freedom, "p_value": float(special.chdtrc(freedom, q)) if freedom else None}
