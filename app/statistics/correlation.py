"""Two questions across locations."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from pydantic import Field

from app.errors import InvalidRequestError
from app.queries.bodies import Name, QuestionBody
from app.queries.narrowing import estimable, one_stratum, without_nation
from app.queries.query import Filters, Query, count_years, select
from app.statistics.estimate import cells_of, labels_of
from app.statistics.records import rows_of
from app.statistics.registry import Input, Output, Result, statistic
from app.statistics.result_models import Flag, ResultObject, Year
from app.table.cells import TIE_DECIMALS
from app.table.estimates import Estimates, are_unreliable, estimates_over_years, yearly_estimates
from app.table.survey_table import SurveyTable

FEWEST_LOCATIONS = 4  # the limits of a correlation need one more than three
ACROSS_LOCATIONS = (
    "This is a correlation across locations, not across people: it does not say that the people who have the one have "
    "the other (the ecological fallacy)."
)


class CorrelateBody(QuestionBody):
    """A correlation of two questions across locations."""

    other_question: Name = Field(description="the other question's full text or id")
    other_value_type: Name | None = Field(None, description="the other question's value type, as value_type")
    other_response: Name | None = Field(None, description="the other question's response, as response")


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationQuery(Query):
    """A query about two questions with the same filters.

    Parameters
    ----------
    requested: the periods that the request names; the filters leave those that both questions have
    unreliable: the locations that are left out for that reason
    """

    other_question: int
    requested: tuple[int, ...] | None
    unreliable: tuple[int, ...] = ()

    @property
    def requested_periods(self) -> tuple[int, ...] | None:
        """The periods that the request names, None if it names none."""
        return self.requested

    @property
    def selections(self) -> tuple[tuple[int, Filters], ...]:
        """Both questions."""
        return ((self.question, self.filters), (self.other_question, self.filters))


def resolve_correlation(body: CorrelateBody, table: SurveyTable) -> CorrelationQuery:
    """Return a query about the locations that have a reliable value for both questions, in the years that both have.

    The nation is left out unless the body names it.

    Raises
    ------
    InvalidRequestError: both questions are the same, or their values cannot be correlated
    """
    question, filters = estimable(body, table)
    other = table.question_code(body.other_question, body.other_value_type, body.other_response, prefix="other_")
    table.require_estimates(other)
    if other == question:
        raise InvalidRequestError('"question" and "other_question" are the same question; name two', "other_question")
    filters = without_nation(one_stratum(body, table, filters), table)
    requested, filters = filters.periods, _in_shared_years(table, (question, other), filters)
    common = _valued_locations(table, question, filters) & _valued_locations(table, other, filters)
    narrowed = replace(filters, locations=tuple(sorted(common)))
    query = CorrelationQuery(question, narrowed, other_question=other, requested=requested)
    pairs = _pairs(table, query)
    unreliable = are_unreliable(pairs[0]) | are_unreliable(pairs[1])
    _check([side.select(~unreliable) for side in pairs], left_out=int(unreliable.sum()))
    kept, left_out = (tuple(pairs[0].locations[chosen].tolist()) for chosen in (~unreliable, unreliable))
    return replace(query, filters=replace(filters, locations=kept), unreliable=left_out)


def _in_shared_years(table: SurveyTable, questions: tuple[int, int], filters: Filters) -> Filters:
    """Return filters that leave the years in which both questions have a value.

    Raises
    ------
    InvalidRequestError: the questions share no year
    """
    cells = (select(table, question, filters).cells for question in questions)
    first, second = (set(each.periods[each.rows > 0].tolist()) for each in cells)
    shared = first & second
    known = tuple(sorted(code for code in shared if code >= 0))
    if known:
        return replace(filters, periods=known)
    if shared:  # the rows of both have no year
        return filters
    years = (", ".join(map(str, table.questions[question].question.years)) or "none" for question in questions)
    raise InvalidRequestError(
        f"the two questions have no year in common (the first has {next(years)}, the other {next(years)}), so a "
        "correlation would compare different years; ask for other questions or years"
    )


def _valued_locations(table: SurveyTable, question: int, filters: Filters) -> set[int]:
    cells = select(table, question, filters).cells
    return set(cells.locations[cells.rows > 0].tolist())


class Pearson(ResultObject):
    """Pearson's correlation with its limits."""

    r: float
    low: float
    high: float
    p_value: float


class Spearman(ResultObject):
    """Spearman's rank correlation with its limits."""

    rho: float
    low: float
    high: float
    p_value: float


class Reliability(ResultObject):
    """The share of the variance across locations that is not sampling error; null without confidence limits."""

    x: float | None = Field(description="of question")
    y: float | None = Field(description="of other_question")


class Pair(ResultObject):
    """The estimates of both questions in one location, with their 95 % limits and flags."""

    location: str
    x: float = Field(description="of question")
    y: float = Field(description="of other_question")
    x_low: float | None
    x_high: float | None
    x_flags: list[Flag]
    y_low: float | None
    y_high: float | None
    y_flags: list[Flag]


class CorrelationOfTwo(ResultObject):
    """The correlation of two questions across locations."""

    question: str
    other_question: str
    locations: int
    years: list[Year] = Field(description="the years that both questions have")
    pearson: Pearson
    spearman: Spearman
    reliability: Reliability
    pairs: list[Pair]
    left_out: list[Pair] = Field(description="pairs that are not used, because an estimate is unreliable")
    notes: list[str]


@statistic(
    Input(CorrelateBody, resolve_correlation, {"question": "Q036", "other_question": "Q047"}),
    Output(CorrelationOfTwo, rows_of("pairs"), ("scatter",)),
    "Two questions across locations",
)
def correlate(table: SurveyTable, query: CorrelationQuery) -> Result:
    """Return the correlation of two questions across locations, Pearson's and Spearman's, and the pairs of figures.

    Each location counts once, by its estimate over the years that both questions have; the nation is left out unless
    the request names it, and so are locations with an unreliable estimate. ``app.statistics.fits`` has the formulas.
    """
    from app.statistics.fits import pearson, reliability, spearman  # noqa: PLC0415 - heavy, see there

    x, y = _pairs(table, query)
    by_rank, by_value = asdict(spearman(x.values, y.values)), asdict(pearson(x.values, y.values))
    left_out: list[dict[str, Any]] = []
    if query.unreliable:
        unreliable = replace(query, filters=replace(query.filters, locations=query.unreliable))
        left_out = _pair_cells(table, _pairs(table, unreliable))
    years = labels_of(table, np.array(query.filters.periods or (), np.int64))
    return {
        "question": table.questions[query.question].question.text,
        "other_question": table.questions[query.other_question].question.text,
        "locations": x.locations.size,
        "years": years,
        "pearson": {"r": by_value.pop("value"), **by_value},
        "spearman": {"rho": by_rank.pop("value"), **by_rank},
        "reliability": {"x": reliability(x.values, x.errors), "y": reliability(y.values, y.errors)},
        "pairs": _pair_cells(table, (x, y)),
        "left_out": left_out,
        "notes": _notes(left_out),
    }


def _notes(left_out: list[dict[str, Any]]) -> list[str]:
    names = ", ".join(pair["location"] for pair in left_out)
    return [ACROSS_LOCATIONS, *([f"Left out, because an estimate is unreliable: {names}."] if names else [])]


def _pairs(table: SurveyTable, query: CorrelationQuery) -> tuple[Estimates, Estimates]:
    """Return the estimates of both questions; the locations are the same, as the query's filters name them."""
    first, second = (
        estimates_over_years(
            yearly_estimates(select(table, question, filters).cells), count_years(table, question, filters)
        )
        for question, filters in query.selections
    )
    return first, second


def _pair_cells(table: SurveyTable, pairs: tuple[Estimates, Estimates]) -> list[dict[str, Any]]:
    """Return the pairs of estimates, JSON-ready."""
    both = zip(*(cells_of(table, side, ["location"]) for side in pairs), strict=True)
    return [
        {"location": x["location"], "x": x["value"], "y": y["value"]}
        | {f"x_{name}": x[name] for name in ("low", "high", "flags")}
        | {f"y_{name}": y[name] for name in ("low", "high", "flags")}
        for x, y in both
    ]


def _check(pairs: list[Estimates], left_out: int) -> None:
    """Check that there are enough pairs, and that both questions vary.

    Raises
    ------
    InvalidRequestError: one of these does not hold
    """
    count = pairs[0].locations.size
    if count < FEWEST_LOCATIONS:
        unreliable = f" ({left_out} more have an unreliable one)" if left_out else ""
        raise InvalidRequestError(
            f"a correlation needs at least {FEWEST_LOCATIONS} locations with a value for both questions, and there are "
            f"{count}{unreliable}; ask for more locations or years"
        )
    if not all(np.ptp(np.round(side.values, TIE_DECIMALS)) for side in pairs):
        raise InvalidRequestError("one of the questions has the same value in all these locations; ask for others")
