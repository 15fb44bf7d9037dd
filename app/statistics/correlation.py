"""Two questions across locations."""

from dataclasses import asdict, dataclass, replace

import numpy as np
from pydantic import Field

from app.errors import InvalidRequestError
from app.queries.bodies import Name, QuestionBody
from app.queries.narrowing import estimable, one_stratum
from app.queries.query import Filters, Query, select
from app.statistics.records import rows_of
from app.statistics.registry import Input, Output, Result, statistic
from app.statistics.result_models import ResultObject
from app.table.cells import TIE_DECIMALS, Codes, Values
from app.table.estimates import estimates_over_years, yearly_estimates
from app.table.survey_table import SurveyTable

FEWEST_LOCATIONS = 4  # the limits of a correlation need one more than three


class CorrelateBody(QuestionBody):
    """A correlation of two questions across locations."""

    other_question: Name = Field(description="the other question's full text or id")


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationQuery(Query):
    """A query about two questions with the same filters."""

    other_question: int

    @property
    def selections(self) -> tuple[tuple[int, Filters], ...]:
        """Both questions."""
        return ((self.question, self.filters), (self.other_question, self.filters))


def resolve_correlation(body: CorrelateBody, table: SurveyTable) -> CorrelationQuery:
    """Return a query about the locations that have a value for both questions, without the nation unless it is named.

    Raises
    ------
    InvalidRequestError: both questions are the same, or their values cannot be correlated
    """
    question, filters = estimable(body, table)
    other = table.estimable_question_code(body.other_question)
    if other == question:
        raise InvalidRequestError('"question" and "other_question" are the same question; name two')
    filters = one_stratum(body, table, filters)
    if filters.locations is None and table.national_code is not None:
        filters = replace(filters, excluded=(*(filters.excluded or ()), table.national_code))
    common = _valued_locations(table, question, filters) & _valued_locations(table, other, filters)
    query = CorrelationQuery(question, replace(filters, locations=tuple(sorted(common))), other_question=other)
    _pairs(table, query)
    return query


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


class Pair(ResultObject):
    """The estimates of both questions in one location."""

    location: str
    x: float = Field(description="of question")
    y: float = Field(description="of other_question")


class CorrelationOfTwo(ResultObject):
    """The correlation of two questions across locations."""

    question: str
    other_question: str
    locations: int
    pearson: Pearson
    spearman: Spearman
    pairs: list[Pair]


@statistic(
    Input(CorrelateBody, resolve_correlation, {"question": "Q036", "other_question": "Q047"}),
    Output(CorrelationOfTwo, rows_of("pairs"), ("scatter",)),
    "Two questions across locations",
    heading="Two questions across {locations} locations",
)
def correlate(table: SurveyTable, query: CorrelationQuery) -> Result:
    """Return the correlation of two questions across locations, Pearson's and Spearman's, and the pairs of figures.

    Each location counts once, by its estimate over the years that each question has; the nation is left out unless the
    request names it. See ``app.statistics.fits`` for the formulas.
    """
    from app.statistics.fits import pearson, spearman  # noqa: PLC0415 - heavy, see there

    pairs = _pairs(table, query)
    by_rank, by_value = asdict(spearman(pairs.x, pairs.y)), asdict(pearson(pairs.x, pairs.y))
    names = [table.location_names[code] for code in pairs.locations.tolist()]
    triples = zip(names, pairs.x.tolist(), pairs.y.tolist(), strict=True)
    return {
        "question": table.questions[query.question].question.text,
        "other_question": table.questions[query.other_question].question.text,
        "locations": len(names),
        "pearson": {"r": by_value.pop("value"), **by_value},
        "spearman": {"rho": by_rank.pop("value"), **by_rank},
        "pairs": [{"location": name, "x": x, "y": y} for name, x, y in triples],
    }


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The estimates of both questions in each location; arrays of shape (locations,)."""

    locations: Codes
    x: Values
    y: Values


def _pairs(table: SurveyTable, query: CorrelationQuery) -> _Pairs:
    """Return the pairs of estimates.

    Raises
    ------
    InvalidRequestError: there are too few pairs, or one of the questions has the same value everywhere
    """
    first, second = (
        estimates_over_years(yearly_estimates(select(table, question, filters).cells))
        for question, filters in query.selections
    )
    pairs = _Pairs(first.locations, first.values, second.values)
    _check(pairs)
    return pairs


def _check(pairs: _Pairs) -> None:
    if pairs.locations.size < FEWEST_LOCATIONS:
        raise InvalidRequestError(
            f"a correlation needs at least {FEWEST_LOCATIONS} locations with a value for both questions, and there are "
            f"{pairs.locations.size}; ask for more locations or years"
        )
    if not all(np.ptp(np.round(values, TIE_DECIMALS)) for values in (pairs.x, pairs.y)):
        raise InvalidRequestError("one of the questions has the same value in all these locations; ask for others")
