"""A checked body in, a frozen ``Query`` in the codes of a table out, or an error that says what to put right."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.errors import InvalidRequestError, quoted
from app.queries.bodies import (
    RANKING_LENGTH,
    CompareBody,
    CorrelateBody,
    Dimension,
    DisparityBody,
    EstimateBody,
    FiveBody,
    PlaceBody,
    QuestionBody,
    RankingBody,
    StateBody,
    TrendBody,
)
from app.queries.query import NO_FILTERS, Filters, Query, filters_of, periods_in, select
from app.table.cells import Codes
from app.table.estimates import too_few_limits, with_limits, yearly_estimates
from app.table.facts import Direction
from app.table.survey_table import SurveyTable

TOTAL = "Total"


def estimate_query(body: EstimateBody, table: SurveyTable, query: Query) -> Query:
    """Return a query whose estimates differ in nothing but the keys that are asked for, and in the years."""
    by_stratum = "stratum" in body.by or "category" in body.by
    filters = query.filters if by_stratum else _of_one_stratum(body, table, query.filters)
    if "location" not in body.by:
        filters = _of_one_location(None, table, filters)
    cells = select(table, query.question, filters, needs_value=False).cells
    if by_stratum and "stratum" not in body.by:
        _check_one_stratum_each(cells.strata, table)
    return replace(query, filters=filters, by=body.by)


def _check_one_stratum_each(strata: Codes, table: SurveyTable) -> None:
    found = {table.strata[code] for code in strata.tolist() if code >= 0}
    if len({stratum.category for stratum in found}) < len(found):
        raise InvalidRequestError(
            'the strata of a category are not averaged, as they differ in size; add "stratum" to "by", or name one '
            'with "stratification": {"category": …, "value": …}'
        )


def _of_one_stratum(body: QuestionBody, table: SurveyTable, filters: Filters) -> Filters:
    """Return filters that leave one stratum: the one that is asked for, or the total."""
    if body.stratification is None:
        if TOTAL not in table.categories:
            raise InvalidRequestError('this table has no rows of the total; name a stratum with "stratification"')
        return replace(filters, strata=table.strata_codes(TOTAL))
    if filters.strata is not None and len(filters.strata) > 1:
        raise InvalidRequestError(
            f"the strata of {body.stratification.category!r} are not averaged, as they differ in size; name one as "
            '"value" beside "category"'
        )
    return filters


def _of_one_location(state: str | None, table: SurveyTable, filters: Filters) -> Filters:
    """Return filters that leave one location: the one that is named, the only one there is, or the nation."""
    if state is not None:
        location = table.location_code(state)
        allowed = filters.locations is None or location in filters.locations
        if not allowed or location in (filters.excluded or ()):
            raise InvalidRequestError(f'the state {quoted(state)} is left out by "locations" or "exclude"')
        return replace(filters, locations=(location,))
    left = set(filters.locations if filters.locations is not None else range(len(table.locations)))
    left -= set(filters.excluded or ())
    if len(left) == 1:
        return replace(filters, locations=tuple(left))
    if filters.locations is None and table.national_code in left:
        return replace(filters, locations=(table.national_code,))
    raise InvalidRequestError(
        "estimates of several locations are not averaged, as their populations differ; name one location, or ask by "
        "location"
    )


def place_query(body: PlaceBody, table: SurveyTable, query: Query) -> Query:
    """Return a query about one location and one stratum."""
    filters = _of_one_location(body.state, table, _of_one_stratum(body, table, query.filters))
    return replace(query, filters=filters)


def disparity_query(body: DisparityBody, table: SurveyTable, query: Query) -> Query:
    """Return a query about the strata of one category in one location."""
    if body.stratification.value is not None:
        raise InvalidRequestError('a disparity is between all the strata of a category: leave "value" out')
    best = direction(body.best, body, table, query.question)
    return replace(query, best=best, filters=_of_one_location(body.state, table, query.filters))


def comparison_query(body: CompareBody, table: SurveyTable, query: Query) -> Query:
    """Return a query with the filters of each of the two: they differ in one dimension, and agree in the others."""
    dimension, pair = body.between.pair
    sides = SIDES[dimension](body, table, query.filters, pair)
    if dimension != "year":
        if sides[0] == sides[1]:
            raise InvalidRequestError(f'"between" names the same {dimension} twice; name two that differ')
        sides = _in_common_years(sides, table, query.question)
    return replace(query, dimension=dimension, sides=(sides[0], sides[1]))


def _locations(body: CompareBody, table: SurveyTable, filters: Filters, names: tuple[str, str]) -> list[Filters]:
    if body.state is not None:
        raise InvalidRequestError('"between" names the two locations: leave "state" out')
    filters = _of_one_stratum(body, table, filters)
    return [_of_one_location(name, table, filters) for name in names]


def _years(body: CompareBody, table: SurveyTable, filters: Filters, years: tuple[int, int]) -> list[Filters]:
    if body.years is not None:
        raise InvalidRequestError('"between" names the two years: leave "years" out')
    filters = _of_one_location(body.state, table, _of_one_stratum(body, table, filters))
    return [replace(filters, periods=periods_in((year,), table)) for year in years]


def _strata(body: CompareBody, table: SurveyTable, filters: Filters, names: tuple[str, str]) -> list[Filters]:
    asked = body.stratification
    if asked is not None and asked.value is not None:
        raise InvalidRequestError('"between" names the two strata: leave "value" out of "stratification"')
    category = asked.category if asked is not None else table.category_of(names)
    filters = _of_one_location(body.state, table, filters)
    return [replace(filters, strata=table.strata_codes(category, name)) for name in names]


Sides = Callable[[CompareBody, SurveyTable, Filters, Any], list[Filters]]
SIDES: Mapping[Dimension, Sides] = {"location": _locations, "year": _years, "stratum": _strata}


def _in_common_years(sides: Sequence[Filters], table: SurveyTable, question: int) -> list[Filters]:
    """Return filters that leave the years in which both have an estimate with its limits."""
    first, second = (
        with_limits(yearly_estimates(select(table, question, side).cells)).periods.tolist() for side in sides
    )
    common = tuple(sorted(set(first) & set(second)))
    if not common:
        raise too_few_limits(
            table,
            "the two have no year in which both have a value with confidence limits; ask for other years or another "
            "question",
        )
    return [replace(side, periods=common) for side in sides]


def correlation_query(body: CorrelateBody, table: SurveyTable, query: Query) -> Query:
    """Return a query about the locations that have a value for both questions; the nation only if it is named."""
    other = table.question_code(body.other_question)
    if other == query.question:
        raise InvalidRequestError('"question" and "other_question" are the same question; name two')
    filters = _of_one_stratum(body, table, query.filters)
    if filters.locations is None and table.national_code is not None:
        filters = replace(filters, excluded=(*(filters.excluded or ()), table.national_code))
    first, second = (_valued_locations(table, question, filters) for question in (query.question, other))
    return replace(query, other_question=other, filters=replace(filters, locations=tuple(sorted(first & second))))


def _valued_locations(table: SurveyTable, question: int, filters: Filters) -> set[int]:
    cells = select(table, question, filters).cells
    return set(cells.locations[cells.rows > 0].tolist())


def question_query(_body: QuestionBody, table: SurveyTable, query: Query) -> Query:
    """Return the query; checks that the filters leave a value."""
    if query.filters != NO_FILTERS:
        select(table, query.question, query.filters)
    return query


def state_query(body: StateBody, table: SurveyTable, query: Query) -> Query:
    """Return a query about one location; checks that it has a value."""
    location = table.location_code(body.state)
    cells = select(table, query.question, query.filters).cells
    if not cells.rows[cells.locations == location].any():
        text = table.questions[query.question].question.text
        filtered = " with these filters" if query.filters != NO_FILTERS else ""
        raise InvalidRequestError(
            f"{table.location_names[location]} has no value for the question {quoted(text)}{filtered}; "
            "ask for another state or another question"
        )
    return replace(query, location=location)


def ranking_query(body: FiveBody, table: SurveyTable, query: Query) -> Query:
    """Return a query for a ranking."""
    length = body.n if isinstance(body, RankingBody) else RANKING_LENGTH
    best = direction(body.best, body, table, query.question)
    return question_query(body, table, replace(query, best=best, length=length))


def direction(best: Direction | None, body: QuestionBody, table: SurveyTable, question: int) -> Direction:
    """Return which end of a ranking is good: as it is asked for, or as it is known.

    Raises
    ------
    InvalidRequestError: neither is
    """
    best = best or table.questions[question].question.best
    if best is None:
        raise InvalidRequestError(
            f"it is not known whether a low or a high value is good for the question {quoted(body.question)}; "
            'add "best": "min" or "best": "max" to the body'
        )
    return best


# What each kind of body takes to fill in the rest of a query about a question and its filters.
Resolver = Callable[[Any, SurveyTable, Query], Query]
RESOLVERS: Mapping[type[QuestionBody], Resolver] = {
    QuestionBody: question_query,
    StateBody: state_query,
    FiveBody: ranking_query,
    RankingBody: ranking_query,
    EstimateBody: estimate_query,
    TrendBody: place_query,
    CompareBody: comparison_query,
    DisparityBody: disparity_query,
    CorrelateBody: correlation_query,
}


def resolve(body: QuestionBody, table: SurveyTable) -> Query:
    """Look up what a body names, and check that the filters leave something.

    Raises
    ------
    InvalidRequestError: the table has no such question, location or stratum, no value for them, or no direction to
        rank in; or the filters leave nothing, or more than the statistic can put together
    """
    query = Query(table.question_code(body.question), filters_of(body, table))
    return RESOLVERS[type(body)](body, table, query)
