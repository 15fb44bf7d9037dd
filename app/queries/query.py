"""Queries: what a request asks in the codes of one table, and the selection of the rows that its filters leave."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.errors import InvalidRequestError, join_first, quoted
from app.queries.bodies import QuestionBody, YearRange
from app.table.cells import Cells, Codes, Mask
from app.table.survey_table import SurveyTable

FILTER_FIELDS = frozenset({"years", "stratification", "locations", "exclude", "suppressed", "standardize"})
NAMES_LISTED = 3  # locations or strata that an error message names


@dataclass(frozen=True, slots=True)
class Filters:
    """The rows to use, in codes of the table; None where a filter is not set.

    ``joint`` are strata of several categories at once, left out unless ``strata`` is set: those who are in them are in
    strata of one category too. ``footnoted`` says whether to use rows that have a value although a footnote marks them
    as suppressed, ``copies`` whether a row that the table holds several times counts as often, ``standardized`` whether
    to use the rows that are standardised by age instead of the others.
    """

    periods: tuple[int, ...] | None = None
    strata: tuple[int, ...] | None = None
    locations: tuple[int, ...] | None = None
    excluded: tuple[int, ...] | None = None
    joint: tuple[int, ...] = ()
    footnoted: bool = True
    copies: bool = True
    standardized: bool = False


NO_FILTERS = Filters()


@dataclass(frozen=True, slots=True)
class Query:
    """A question with its filters, in the codes of the table that the request was validated against.

    A statistic that takes more than this derives a class of its own, frozen too: results are cached by their query.
    """

    question: int
    filters: Filters = NO_FILTERS

    @property
    def requested_periods(self) -> tuple[int, ...] | None:
        """The periods that the request names, None if it names none."""
        return self.filters.periods

    @property
    def selections(self) -> tuple[tuple[int, Filters], ...]:
        """Every question, with its filters, whose rows the result rests on; the first is the main one."""
        return ((self.question, self.filters),)

    def caveats(self, table: SurveyTable) -> list[str]:
        """Return what a reader of the result should know beside what ``app.queries.caveats`` finds."""
        return []


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many rows a filter has left out, and which rows those are."""

    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class Selection:
    """The cells of a question that the filters leave, and what each filter has left out."""

    cells: Cells
    left_out: tuple[LeftOut, ...]


def select(table: SurveyTable, question: int, filters: Filters, *, needs_value: bool = True) -> Selection:
    """Apply filters to the rows of a question.

    Parameters
    ----------
    needs_value: whether a selection of suppressed rows alone counts as empty

    Raises
    ------
    InvalidRequestError: no row is left; the reason names the filter that removed the last one
    """
    cells = _rows_of(table, question, filters)
    left_out = []
    for filter_ in FILTERS:
        chosen = filter_.choose(cells, filters)
        if chosen is None:
            continue
        dropped, cells = cells.select(~chosen), cells.select(chosen)
        left_out.append(LeftOut(filter_.leaves_out, dropped.count_rows()))
        if not (cells.rows.any() or (cells.suppressed_rows.any() and not needs_value)):
            raise _nothing_left(table, question, filters, filter_.field)
    return Selection(cells, tuple(item for item in left_out if item.rows))


def _rows_of(table: SurveyTable, question: int, filters: Filters) -> Cells:
    """Return the rows of a question that its other filters choose from."""
    data = table.questions[question]
    return data.standardized if filters.standardized and data.standardized is not None else data.cells


def count_years(table: SurveyTable, question: int, filters: Filters) -> Codes:
    """Count, for each stratum, the requested years in which the question has rows of any location.

    The shape is (strata + 1,): the last is the code -1, of rows without a stratum.
    """
    cells = table.questions[question].cells
    held = np.zeros((len(table.strata) + 1, len(table.periods) + 1), np.bool_)
    held[cells.strata, cells.periods] = True
    requested = range(len(table.periods)) if filters.periods is None else filters.periods
    counts: Codes = held[:, list(requested)].sum(axis=1)
    return counts


def question_and_filters(body: QuestionBody, table: SurveyTable) -> tuple[int, Filters]:
    """Return the question of a body, and its filters.

    Raises
    ------
    InvalidRequestError: the table has no such question, value type, location, category or stratum
    """
    question = table.question_code(body.question, body.value_type, body.response)
    joint = table.joint_strata[question]
    if not (joint or body.model_fields_set & FILTER_FIELDS):
        return question, NO_FILTERS
    stratification = body.stratification
    return question, Filters(
        periods=None if body.years is None else periods_in(body.years, table),
        strata=None if stratification is None else table.strata_codes(stratification.category, stratification.value),
        locations=_location_codes(body.locations, table, "locations"),
        excluded=_location_codes(body.exclude, table, "exclude"),
        joint=joint if stratification is None else (),
        footnoted=body.suppressed == "include",
        standardized=_standardized(body, table),
    )


def _standardized(body: QuestionBody, table: SurveyTable) -> bool:
    """Return whether a body asks for figures that are standardised by age.

    Raises
    ------
    InvalidRequestError: the table has none, or none of the category
    """
    if body.standardize is None:
        return False
    categories = table.standardized_categories
    if not categories:
        raise InvalidRequestError(
            'this table has no figures standardised by age: leave "standardize" out. Only tables from records of '
            "respondents have them, if their mapping names a standard population",
            "standardize",
            words="This table has no figures standardised by age.",
        )
    if body.stratification is not None and table.category_name(body.stratification.category) not in categories:
        named = ", ".join(map(quoted, categories))
        raise InvalidRequestError(
            f"the table has figures standardised by age for {named}, not for {quoted(body.stratification.category)}",
            "standardize",
        )
    return True


def periods_in(years: YearRange | tuple[int, ...], table: SurveyTable) -> tuple[int, ...]:
    """Return the codes of the periods that lie entirely within the years."""
    if isinstance(years, YearRange):
        return tuple(c for c, period in enumerate(table.periods) if years.covers(period.first, period.last))
    return tuple(
        code
        for code, period in enumerate(table.periods)
        if all(year in years for year in range(period.first, period.last + 1))
    )


def _location_codes(names: tuple[str, ...] | None, table: SurveyTable, field: str) -> tuple[int, ...] | None:
    if names is None:
        return None
    # Sorted and unique, so that the same locations in another order make the same query, which is then cached once.
    return tuple(sorted({table.location_code(name, f"{field}.{place}") for place, name in enumerate(names)}))


@dataclass(frozen=True, slots=True)
class _Filter:
    """One filter: its field in a body, the rows that it leaves out, and its choice of cells (None if it is not set)."""

    field: str
    leaves_out: str
    choose: Callable[[Cells, Filters], Mask | None]


def _among(codes: Codes, wanted: tuple[int, ...] | None) -> Mask | None:
    return None if wanted is None else np.isin(codes, wanted)


def _not_excluded(cells: Cells, filters: Filters) -> Mask | None:
    return None if filters.excluded is None else ~np.isin(cells.locations, filters.excluded)


def _not_joint(cells: Cells, filters: Filters) -> Mask | None:
    return ~np.isin(cells.strata, filters.joint) if filters.joint and filters.strata is None else None


def _not_footnoted(cells: Cells, filters: Filters) -> Mask | None:
    return None if filters.footnoted else ~cells.footnoted


def _not_copies(cells: Cells, filters: Filters) -> Mask | None:
    return None if filters.copies or not cells.copies.any() else ~cells.copies


# Applied in this order. Each row that is left out counts once, for the first filter that rejects it.
FILTERS = (
    _Filter("years", "other years", lambda cells, filters: _among(cells.periods, filters.periods)),
    _Filter("stratification", "other strata", lambda cells, filters: _among(cells.strata, filters.strata)),
    _Filter("stratification", "strata of several categories", _not_joint),
    _Filter("locations", "other locations", lambda cells, filters: _among(cells.locations, filters.locations)),
    _Filter("exclude", "excluded locations", _not_excluded),
    _Filter("suppressed", "marked as suppressed", _not_footnoted),
    _Filter("", "identical to a row that was used", _not_copies),  # never leaves nothing, so no field is to blame
)


def _nothing_left(table: SurveyTable, question: int, filters: Filters, field: str) -> InvalidRequestError:
    """Return the error that says which filter removed the last row, and what there is to choose from."""
    about = table.questions[question].question
    reason = f"the filter {field!r} leaves no row of the question {quoted(about.text)}"
    if field == "years":
        if not about.years:
            reason += ", because this table does not give the years of its rows; leave it out"
            return InvalidRequestError(reason, field, words="This question has figures without years: choose none.")
        years = ", ".join(map(str, about.years))
        words = f"This question has no figures of these years. It has those of {years}."
        return InvalidRequestError(f"{reason}; it has the years {years}", field, words=words)
    names = _kept_names(table, filters, field)
    listed = f" (it keeps {names})" if names else ""
    reason += f" that the filters before it have left{listed}; choose others"
    words = f"With the other choices, this question has no figures{f' of {names}' if names else ''}."
    others = _years_kept(table, question, filters, field)
    if not others:
        return InvalidRequestError(reason, field, words=words)
    known = ", ".join(others)
    reason += f", or other years: of these, the question has figures of {known}"
    asked = ", ".join(str(table.periods[code].label) for code in filters.periods or ())
    words = f"There are no such figures of {asked}, only of {known}."
    return InvalidRequestError(reason, "years", others, words)


def _years_kept(table: SurveyTable, question: int, filters: Filters, field: str) -> list[str]:
    """Return the years in which a filter keeps rows of a question, the latest first; none if no years were chosen."""
    if filters.periods is None:
        return []
    cells = _rows_of(table, question, filters)
    for filter_ in FILTERS:
        chosen = filter_.choose(cells, filters) if filter_.field == field else None
        cells = cells if chosen is None else cells.select(chosen)
    return [str(table.periods[code].label) for code in sorted(set(cells.periods.tolist()), reverse=True) if code >= 0]


def _kept_names(table: SurveyTable, filters: Filters, field: str) -> str:
    """Name what a filter keeps, as the client may have set it by another field, such as ``state`` or ``between``."""
    names: list[str] = []
    if field == "locations":
        names = [table.location_names[code] for code in filters.locations or ()]
    if field == "stratification":
        names = [f"{table.strata[code].category}: {table.strata[code].name}" for code in filters.strata or ()]
    return join_first([quoted(name) for name in names], NAMES_LISTED)
