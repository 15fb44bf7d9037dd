"""The difference between two estimates."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.errors import InvalidRequestError, quoted
from app.queries.bodies import Dimension, Name, PlaceBody, StrictModel
from app.queries.bodies import Year as RequestedYear
from app.queries.narrowing import estimable, one_location, one_stratum
from app.queries.query import Filters, Query, periods_in, select
from app.statistics.estimate import cells_of, labels_of
from app.statistics.records import cells
from app.statistics.registry import Input, Output, Result, statistic
from app.statistics.result_models import Figures, ResultObject, Year
from app.table.cells import LIMITS_Z
from app.table.estimates import Estimates, estimates_over_years, missing_limits_error, with_limits, yearly_estimates
from app.table.survey_table import STRATUM_FIELD, SurveyTable

MOST_COMPARISONS = 1_000_000
ALPHA = 0.05
ROUNDING = 0.05  # by which a published tenth may be off
MANY = (
    "one of {k} comparisons: if nothing differed, about {expected:.3g} of them would still have p < 0.05; adjust the "
    "p-values, for example by Benjamini and Hochberg's method"
)


class Between(StrictModel):
    """The two that are compared: locations, or years, or strata of one category."""

    location: tuple[Name, Name] | None = None
    year: tuple[RequestedYear, RequestedYear] | None = None
    stratum: tuple[Name, Name] | None = None

    @property
    def pairs(self) -> list[tuple[Dimension, tuple[Any, Any]]]:
        """The dimensions that are set, with the two of each."""
        dimensions: tuple[Dimension, ...] = ("location", "year", "stratum")
        return [(name, getattr(self, name)) for name in dimensions if getattr(self, name) is not None]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.pairs) != 1:
            raise PydanticCustomError("between", "needs one of location, year and stratum, with the two to compare")
        ((_, (first, second)),) = self.pairs
        if first == second:
            raise PydanticCustomError("between", "must name two that differ")
        return self


class CompareBody(PlaceBody):
    """A comparison of two locations, years, or strata."""

    between: Between = Field(description='such as {"location": ["Ohio", "Utah"]}')
    comparisons: int = Field(
        1, ge=1, le=MOST_COMPARISONS, description="of how many comparisons this is one; a batch says so by itself"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonQuery(Query):
    """A query about two sides, which differ in one dimension only."""

    dimension: Dimension
    sides: tuple[Filters, ...]
    comparisons: int = 1

    @property
    def selections(self) -> tuple[tuple[int, Filters], ...]:
        """The question with the filters of each side."""
        return tuple((self.question, side) for side in self.sides)

    def caveats(self, table: SurveyTable) -> list[str]:
        """Return whether rounding alone may make the difference, and how many comparisons this is one of."""
        notes = []
        if table.questions[self.question].has_tenths:
            yearly = _yearly_sides(table, self)
            a, b = map(estimates_over_years, yearly)
            notes += rounding_note(a, b, [side.values.size for side in yearly])
        if self.comparisons > 1:
            notes.append(MANY.format(k=self.comparisons, expected=self.comparisons * ALPHA))
        return notes


def resolve_comparison(body: CompareBody, table: SurveyTable) -> ComparisonQuery:
    """Return a query with the filters of both sides; checks that both have an estimate with its limits."""
    question, filters = estimable(body, table)
    ((dimension, pair),) = body.between.pairs
    sides = SIDES[dimension](body, table, filters, pair)
    for place, (name, side) in enumerate(zip(pair, sides, strict=True)):
        _check_side(table, question, side, str(name), _field(dimension, place))
    if dimension != "year":
        if sides[0] == sides[1]:
            reason = f'"between" names the same {dimension} twice; name two that differ'
            raise InvalidRequestError(reason, _field(dimension, 1), words="This is the same as the first.")
        sides = _in_common_years(sides, table, question)
    query = ComparisonQuery(question, filters, dimension=dimension, sides=tuple(sides), comparisons=body.comparisons)
    _yearly_sides(table, query)
    return query


def _location_sides(body: CompareBody, table: SurveyTable, filters: Filters, names: tuple[str, str]) -> list[Filters]:
    if body.state is not None:
        raise InvalidRequestError('"between" names the two locations: leave "state" out', "state")
    filters = one_stratum(body, table, filters)
    return [one_location(name, table, filters, _field("location", place)) for place, name in enumerate(names)]


def _year_sides(body: CompareBody, table: SurveyTable, filters: Filters, years: tuple[int, int]) -> list[Filters]:
    if body.years is not None:
        raise InvalidRequestError('"between" names the two years: leave "years" out', "years")
    filters = one_location(body.state, table, one_stratum(body, table, filters))
    return [replace(filters, periods=periods_in((year,), table)) for year in years]


def _stratum_sides(body: CompareBody, table: SurveyTable, filters: Filters, names: tuple[str, str]) -> list[Filters]:
    within = body.stratification
    if within is not None and within.value is not None:
        reason = '"between" names the two strata: leave "value" out of "stratification"'
        raise InvalidRequestError(reason, STRATUM_FIELD, words="Choose a category: the groups are named above.")
    category = within.category if within is not None else table.category_of(names)
    filters = one_location(body.state, table, filters)
    codes = [table.strata_codes(category, name, _field("stratum", place)) for place, name in enumerate(names)]
    return [replace(filters, strata=of_side) for of_side in codes]


def _field(dimension: Dimension, place: int) -> str:
    """Return the field of a body that names one of the two sides."""
    return f"between.{dimension}.{place}"


Sides = Callable[[CompareBody, SurveyTable, Filters, Any], list[Filters]]
SIDES: Mapping[Dimension, Sides] = {"location": _location_sides, "year": _year_sides, "stratum": _stratum_sides}


def _check_side(table: SurveyTable, question: int, side: Filters, name: str, field: str) -> None:
    """Check that a side has a value.

    Parameters
    ----------
    name: as the request gives it
    field: the request's field that gives it

    Raises
    ------
    InvalidRequestError: it has no row, or its values are suppressed; the reason names the side
    """
    _, dimension, _ = field.split(".")
    named = f'"between" names the {dimension} {quoted(name)}'
    try:
        cells = select(table, question, side, needs_value=False).cells
    except InvalidRequestError as error:
        if dimension == "year":  # the reason lists the years that the question has
            raise InvalidRequestError(error.reason, field, words=error.words) from error
        without_side = replace(side, locations=None) if dimension == "location" else replace(side, strata=None)
        select(table, question, without_side, needs_value=False)  # raises if another filter leaves nothing by itself
        reason = f"{named}, of which the other filters leave no row; name another"
        words = f"With the other choices, this question has no figures of {quoted(name)}."
        raise InvalidRequestError(reason, field, words=words) from error
    if not cells.rows.any():
        estimates = yearly_estimates(cells)
        (about, *_) = cells_of(table, estimates, ["location", "stratum"])
        keys = [about["location"], about["stratum"], *labels_of(table, estimates.periods)]
        raise InvalidRequestError(
            f"{named}, whose value is suppressed ({', '.join(str(key) for key in keys if key is not None)}); name "
            "another, or ask for other years, another stratum or another question",
            field,
            words=f"The figure of {quoted(name)} is suppressed. Choose another place, group, year or question.",
        )


def _in_common_years(sides: Sequence[Filters], table: SurveyTable, question: int) -> list[Filters]:
    """Return filters that leave the years in which both sides have an estimate with its limits."""
    first, second = (
        with_limits(yearly_estimates(select(table, question, side).cells)).periods.tolist() for side in sides
    )
    common = tuple(sorted(set(first) & set(second)))
    if not common:
        raise missing_limits_error(
            table,
            "the two have no year in which both have a value with confidence limits; ask for other years or another "
            "question",
        )
    return [replace(side, periods=common) for side in sides]


class ComparedCell(Figures):
    """One side of a comparison: the mean of the estimates of its years."""

    location: str
    years: list[Year]
    category: str | None
    stratum: str | None


class Gap(ResultObject):
    """A difference, for percentages in percentage points."""

    value: float
    low: float
    high: float
    standard_error: float


class TestedDifference(Gap):
    """A difference with its test; p is two-sided."""

    z: float
    p_value: float


class Comparison(ResultObject):
    """Two estimates, and their difference: a less b."""

    dimension: Literal["location", "year", "stratum"]
    a: ComparedCell
    b: ComparedCell
    difference: TestedDifference


@statistic(
    Input(
        CompareBody,
        resolve_comparison,
        {"question": "Q036", "between": {"location": ["OH", "UT"]}, "years": [2019]},
    ),
    Output(Comparison, cells("a", "b"), ("comparison",)),
    "Two estimates compared",
)
def compare(table: SurveyTable, query: ComparisonQuery) -> Result:
    """Return two estimates and their difference with its limits, z and p-value.

    z = (a - b) / sqrt(se_a² + se_b²) for two independent estimates, p two-sided from the standard normal distribution
    (Korn and Graubard, Analysis of Health Surveys, 1999). Several years are averaged over those that both have.
    """
    from app.statistics.fits import two_sided_p  # noqa: PLC0415 - heavy, see there

    yearly = _yearly_sides(table, query)
    a, b = map(estimates_over_years, yearly)
    difference = float(a.values[0] - b.values[0])
    error = math.hypot(float(a.errors[0]), float(b.errors[0]))
    z = difference / error
    cell_a, cell_b = (_cell(table, side) for side in yearly)
    test = {"z": z, "p_value": two_sided_p(z)}
    return {
        "dimension": query.dimension,
        "a": cell_a,
        "b": cell_b,
        "difference": {**difference_with_limits(difference, error), **test},
    }


def _yearly_sides(table: SurveyTable, query: ComparisonQuery) -> list[Estimates]:
    """Return the yearly estimates of both sides.

    Raises
    ------
    InvalidRequestError: a side has no estimate with confidence limits
    """
    sides = [with_limits(yearly_estimates(select(table, query.question, side).cells)) for side in query.sides]
    if not all(side.values.size for side in sides):
        raise missing_limits_error(
            table,
            "one of the two has no value with confidence limits; ask for another year, stratum, state or question",
        )
    return sides


def _cell(table: SurveyTable, yearly: Estimates) -> dict[str, Any]:
    """Return one side over its years, with these years as one of its keys."""
    (cell,) = cells_of(table, estimates_over_years(yearly), ["location", "category", "stratum"])
    return {"location": cell.pop("location"), "years": labels_of(table, yearly.periods), **cell}


def difference_with_limits(value: float, error: float) -> dict[str, float]:
    """Return a difference with its 95 % limits, from its standard error."""
    half_width = LIMITS_Z * error
    return {"value": value, "low": value - half_width, "high": value + half_width, "standard_error": error}


def rounding_note(a: Estimates, b: Estimates, years: Sequence[int]) -> list[str]:
    """Return a note if the figures before rounding to tenths may lie on either side of p = 0.05.

    Value and limits are each off by at most ``ROUNDING``, so a standard error by that over LIMITS_Z; the mean over k
    years has the rounding of one year at most, its error that of one year over the root of k.

    Parameters
    ----------
    a, b: one estimate each
    years: the number of years of each
    """
    off = [ROUNDING / (LIMITS_Z * math.sqrt(count)) for count in years]
    errors = [float(side.errors[0]) for side in (a, b)]
    difference = abs(float(a.values[0] - b.values[0]))
    least = math.hypot(*(max(error - change, 0.0) for error, change in zip(errors, off, strict=True)))
    most = math.hypot(*(error + change for error, change in zip(errors, off, strict=True)))
    highest = _p_value(max(difference - 2 * ROUNDING, 0.0) / most)
    lowest = _p_value((difference + 2 * ROUNDING) / least) if least else 0.0
    if not lowest < ALPHA <= highest:
        return []
    return [
        f"the table publishes tenths: before rounding, p may have been anything from {lowest:.2g} to {highest:.2g}, on "
        f"both sides of {ALPHA}"
    ]


def _p_value(z: float) -> float:
    return math.erfc(z / math.sqrt(2))
