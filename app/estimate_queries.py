"""The queries of statistics about estimates: what is not averaged is narrowed to one, or refused.

Years are averaged. Strata of a category are not, nor locations: they differ in size, and the table does not tell by how
much. So a query that does not tell strata apart is about the total, and one that does not tell locations apart is about
the nation, unless it names another one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.bodies import CompareBody, CorrelateBody, Dimension, DisparityBody, EstimateBody, PlaceBody, QuestionBody
from app.cells import Codes
from app.errors import InvalidRequestError, quoted
from app.estimates import too_few_limits, with_limits, yearly_estimates
from app.mean_queries import direction
from app.query import Query, periods_in
from app.selection import Filters, select
from app.survey_table import SurveyTable

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
