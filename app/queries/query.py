"""What a request asks, in the codes of a table."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.errors import InvalidRequestError, quoted
from app.queries.bodies import RANKING_LENGTH, Dimension, QuestionBody, YearRange
from app.table.cells import Cells, Codes, Mask
from app.table.facts import Direction
from app.table.survey_table import SurveyTable


@dataclass(frozen=True, slots=True)
class Filters:
    """The rows that count, by codes of the table; None where a filter is not set.

    ``footnoted`` tells whether rows count that have a value although a footnote marks them as suppressed.
    """

    periods: tuple[int, ...] | None = None
    strata: tuple[int, ...] | None = None
    locations: tuple[int, ...] | None = None
    excluded: tuple[int, ...] | None = None
    footnoted: bool = True


NO_FILTERS = Filters()
NAMES_TOLD = 3  # of the locations or strata that a filter keeps


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many rows a filter has left out, and which rows those are."""

    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class Selection:
    """The cells that the filters leave of a question, and what each filter has left out."""

    cells: Cells
    left_out: tuple[LeftOut, ...]


def select(table: SurveyTable, question: int, filters: Filters, *, needs_value: bool = True) -> Selection:
    """Apply filters to the rows of a question.

    Parameters
    ----------
    needs_value: whether suppressed rows alone are as good as nothing

    Raises
    ------
    InvalidRequestError: nothing is left; the reason names the filter that left nothing
    """
    cells = table.questions[question].cells
    left_out = []
    for filter_ in FILTERS:
        chosen = filter_.choose(cells, filters)
        if chosen is None:
            continue
        dropped, cells = cells.select(~chosen), cells.select(chosen)
        left_out.append(LeftOut(filter_.leaves_out, dropped.count_rows()))
        if not (cells.rows.any() or (cells.suppressed_rows.any() and not needs_value)):
            raise InvalidRequestError(_nothing_left(table, question, filters, filter_.field))
    return Selection(cells, tuple(item for item in left_out if item.rows))


def count_years(table: SurveyTable, question: int, filters: Filters) -> Codes:
    """Return of how many of the years that are asked for the question has rows of each stratum, of any location.

    The shape is (strata + 1,): the code -1, of rows without a stratum, is the last.
    """
    cells = table.questions[question].cells
    held = np.zeros((len(table.strata) + 1, len(table.periods) + 1), np.bool_)
    held[cells.strata, cells.periods] = True
    asked = range(len(table.periods)) if filters.periods is None else filters.periods
    counts: Codes = held[:, list(asked)].sum(axis=1)
    return counts


@dataclass(frozen=True, slots=True)
class _Filter:
    """One filter: its field in a body, what it leaves out, and how it chooses cells (None where it is not set)."""

    field: str
    leaves_out: str
    choose: Callable[[Cells, Filters], Mask | None]


def _among(codes: Codes, wanted: tuple[int, ...] | None) -> Mask | None:
    return None if wanted is None else np.isin(codes, wanted)


def _not_excluded(cells: Cells, filters: Filters) -> Mask | None:
    return None if filters.excluded is None else ~np.isin(cells.locations, filters.excluded)


def _not_footnoted(cells: Cells, filters: Filters) -> Mask | None:
    return None if filters.footnoted else ~cells.footnoted


FILTERS = (
    _Filter("years", "other years", lambda cells, filters: _among(cells.periods, filters.periods)),
    _Filter("stratification", "other strata", lambda cells, filters: _among(cells.strata, filters.strata)),
    _Filter("locations", "other locations", lambda cells, filters: _among(cells.locations, filters.locations)),
    _Filter("exclude", "excluded locations", _not_excluded),
    _Filter("suppressed", "marked as suppressed", _not_footnoted),
)


def _nothing_left(table: SurveyTable, question: int, filters: Filters, field: str) -> str:
    """Say which filter has left nothing, and what there is to choose from."""
    about = table.questions[question].question
    reason = f"the filter {field!r} leaves no row of the question {quoted(about.text)}"
    if field == "years":
        if not about.years:
            return f"{reason}, as this table does not tell the years of its rows; leave it out"
        return f"{reason}; it has the years {', '.join(map(str, about.years))}"
    return f"{reason} that the filters before it have left{_kept_names(table, filters, field)}; ask for others"


def _kept_names(table: SurveyTable, filters: Filters, field: str) -> str:
    """Name what a filter keeps, as a body may ask for it otherwise: by ``state``, by ``between``, or not at all."""
    names: list[str] = []
    if field == "locations":
        names = [table.location_names[code] for code in filters.locations or ()]
    if field == "stratification":
        names = [f"{table.strata[code].category}: {table.strata[code].name}" for code in filters.strata or ()]
    more = f" and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else ""
    return f" (it keeps {', '.join(map(quoted, names[:NAMES_TOLD]))}{more})" if names else ""


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
