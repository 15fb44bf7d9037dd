"""What a request asks, in the codes of a table."""

from dataclasses import dataclass

from app.bodies import RANKING_LENGTH, Dimension, QuestionBody, YearRange
from app.selection import NO_FILTERS, Filters
from app.survey_facts import Direction
from app.survey_table import SurveyTable

FILTER_FIELDS = frozenset({"years", "stratification", "locations", "exclude", "suppressed"})


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked, in the codes of the table that it was checked against.

    Parameters
    ----------
    filters: which rows count
    location: set where the statistic is about one location
    best, length: which end of a ranking is good, and how many locations it tells
    by: the keys that estimates are told apart by
    dimension, sides: what two estimates that are compared differ in, and the filters of each of the two
    other_question: the question that is correlated with the first
    """

    question: int
    filters: Filters = NO_FILTERS
    location: int | None = None
    best: Direction | None = None
    length: int = RANKING_LENGTH
    by: tuple[Dimension, ...] = ()
    dimension: Dimension | None = None
    sides: tuple[Filters, ...] = ()
    other_question: int | None = None

    @property
    def questions(self) -> list[int]:
        """The question, and the other one where there is one."""
        return [self.question] if self.other_question is None else [self.question, self.other_question]


def filters_of(body: QuestionBody, table: SurveyTable) -> Filters:
    """Return the filters of a body.

    Raises
    ------
    InvalidRequestError: the table has no such location, category or stratum
    """
    if not body.model_fields_set & FILTER_FIELDS:
        return NO_FILTERS
    asked = body.stratification
    return Filters(
        periods=None if body.years is None else periods_in(body.years, table),
        strata=None if asked is None else table.strata_codes(asked.category, asked.value),
        locations=_locations(body.locations, table),
        excluded=_locations(body.exclude, table),
        footnoted=body.suppressed == "include",
    )


def periods_in(years: YearRange | tuple[int, ...], table: SurveyTable) -> tuple[int, ...]:
    """Return the codes of the periods that lie wholly in the years."""
    if isinstance(years, YearRange):
        return tuple(c for c, period in enumerate(table.periods) if years.covers(period.first, period.last))
    return tuple(
        code
        for code, period in enumerate(table.periods)
        if all(year in years for year in range(period.first, period.last + 1))
    )


def _locations(names: tuple[str, ...] | None, table: SurveyTable) -> tuple[int, ...] | None:
    return None if names is None else tuple(sorted({table.location_code(name) for name in names}))
