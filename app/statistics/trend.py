"""Prevalence over the years."""

from dataclasses import asdict
from typing import Any

import numpy as np
from pydantic import Field

from app.queries.bodies import PlaceBody
from app.queries.narrowing import estimable, one_location, one_stratum
from app.queries.query import Query, select
from app.statistics.estimate import cells_of
from app.statistics.records import rows_of
from app.statistics.registry import Input, Output, Result, statistic
from app.statistics.result_models import Figures, ResultObject, Year
from app.table.cells import Values
from app.table.estimates import Estimates, missing_limits_error, with_known_year, with_limits, yearly_estimates
from app.table.survey_table import SurveyTable

FEWEST_YEARS = 3  # a line through two fits whatever they are


class TrendBody(PlaceBody):
    """A trend over the years, in one location and stratum."""


def resolve_trend(body: TrendBody, table: SurveyTable) -> Query:
    """Return a query about one location and one stratum; checks that there are enough years for a line."""
    question, filters = estimable(body, table)
    query = Query(question, one_location(body.state, table, one_stratum(body, table, filters)))
    years_with_estimates(table, query)
    return query


class Slope(ResultObject):
    """The slope of the fitted line, for percentages in percentage points a year; p is two-sided."""

    value: float
    low: float
    high: float
    standard_error: float
    p_value: float


class LackOfFit(ResultObject):
    """Whether the years scatter about the line by more than their standard errors explain."""

    q: float = Field(description="sum of the squared residuals, each divided by its standard error")
    degrees_of_freedom: int = Field(description="years with limits, less two")
    p_value: float = Field(description="of q; a small one says that a line does not describe these years")
    scale: float = Field(description="factor by which the standard errors are multiplied, at least 1")


class TrendYear(Figures):
    """The estimate of one year, and the height of the fitted line there with its limits."""

    year: Year
    fitted: float
    fitted_low: float
    fitted_high: float


class Trend(ResultObject):
    """Prevalence by year in one location and stratum."""

    location: str
    category: str | None
    stratum: str | None
    slope: Slope
    lack_of_fit: LackOfFit
    years: list[TrendYear]


@statistic(
    Input(TrendBody, resolve_trend, {"question": "Q036", "state": "OH"}),
    Output(Trend, rows_of("years"), ("trend",)),
    "Trend over the years in one location",
)
def trend(table: SurveyTable, query: Query) -> Result:
    """Return the prevalence by year, and the slope of the line through it a year.

    The line is fitted by least squares with the inverse variances of the years as weights. If the years scatter about
    it by more than their standard errors explain, its error is larger; see ``app.statistics.fits.weighted_line``.
    """
    yearly = years_with_estimates(table, query)
    (about, *_) = cells_of(table, yearly, ["location", "category", "stratum"])
    keys = {key: about[key] for key in ("location", "category", "stratum")}
    return {**keys, **fitted_line(table, yearly)}


def fitted_line(table: SurveyTable, yearly: Estimates) -> dict[str, Any]:
    """Return the line through the estimates of one location and stratum: ``slope``, ``lack_of_fit`` and ``years``."""
    from app.statistics.fits import weighted_line  # noqa: PLC0415 - heavy, see there

    usable = with_limits(yearly)
    line = weighted_line(_middles(table, usable), usable.values, usable.errors, _middles(table, yearly))
    heights = zip(line.fitted.tolist(), line.fitted_low.tolist(), line.fitted_high.tolist(), strict=True)
    years = [
        cell | {"fitted": fitted, "fitted_low": low, "fitted_high": high}
        for cell, (fitted, low, high) in zip(cells_of(table, yearly, ["year"]), heights, strict=True)
    ]
    return {"slope": asdict(line.slope), "lack_of_fit": asdict(line.lack_of_fit), "years": years}


def years_with_estimates(table: SurveyTable, query: Query) -> Estimates:
    """Return the estimates of all known years, suppressed ones included.

    Raises
    ------
    InvalidRequestError: too few of them have confidence limits to be weighted by
    """
    yearly = with_known_year(yearly_estimates(select(table, query.question, query.filters, needs_value=False).cells))
    usable = with_limits(yearly).values.size
    if usable < FEWEST_YEARS:
        raise missing_limits_error(
            table,
            f"a trend needs at least {FEWEST_YEARS} years with a value and confidence limits, and there are {usable}; "
            "ask for more years, or another question, state or stratum",
        )
    return yearly


def _middles(table: SurveyTable, estimates: Estimates) -> Values:
    return np.array([table.periods[code].middle for code in estimates.periods.tolist()])
