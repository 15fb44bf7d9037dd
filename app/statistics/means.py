"""Plain means of rows: the nine statistics of the contract, and rankings of any length.

A mean is the arithmetic mean of the rows' percentages; rows without a value are left out. Every result is in percent or
percentage points.
"""

import numpy as np

from app.queries.bodies import FiveBody, QuestionBody, RankingBody, StateBody
from app.queries.query import NO_FILTERS, Query, select
from app.statistics.registry import Result, statistic
from app.statistics.result_models import (
    CategoryMeans,
    GlobalMean,
    LocationCategoryMeans,
    LocationDifferences,
    LocationMeans,
)
from app.table.cells import TIE_DECIMALS, Values
from app.table.means import QuestionMeans
from app.table.survey_table import SurveyTable

QUESTION = {"question": "Q036"}
IN_OHIO = {"question": "Q036", "state": "OH"}


def _means(table: SurveyTable, query: Query) -> QuestionMeans:
    """Return the means of the rows that count: those prepared with the table, unless there are filters."""
    if query.filters == NO_FILTERS:
        return table.questions[query.question].means
    return QuestionMeans(select(table, query.question, query.filters).cells)


@statistic(QuestionBody, QUESTION, LocationMeans, provenance=False)
def states_mean(table: SurveyTable, query: Query) -> Result:
    """Return the mean of each location, ascending."""
    means = _means(table, query)
    return _by_location(table, means, means.by_location.means)


@statistic(StateBody, IN_OHIO, LocationMeans, provenance=False)
def state_mean(table: SurveyTable, query: Query) -> Result:
    """Return the mean of one location."""
    name, mean = _one_location(table, query, _means(table, query))
    return {name: mean}


@statistic(FiveBody, QUESTION, LocationMeans, provenance=False)
def best5(table: SurveyTable, query: Query) -> Result:
    """Return the five best locations with their means, best first."""
    return _ranked(table, query, lowest_first=query.best == "min")


@statistic(FiveBody, QUESTION, LocationMeans, provenance=False)
def worst5(table: SurveyTable, query: Query) -> Result:
    """Return the five worst locations with their means, worst first."""
    return _ranked(table, query, lowest_first=query.best == "max")


@statistic(QuestionBody, QUESTION, GlobalMean, provenance=False)
def global_mean(table: SurveyTable, query: Query) -> Result:
    """Return the mean over all rows of the question."""
    return {"global_mean": _global_mean(_means(table, query))}


@statistic(QuestionBody, QUESTION, LocationDifferences, provenance=False)
def diff_from_mean(table: SurveyTable, query: Query) -> Result:
    """Return the global mean less the mean of each location, in the order of the locations' means, ascending."""
    means = _means(table, query)
    return _by_location(table, means, _global_mean(means) - means.by_location.means)


@statistic(StateBody, IN_OHIO, LocationDifferences, provenance=False)
def state_diff_from_mean(table: SurveyTable, query: Query) -> Result:
    """Return the global mean less the mean of one location."""
    means = _means(table, query)
    name, mean = _one_location(table, query, means)
    return {name: _global_mean(means) - mean}


@statistic(QuestionBody, QUESTION, CategoryMeans, provenance=False)
def mean_by_category(table: SurveyTable, query: Query) -> Result:
    """Return the mean of each location, category and stratum, sorted by the three."""
    by_stratum = _means(table, query).by_stratum
    prepared = query.filters == NO_FILTERS
    keys = table.category_keys[query.question] if prepared else table.keys_of(by_stratum)
    return dict(zip(keys, by_stratum.means.tolist(), strict=True))


@statistic(StateBody, IN_OHIO, LocationCategoryMeans, provenance=False)
def state_mean_by_category(table: SurveyTable, query: Query) -> Result:
    """Return the mean of each category and stratum in one location, sorted by the two."""
    location = _location(query)
    strata = _means(table, query).location_strata(location)
    labels = [f"({table.stratum_labels[stratum]})" for stratum in strata.strata.tolist()]
    return {table.location_names[location]: dict(zip(labels, strata.means.tolist(), strict=True))}


@statistic(RankingBody, {"question": "Q036", "n": 3, "exclude": ["National"]}, LocationMeans)
def best(table: SurveyTable, query: Query) -> Result:
    """Return the best locations with their means, best first, as many as are asked for."""
    return _ranked(table, query, lowest_first=query.best == "min")


@statistic(RankingBody, {"question": "Q036", "n": 3, "exclude": ["National"]}, LocationMeans)
def worst(table: SurveyTable, query: Query) -> Result:
    """Return the worst locations with their means, worst first, as many as are asked for."""
    return _ranked(table, query, lowest_first=query.best == "max")


def _by_location(
    table: SurveyTable, means: QuestionMeans, values: Values, order: Values | None = None
) -> dict[str, float]:
    """Return one value per location, ascending by the locations' means; equal means are in the order of the names."""
    by_location = means.by_location
    ranks = np.argsort(np.round(by_location.means if order is None else order, TIE_DECIMALS), kind="stable")
    names = [table.location_names[code] for code in by_location.locations[ranks].tolist()]
    return dict(zip(names, values[ranks].tolist(), strict=True))


def _ranked(table: SurveyTable, query: Query, *, lowest_first: bool) -> Result:
    """Return the first locations from one end of the ranking."""
    means = _means(table, query)
    values = means.by_location.means
    ranked = _by_location(table, means, values, order=values if lowest_first else -values)
    return dict(list(ranked.items())[: query.length])


def _location(query: Query) -> int:
    """Return the code of the location that is asked about.

    Raises
    ------
    ValueError: the query names none, which a validated query of such a statistic does
    """
    if query.location is None:
        raise ValueError("the query names no location")
    return query.location


def _one_location(table: SurveyTable, query: Query, means: QuestionMeans) -> tuple[str, float]:
    """Return the name and the mean of the location that is asked about.

    Raises
    ------
    ValueError: it has no value, which the location of a validated query has
    """
    location = _location(query)
    mean = means.location_mean(location)
    if mean is None:
        raise ValueError("the location has no value")
    return table.location_names[location], mean


def _global_mean(means: QuestionMeans) -> float:
    """Return the mean over all rows.

    Raises
    ------
    ValueError: there is no value, which there is for a validated query
    """
    if means.global_mean is None:
        raise ValueError("there is no value")
    return means.global_mean
