"""Prevalence over the years."""

from dataclasses import asdict

import numpy as np

from app.queries.bodies import TrendBody
from app.queries.query import Query, select
from app.statistics.estimate import cells_of
from app.statistics.registry import Result, statistic
from app.statistics.result_models import Trend
from app.table.cells import Values
from app.table.estimates import Estimates, dated, too_few_limits, with_limits, yearly_estimates
from app.table.survey_table import SurveyTable

FEWEST_YEARS = 3  # a line through two has no residuals to judge it by


def _years(table: SurveyTable, query: Query) -> Estimates:
    """Return the estimates of the years that are known, suppressed ones too.

    Raises
    ------
    InvalidRequestError: too few of them can be weighted
    """
    yearly = dated(yearly_estimates(select(table, query.question, query.filters, needs_value=False).cells))
    usable = with_limits(yearly).values.size
    if usable < FEWEST_YEARS:
        raise too_few_limits(
            table,
            f"a trend needs at least {FEWEST_YEARS} years with a value and confidence limits, and there are {usable}; "
            "ask for more years, or another question, state or stratum",
        )
    return yearly


def _middles(table: SurveyTable, estimates: Estimates) -> Values:
    return np.array([table.periods[code].middle for code in estimates.periods.tolist()])


@statistic(TrendBody, {"question": "Q036", "state": "OH"}, Trend, check=_years)
def trend(table: SurveyTable, query: Query) -> Result:
    """Return the prevalence by year, and the slope of the line through it in percentage points a year.

    The line is fitted by least squares with the inverse variances of the years as weights; see
    ``app.statistics.fits.weighted_line``.
    """
    from app.statistics.fits import weighted_line  # noqa: PLC0415 - heavy, see there

    yearly = _years(table, query)
    usable = with_limits(yearly)
    line = weighted_line(_middles(table, usable), usable.values, usable.errors, _middles(table, yearly))
    heights = zip(line.fitted.tolist(), line.fitted_low.tolist(), line.fitted_high.tolist(), strict=True)
    years = [
        cell | {"fitted": fitted, "fitted_low": low, "fitted_high": high}
        for cell, (fitted, low, high) in zip(cells_of(table, yearly, ["year"]), heights, strict=True)
    ]
    (about, *_) = cells_of(table, yearly, ["location", "category", "stratum"])
    keys = {key: about[key] for key in ("location", "category", "stratum")}
    return {**keys, "slope": asdict(line.slope), "years": years}
