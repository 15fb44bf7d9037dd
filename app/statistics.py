"""The registry of statistics: pure functions ``(table, query) -> JSON-ready dict``.

Adding a statistic is adding one function here. A mean is the arithmetic mean of the rows' percentages; rows without a
value are left out. Every result is in percent or percentage points.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from app.query import Query, QuestionBody, RankingBody, StateBody
from app.survey_table import SurveyTable, Values

RANKING_LENGTH = 5
TIE_DECIMALS = 9  # means of published tenths that differ by less are equal but for rounding

Result = dict[str, Any]
Compute = Callable[[SurveyTable, Query], Result]


@dataclass(frozen=True, slots=True)
class Statistic:
    """One statistic: its name in the routes, the body it takes, how it is computed, and a line that says what it is."""

    name: str
    body: type[QuestionBody]
    compute: Compute
    summary: str


_registry: dict[str, Statistic] = {}
STATISTICS: Mapping[str, Statistic] = MappingProxyType(_registry)


def statistic(body: type[QuestionBody]) -> Callable[[Compute], Compute]:
    """Register the decorated function under its own name; its docstring's first line becomes the summary."""

    def register(compute: Compute) -> Compute:
        summary = (compute.__doc__ or "").splitlines()[0]
        _registry[compute.__name__] = Statistic(compute.__name__, body, compute, summary)
        return compute

    return register


@statistic(QuestionBody)
def states_mean(table: SurveyTable, query: Query) -> Result:
    """Return the mean of each location, ascending."""
    return _by_location(table, query, table.questions[query.question].by_location.means)


@statistic(StateBody)
def state_mean(table: SurveyTable, query: Query) -> Result:
    """Return the mean of one location."""
    name, mean = _one_location(table, query)
    return {name: mean}


@statistic(RankingBody)
def best5(table: SurveyTable, query: Query) -> Result:
    """Return the five best locations with their means, best first."""
    return _ranked(table, query, lowest_first=query.best == "min")


@statistic(RankingBody)
def worst5(table: SurveyTable, query: Query) -> Result:
    """Return the five worst locations with their means, worst first."""
    return _ranked(table, query, lowest_first=query.best == "max")


@statistic(QuestionBody)
def global_mean(table: SurveyTable, query: Query) -> Result:
    """Return the mean over all rows of the question."""
    return {"global_mean": _global_mean(table, query)}


@statistic(QuestionBody)
def diff_from_mean(table: SurveyTable, query: Query) -> Result:
    """Return the global mean less the mean of each location, in the order of the locations' means, ascending."""
    means = table.questions[query.question].by_location.means
    return _by_location(table, query, _global_mean(table, query) - means)


@statistic(StateBody)
def state_diff_from_mean(table: SurveyTable, query: Query) -> Result:
    """Return the global mean less the mean of one location."""
    name, mean = _one_location(table, query)
    return {name: _global_mean(table, query) - mean}


@statistic(QuestionBody)
def mean_by_category(table: SurveyTable, query: Query) -> Result:
    """Return the mean of each location, category and stratum, sorted by the three."""
    means = table.questions[query.question].by_stratum.means
    return dict(zip(table.category_keys[query.question], means.tolist(), strict=True))


@statistic(StateBody)
def state_mean_by_category(table: SurveyTable, query: Query) -> Result:
    """Return the mean of each category and stratum in one location, sorted by the two."""
    location = _location(query)
    cells = table.questions[query.question].location_strata(location)
    labels = [f"({table.stratum_labels[stratum]})" for stratum in cells.strata.tolist()]
    return {table.location_names[location]: dict(zip(labels, cells.means.tolist(), strict=True))}


def _by_location(table: SurveyTable, query: Query, values: Values, order: Values | None = None) -> Result:
    """Return one value per location, ascending by the locations' means; equal means are in the order of the names."""
    means = table.questions[query.question].by_location
    ranks = np.argsort(np.round(means.means if order is None else order, TIE_DECIMALS), kind="stable")
    names = [table.location_names[code] for code in means.locations[ranks].tolist()]
    return dict(zip(names, values[ranks].tolist(), strict=True))


def _ranked(table: SurveyTable, query: Query, *, lowest_first: bool) -> Result:
    """Return the first five locations from one end of the ranking."""
    means = table.questions[query.question].by_location.means
    ranked = _by_location(table, query, means, order=means if lowest_first else -means)
    return dict(list(ranked.items())[:RANKING_LENGTH])


def _location(query: Query) -> int:
    """Return the code of the location that is asked about.

    Raises
    ------
    ValueError: the query names none, which a validated query of such a statistic does
    """
    if query.location is None:
        raise ValueError("the query names no location")
    return query.location


def _one_location(table: SurveyTable, query: Query) -> tuple[str, float]:
    """Return the name and the mean of the location that is asked about.

    Raises
    ------
    ValueError: it has no value, which the location of a validated query has
    """
    location = _location(query)
    mean = table.questions[query.question].location_mean(location)
    if mean is None:
        raise ValueError("the location has no value")
    return table.location_names[location], mean


def _global_mean(table: SurveyTable, query: Query) -> float:
    """Return the mean over all rows of the question.

    Raises
    ------
    ValueError: the question has no value, which that of a validated query has
    """
    mean = table.questions[query.question].global_mean
    if mean is None:
        raise ValueError("the question has no value")
    return mean
