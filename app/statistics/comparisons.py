"""One estimate compared with each of the others, with p-values adjusted for their number."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from pydantic import Field

from app.errors import InvalidRequestError
from app.queries.bodies import Name, PlaceBody
from app.queries.bodies import Year as RequestedYear
from app.queries.narrowing import estimable, one_location, one_stratum, without_nation
from app.queries.query import Filters, Query, periods_in, select
from app.statistics.comparison import difference_with_limits
from app.statistics.estimate import KEYS, cells_of
from app.statistics.records import rows_of
from app.statistics.registry import POINTS, Input, Output, Result, statistic
from app.statistics.result_models import Equality, Figures, ResultObject, Year
from app.table.cells import Values
from app.table.estimates import (
    Estimates,
    estimates_over_years,
    missing_limits_error,
    with_known_year,
    with_limits,
    yearly_estimates,
)
from app.table.keys import distinct_keys, sum_by_key
from app.table.stratification import NOT_A_GROUP
from app.table.stratum_order import stratum_order
from app.table.survey_table import STRATUM_FIELD, SurveyTable

Across = Literal["location", "year", "stratum"]


class CompareAllBody(PlaceBody):
    """A comparison of one location, year or stratum with each of the others."""

    across: Across = Field("location", description="what the estimates differ in: location, year or stratum")
    reference: Name | RequestedYear | None = Field(
        None,
        description="the location, year or stratum with which the others are compared; by default the nation, the "
        "first year, or the first stratum: the youngest, the lowest income, the least education",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareAllQuery(Query):
    """A query about estimates that differ in one key.

    ``reference`` is the code of the location, period or stratum with which the others are compared.
    """

    across: Across
    reference: int


def resolve_compare_all(body: CompareAllBody, table: SurveyTable) -> CompareAllQuery:
    """Return a query about the reference and the others; checks that one of them can be compared with it."""
    question, filters = estimable(body, table)
    filters, reference = ACROSS[body.across](body, table, filters)
    if reference is None:
        found = with_limits(yearly_estimates(select(table, question, filters).cells))
        reference = _first(found, body.across, table)
    query = CompareAllQuery(question, filters, across=body.across, reference=reference)
    _sides(table, query)
    return query


def _first(found: Estimates, across: Across, table: SurveyTable) -> int:
    """Return the code of the first period, or of the first stratum in natural order, that has limits.

    Raises
    ------
    InvalidRequestError: none has
    """

    def order(code: int) -> Any:
        return code if across == "year" else stratum_order(table.strata[code].category, table.strata[code].name)

    codes = found.periods[found.periods >= 0] if across == "year" else found.strata
    if not codes.size:
        raise missing_limits_error(table, NOTHING_TO_COMPARE)
    return int(min(codes.tolist(), key=order))


NOTHING_TO_COMPARE = (
    "a comparison needs the reference and at least one other with a value and confidence limits in the same year; ask "
    "for another reference, question, stratum or other years"
)
Narrowed = tuple[Filters, int | None]


def _across_locations(body: CompareAllBody, table: SurveyTable, filters: Filters) -> Narrowed:
    if body.state is not None:
        reason = 'the comparison is across locations: leave "state" out, or name it as "reference"'
        raise InvalidRequestError(reason, "state", words="All places are compared: leave this empty.")
    filters = one_stratum(body, table, filters)
    named = body.reference
    reference = table.national_code if named is None else table.location_code(str(named), "reference")
    if reference is None:
        raise InvalidRequestError('this table has no rows of the nation; name a location as "reference"', "reference")
    if reference in (filters.excluded or ()):
        raise InvalidRequestError('the reference is left out by "exclude"', "reference")
    if filters.locations is not None:
        return replace(filters, locations=tuple(sorted({*filters.locations, reference}))), reference
    return filters if reference == table.national_code else without_nation(filters, table), reference


def _across_years(body: CompareAllBody, table: SurveyTable, filters: Filters) -> Narrowed:
    filters = one_location(body.state, table, one_stratum(body, table, filters))
    if body.reference is None:
        return filters, None
    if isinstance(body.reference, str):
        reason = 'the comparison is across years: "reference" must be a year, such as 2011'
        raise InvalidRequestError(reason, "reference")
    periods = periods_in((body.reference,), table)
    if not periods or (filters.periods is not None and periods[0] not in filters.periods):
        reason = f"the reference, {body.reference}, is not among the years; name one that is"
        raise InvalidRequestError(reason, "reference")
    return filters, periods[0]


def _across_strata(body: CompareAllBody, table: SurveyTable, filters: Filters) -> Narrowed:
    named = None if body.reference is None else str(body.reference)
    within = body.stratification
    if within is not None and within.value is not None:
        reason = 'the comparison is across strata: leave "value" out of "stratification"'
        raise InvalidRequestError(reason, STRATUM_FIELD, words="Choose a category: all of its groups are compared.")
    if within is None and named is None:
        reason = 'name the category whose strata are compared: "stratification": {"category": …}'
        raise InvalidRequestError(reason, "stratification", words="Choose the category whose groups are compared.")
    category = within.category if within is not None else table.category_of([str(named)])
    reference = None if named is None else table.strata_codes(category, named, "reference")[0]
    codes = table.strata_codes(category)
    compared = tuple(code for code in codes if code == reference or table.strata[code].name != NOT_A_GROUP)
    return replace(one_location(body.state, table, filters), strata=compared), reference


ACROSS: Mapping[Across, Callable[[CompareAllBody, SurveyTable, Filters], Narrowed]] = {
    "location": _across_locations,
    "year": _across_years,
    "stratum": _across_strata,
}


class ComparedWith(Figures):
    """The estimate with which the others are compared; keys that do not matter here are null."""

    location: str | None
    year: Year | None
    category: str | None
    stratum: str | None


class ComparedEstimate(ComparedWith):
    """An estimate, and its difference from the reference over the years that both have; p-values are two-sided."""

    difference: float = Field(description="this less the reference, for percentages in percentage points")
    difference_low: float
    difference_high: float
    standard_error: float = Field(description="of the difference")
    z: float
    p_value: float
    p_adjusted: float = Field(description="by Benjamini and Hochberg, for the number of comparisons")


class CompareAll(ResultObject):
    """One estimate, and how the others differ from it."""

    across: Across
    reference: ComparedWith
    comparisons: int
    equality: Equality = Field(description="test of the hypothesis that all estimates but the nation's are equal")
    others: list[ComparedEstimate]


@statistic(
    Input(CompareAllBody, resolve_compare_all, {"question": "Q036", "years": [2019]}),
    Output(CompareAll, rows_of("others"), ("dots", "map", "tiles", "lines"), value="difference", unit=POINTS),
    "One estimate compared with each of the others",
)
def compare_all(table: SurveyTable, query: CompareAllQuery) -> Result:
    """Return how each location, year or stratum differs from one of them, with p-values adjusted for their number.

    Each difference is tested as ``compare`` does. The adjusted p-values are those of Benjamini and Hochberg (Journal of
    the Royal Statistical Society B 57, 1995): calling all below 0.05 different, 5 % of these are expected not to be.
    The test of equality is Cochran's Q (Biometrics 10, 1954). Estimates are taken as independent, which the nation and
    its states are not quite: the nation includes them.
    """
    from app.statistics.fits import adjusted_p, equality, two_sided_p  # noqa: PLC0415 - heavy, see there

    sides = _sides(table, query)
    tested = sides.others if _is_nation(table, query) else _joined(sides)
    z = sides.differences / sides.errors
    p_values = [two_sided_p(each) for each in z.tolist()]
    tests = zip(
        sides.differences.tolist(), sides.errors.tolist(), z.tolist(), p_values, adjusted_p(p_values), strict=True
    )
    return {
        "across": query.across,
        "reference": cells_of(table, sides.reference, KEYS)[0],
        "comparisons": len(p_values),
        "equality": equality(tested.values, tested.errors),
        "others": [cell | _test(*test) for cell, test in zip(cells_of(table, sides.others, KEYS), tests, strict=True)],
    }


@dataclass(frozen=True, slots=True)
class _Sides:
    """The reference, the others, and how they differ from it with the standard errors; arrays of shape (others,)."""

    reference: Estimates
    others: Estimates
    differences: Values
    errors: Values


def _sides(table: SurveyTable, query: CompareAllQuery) -> _Sides:
    """Return the estimates that are compared, each with the reference over the years that both have.

    Raises
    ------
    InvalidRequestError: there is nothing to compare
    """
    yearly = with_limits(yearly_estimates(select(table, query.question, query.filters).cells))
    key = {"location": yearly.locations, "year": yearly.periods, "stratum": yearly.strata}[query.across]
    reference, others = yearly.select(key == query.reference), yearly.select(key != query.reference)
    by_year = query.across == "year"
    others = with_known_year(others) if by_year else others.select(np.isin(others.periods, reference.periods))
    if not (reference.values.size and others.values.size):
        raise missing_limits_error(table, NOTHING_TO_COMPARE)
    # One row of the reference for each row of the others: that of the same year, or the only one.
    same_year = (
        np.zeros(others.values.size, np.int64) if by_year else np.searchsorted(reference.periods, others.periods)
    )
    differences = others.values - reference.values[same_year]
    variances = others.errors**2 + reference.errors[same_year] ** 2
    if by_year:
        return _Sides(reference, others, differences, np.sqrt(variances))
    (locations, _), place = distinct_keys([others.locations, others.strata])
    total = partial(sum_by_key, place, locations.size)
    years = total(np.ones(place.size))
    averages = total(differences) / years, np.sqrt(total(variances)) / years
    return _Sides(estimates_over_years(reference), estimates_over_years(others), *averages)


def _is_nation(table: SurveyTable, query: CompareAllQuery) -> bool:
    return query.across == "location" and query.reference == table.national_code


def _joined(sides: _Sides) -> Estimates:
    return Estimates.concatenate([sides.reference, sides.others])


def _test(difference: float, error: float, z: float, p_value: float, p_adjusted: float) -> dict[str, float]:
    """Return the figures of one comparison."""
    gap = difference_with_limits(difference, error)
    limits = {"difference_low": gap["low"], "difference_high": gap["high"]}
    test = {"standard_error": error, "z": z, "p_value": p_value, "p_adjusted": p_adjusted}
    return {"difference": difference, **limits, **test}
