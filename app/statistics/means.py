"""Plain means of rows: the nine statistics of the contract, and rankings of any length.

A mean is the arithmetic mean of the rows' values; rows without a value are left out. Every result is in the unit of the
question: percent or percentage points in CDC's table.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from app.errors import InvalidRequestError, quoted
from app.queries.bodies import BestEnd, Name, QuestionBody
from app.queries.narrowing import good_end
from app.queries.query import NO_FILTERS, Query, question_and_filters, select
from app.statistics.records import by_category, by_category_of_locations, by_location, single
from app.statistics.registry import POINTS, STATISTICS, ChartKind, Input, Output, Result, statistic
from app.statistics.result_models import ResultObject, ResultRoot
from app.table.cells import TIE_DECIMALS, Values
from app.table.facts import Direction
from app.table.means import QuestionMeans
from app.table.survey_table import SurveyTable

DIFFERENCE = "difference"  # a column
RANKING_LENGTH = 5
LONGEST_RANKING = 1000


class StateBody(QuestionBody):
    """One question in one location."""

    state: Name = Field(description="the location's full name, or its abbreviation, such as OH")


class AllLocationsBody(QuestionBody):
    """One question in all locations."""

    state: Any = Field(None, exclude=True, description="accepted and ignored, because published clients always send it")


class FiveBody(AllLocationsBody):
    """A ranking of locations, of which the result has the first five."""

    best: BestEnd = None


class RankingBody(QuestionBody):
    """A ranking of locations, of which the result has the first ``n``."""

    best: BestEnd = None
    n: int = Field(RANKING_LENGTH, ge=1, le=LONGEST_RANKING, description="how many locations")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationQuery(Query):
    """A query about one location."""

    location: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingQuery(Query):
    """A query for the first locations of a ranking; ``best`` is the good end."""

    best: Direction
    length: int = RANKING_LENGTH


def resolve_question(body: QuestionBody, table: SurveyTable) -> Query:
    """Return the query of a body; checks that the filters leave a value."""
    query = Query(*question_and_filters(body, table))
    if query.filters != NO_FILTERS:
        select(table, query.question, query.filters)
    return query


def resolve_state(body: StateBody, table: SurveyTable) -> LocationQuery:
    """Return the query of a body about one location; checks that the location has a value."""
    question, filters = question_and_filters(body, table)
    location = table.location_code(body.state)
    cells = select(table, question, filters).cells
    if not cells.rows[cells.locations == location].any():
        filtered = " with these filters" if filters != NO_FILTERS else ""
        raise InvalidRequestError(
            f"{table.location_names[location]} has no value for the question "
            f"{quoted(table.questions[question].question.text)}{filtered}; ask for another state or another question",
            "state",
            words=f"{table.location_names[location]} has no value for this question{filtered}.",
        )
    return LocationQuery(question, filters, location=location)


def resolve_ranking(body: FiveBody | RankingBody, table: SurveyTable) -> RankingQuery:
    """Return the query of a body for a ranking, of five locations unless the body says how many."""
    query = resolve_question(body, table)
    length = body.n if isinstance(body, RankingBody) else RANKING_LENGTH
    best = good_end(body.best, query.question, table)
    return RankingQuery(query.question, query.filters, best=best, length=length)


QUESTION = Input(AllLocationsBody, resolve_question, {"question": "Q036"})
LOCATION = Input(StateBody, resolve_state, {"question": "Q036", "state": "OH"})
FIVE = Input(FiveBody, resolve_ranking, {"question": "Q036"})
RANKING = Input(RankingBody, resolve_ranking, {"question": "Q036", "n": 3, "exclude": ["National"]})


class LocationMeans(ResultRoot[dict[str, float]]):
    """A mean by location, in ranked order."""


class LocationDifferences(ResultRoot[dict[str, float]]):
    """The global mean less the location's mean, by location."""


class GlobalMean(ResultObject):
    """The mean over all rows of the question."""

    global_mean: float


class CategoryMeans(ResultRoot[dict[str, float]]):
    """A mean by location, category and stratum, such as "('Ohio', 'Gender', 'Female')"."""


class LocationCategoryMeans(ResultRoot[dict[str, dict[str, float]]]):
    """A mean by category and stratum, such as "('Gender', 'Female')", of one location."""


CHARTS: tuple[ChartKind, ...] = ("bars", "map", "tiles", "figure")
MEANS = Output(LocationMeans, by_location("mean"), CHARTS, "mean")
DIFFERENCES = Output(LocationDifferences, by_location(DIFFERENCE), CHARTS, DIFFERENCE, POINTS)
OVERALL_MEAN = Output(GlobalMean, single, ("figure",), "global_mean")
MEANS_BY_CATEGORY = Output(CategoryMeans, by_category, ("heatmap",), "mean")
MEANS_OF_ONE_LOCATION = Output(LocationCategoryMeans, by_category_of_locations, ("dots",), "mean")


@statistic(QUESTION, MEANS, "Mean of each location", provenance=False)
def states_mean(table: SurveyTable, query: Query) -> Result:
    """Return the mean of each location, ascending."""
    return location_means(table, query)


@statistic(LOCATION, MEANS, "Mean of one location", provenance=False)
def state_mean(table: SurveyTable, query: LocationQuery) -> Result:
    """Return the mean of one location."""
    name, mean = _one_location(table, query, question_means(table, query))
    return {name: mean}


@statistic(FIVE, MEANS, "The five best locations", provenance=False)
def best5(table: SurveyTable, query: RankingQuery) -> Result:
    """Return the five best locations with their means, best first."""
    return _ranked(table, query, lowest_first=query.best == "min")


@statistic(FIVE, MEANS, "The five worst locations", provenance=False)
def worst5(table: SurveyTable, query: RankingQuery) -> Result:
    """Return the five worst locations with their means, worst first."""
    return _ranked(table, query, lowest_first=query.best == "max")


@statistic(QUESTION, OVERALL_MEAN, "Mean over all rows", provenance=False)
def global_mean(table: SurveyTable, query: Query) -> Result:
    """Return the mean over all rows of the question."""
    return {"global_mean": _global_mean(question_means(table, query))}


@statistic(QUESTION, DIFFERENCES, "Global mean less the mean of each location", provenance=False)
def diff_from_mean(table: SurveyTable, query: Query) -> Result:
    """Return the global mean less the mean of each location, in the order of the locations' means, ascending."""
    means = question_means(table, query)
    return _by_location(table, means, _global_mean(means) - means.by_location.means)


@statistic(
    LOCATION,
    DIFFERENCES,
    "Global mean less the mean of one location",
    provenance=False,
)
def state_diff_from_mean(table: SurveyTable, query: LocationQuery) -> Result:
    """Return the global mean less the mean of one location."""
    means = question_means(table, query)
    name, mean = _one_location(table, query, means)
    return {name: _global_mean(means) - mean}


@statistic(QUESTION, MEANS_BY_CATEGORY, "Mean by location and stratum", provenance=False)
def mean_by_category(table: SurveyTable, query: Query) -> Result:
    """Return the mean of each location, category and stratum, sorted by the three."""
    by_stratum = question_means(table, query).by_stratum
    prepared = query.filters == NO_FILTERS
    keys = table.category_keys[query.question] if prepared else table.keys_of(by_stratum)
    return dict(zip(keys, by_stratum.means.tolist(), strict=True))


@statistic(
    LOCATION,
    MEANS_OF_ONE_LOCATION,
    "Mean by stratum in one location",
    provenance=False,
)
def state_mean_by_category(table: SurveyTable, query: LocationQuery) -> Result:
    """Return the mean of each category and stratum in one location, sorted by the two."""
    strata = question_means(table, query).location_strata(query.location)
    labels = [f"({table.stratum_labels[stratum]})" for stratum in strata.strata.tolist()]
    return {table.location_names[query.location]: dict(zip(labels, strata.means.tolist(), strict=True))}


@statistic(RANKING, MEANS, "The best locations")
def best(table: SurveyTable, query: RankingQuery) -> Result:
    """Return the best locations with their means, best first, as many as requested."""
    return _ranked(table, query, lowest_first=query.best == "min")


@statistic(RANKING, MEANS, "The worst locations")
def worst(table: SurveyTable, query: RankingQuery) -> Result:
    """Return the worst locations with their means, worst first, as many as requested."""
    return _ranked(table, query, lowest_first=query.best == "max")


SIMPLE_MEANS = frozenset(name for name, known in STATISTICS.items() if known.compute.__module__ == __name__)


def location_means(table: SurveyTable, query: Query) -> dict[str, float]:
    """Return the mean of each location, by its name, ascending."""
    means = question_means(table, query)
    return _by_location(table, means, means.by_location.means)


def question_means(table: SurveyTable, query: Query) -> QuestionMeans:
    """Return the means of the selected rows. Without filters these were computed when the table was loaded.

    Raises
    ------
    InvalidRequestError: the filters leave no row with a value
    """
    if query.filters == NO_FILTERS:
        return table.questions[query.question].means
    return QuestionMeans(select(table, query.question, query.filters).cells)


def _by_location(
    table: SurveyTable, means: QuestionMeans, values: Values, order: Values | None = None
) -> dict[str, float]:
    """Return one value per location, ascending by the locations' means; equal means are in the order of the names."""
    locations = means.by_location
    ranks = np.argsort(np.round(locations.means if order is None else order, TIE_DECIMALS), kind="stable")
    names = [table.location_names[code] for code in locations.locations[ranks].tolist()]
    return dict(zip(names, values[ranks].tolist(), strict=True))


def _ranked(table: SurveyTable, query: RankingQuery, *, lowest_first: bool) -> Result:
    """Return the first locations from one end of the ranking."""
    means = question_means(table, query)
    values = means.by_location.means
    ranked = _by_location(table, means, values, order=values if lowest_first else -values)
    return dict(list(ranked.items())[: query.length])


def _one_location(table: SurveyTable, query: LocationQuery, means: QuestionMeans) -> tuple[str, float]:
    """Return the name and the mean of the location.

    Raises
    ------
    ValueError: the location has no value; ``resolve_state`` rejects such requests
    """
    mean = means.location_mean(query.location)
    if mean is None:
        raise ValueError("the location has no value")
    return table.location_names[query.location], mean


def _global_mean(means: QuestionMeans) -> float:
    """Return the mean over all rows.

    Raises
    ------
    ValueError: there is no value; ``resolve_question`` rejects such requests
    """
    if means.global_mean is None:
        raise ValueError("there is no value")
    return means.global_mean
