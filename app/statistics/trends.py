"""Prevalence over the years in a few locations, each with a line of its own."""

from dataclasses import replace
from typing import Any

from pydantic import Field

from app.errors import InvalidRequestError, quoted
from app.queries.bodies import Name, QuestionBody
from app.queries.narrowing import estimable, one_stratum
from app.queries.query import Query
from app.statistics.estimate import cells_of
from app.statistics.records import Record, each_with
from app.statistics.registry import Input, Output, Result, statistic
from app.statistics.result_models import ResultObject
from app.statistics.trend import LackOfFit, Slope, TrendYear, fitted_line, years_with_estimates
from app.table.survey_table import SurveyTable

FEWEST_LOCATIONS, MOST_LOCATIONS = 2, 6  # as many lines as a reader tells apart in one chart


class TrendsBody(QuestionBody):
    """Trends over the years, in several locations and one stratum."""

    locations: tuple[Name, ...] = Field(
        min_length=FEWEST_LOCATIONS,
        max_length=MOST_LOCATIONS,
        description="two to six locations: full names or abbreviations",
    )


def resolve_trends(body: TrendsBody, table: SurveyTable) -> Query:
    """Return a query about several locations and one stratum; checks that each has enough years for a line."""
    question, filters = estimable(body, table)
    query = Query(question, one_stratum(body, table, filters))
    left = _of_each_location(query)
    if len(left) < FEWEST_LOCATIONS:
        raise InvalidRequestError(
            f"trends need at least {FEWEST_LOCATIONS} different locations, and there is {len(left)}; name others in "
            '"locations", or ask "trend" about one'
        )
    for location, of_location in left.items():
        try:
            years_with_estimates(table, of_location)
        except InvalidRequestError as error:
            name = table.location_names[location]
            raise InvalidRequestError(f"{quoted(name)}: {error.reason}") from error
    return query


class AdjustedSlope(Slope):
    """The slope of one of several lines."""

    p_adjusted: float = Field(description="by Benjamini and Hochberg, for the number of slopes")


class LocationTrend(ResultObject):
    """Prevalence by year in one of several locations."""

    location: str
    slope: AdjustedSlope
    lack_of_fit: LackOfFit
    years: list[TrendYear]


class Trends(ResultObject):
    """Prevalence by year in several locations and one stratum."""

    category: str | None
    stratum: str | None
    trends: list[LocationTrend]


@statistic(
    Input(TrendsBody, resolve_trends, {"question": "Q036", "locations": ["OH", "UT", "TX"]}),
    Output(Trends, each_with("trends", "years"), ("trend", "lines", "heatmap")),
    "Trends over the years in two to six locations",
)
def trends(table: SurveyTable, query: Query) -> Result:
    """Return the prevalence by year in several locations, and the slope of the line through each a year.

    Each line is fitted as ``trend`` fits it. The adjusted p-values are those of Benjamini and Hochberg (Journal of the
    Royal Statistical Society B 57, 1995): calling all slopes below 0.05 changes, 5 % of these are expected to be none.
    """
    from app.statistics.fits import adjusted_p  # noqa: PLC0415 - heavy, see there

    found = [_trend(table, of_location) for of_location in _of_each_location(query).values()]
    p_values = adjusted_p([line["slope"]["p_value"] for _, line in found])
    for (_, line), p_adjusted in zip(found, p_values, strict=True):
        line["slope"]["p_adjusted"] = p_adjusted
    keys = {key: found[0][0][key] for key in ("category", "stratum")}
    return {**keys, "trends": [{"location": about["location"], **line} for about, line in found]}


def _of_each_location(query: Query) -> dict[int, Query]:
    """Return the query about each location that the filters leave, by its code."""
    filters = query.filters
    left = sorted(set(filters.locations or ()) - set(filters.excluded or ()))
    return {code: replace(query, filters=replace(filters, locations=(code,))) for code in left}


def _trend(table: SurveyTable, query: Query) -> tuple[Record, dict[str, Any]]:
    """Return the keys of one location, and its line."""
    yearly = years_with_estimates(table, query)
    (about, *_) = cells_of(table, yearly, ["location", "category", "stratum"])
    return about, fitted_line(table, yearly)
