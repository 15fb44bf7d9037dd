"""Fits and tests by statsmodels and SciPy.

Importing these takes a second and 60 MB, so statistics import this module inside the functions that need it: when the
first such job runs, not at the start.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.regression.linear_model import WLS

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
class Line:
    """A fitted line: its slope, and its height at some points with the 95 % limits of the mean; shape (points,)."""

    slope: Slope
    fitted: Values
    fitted_low: Values
    fitted_high: Values


def weighted_line(x: Values, y: Values, errors: Values, points: Values) -> Line:
    """Fit a line by weighted least squares, with the inverse variances as weights.

    The error of the slope is scaled by the residuals, and its test has as many degrees of freedom as there are points
    beyond two (Greene, Econometric Analysis, section on weighted least squares; statsmodels ``WLS``). If all points are
    equally high there are no residuals to scale by: the line is flat, without error, and its p-value is 1.

    Parameters
    ----------
    x, y, errors: abscissae, ordinates and their standard errors, shape (at least 3,)
    points: abscissae at which to return the line's height
    """
    if not np.ptp(np.round(y, TIE_DECIMALS)):
        return _flat_line(float(y[0]), points)
    middle = x.mean()
    fit = WLS(y, _design(x - middle), weights=1 / errors**2).fit()
    low, high = fit.conf_int(ALPHA)[1]
    slope = Slope(float(fit.params[1]), float(low), float(high), float(fit.bse[1]), float(fit.pvalues[1]))
    band = fit.get_prediction(_design(points - middle)).conf_int(alpha=ALPHA)
    return Line(slope, fit.predict(_design(points - middle)), band[:, 0], band[:, 1])


def _flat_line(height: float, points: Values) -> Line:
    heights = np.full(points.size, height)
    return Line(Slope(value=0.0, low=0.0, high=0.0, standard_error=0.0, p_value=1.0), heights, heights, heights)


def _design(x: Values) -> Values:
    return np.column_stack([np.ones_like(x), x])


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


def two_sided_p(z: float) -> float:
    """Return the two-sided p-value of a standard normal z."""
    return float(2 * stats.norm.sf(abs(z)))


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
    return {"q": q, "degrees_of_freedom": freedom, "p_value": float(stats.chi2.sf(q, freedom)) if freedom else None}
