"""Caveats: what a reader of a result should know about the rows that it rests on. They become ``provenance.notes``."""

from collections.abc import Iterator, Sequence

import numpy as np

from app.errors import join_first
from app.queries.query import Filters, Query, select
from app.table.cells import Cells, Mask
from app.table.estimates import Estimates, with_limits, yearly_estimates
from app.table.stratification import TOTAL
from app.table.survey_table import Period, SurveyTable

PLACES_LISTED = 10
BRFSS_MARKS = ("behavioral risk factor", "brfss")  # in the name of a data source
NEW_METHOD = 2011  # BRFSS added cell phones and raking
AGE_ADJUSTED = ("age-adjusted", "age-standardized")  # in the name of a value type
FEWEST_TURNS = 4  # alternations that chance would give once in eight series are not worth a note
TURN_ERRORS = 3.0  # standard errors by which a year is off the middle of its neighbours

CRUDE = "crude figures, not age-adjusted: part of a difference between places, groups or years may be due to their ages"
STANDARDIZED = (
    "standardised by age: compare with figures of the same standard population only; they are not what the survey found"
)
METHOD_CHANGED = (
    f"BRFSS changed its sampling and weighting in {NEW_METHOD}: do not compare earlier years with those from then on"
)


def caveats_of(table: SurveyTable, query: Query) -> list[str]:
    """Return the caveats of a result, as sentences."""
    cells = [select(table, question, filters, needs_value=False).cells for question, filters in query.selections]
    selected = np.any([_held(table, each)[1][:-1] for each in cells], axis=0)
    periods = [table.periods[code] for code in np.flatnonzero(selected).tolist()]
    return [
        *_all_without_data(table, query, cells),
        *_unshared_years(table, query),
        *_crude(table, query),
        *_method_changed(table, periods),
        *dict.fromkeys(note for question, _ in query.selections for note in _alternation(table, question, periods)),
        *_copies(cells),
        *query.caveats(table),
    ]


def _all_without_data(table: SurveyTable, query: Query, cells: Sequence[Cells]) -> list[str]:
    """Return what is without data, with the question if there are two; once, if two selections lack the same."""
    notes = []
    several = len({question for question, _ in query.selections}) > 1
    for (question, filters), selected in zip(query.selections, cells, strict=True):
        about = table.questions[question].question
        named = f"{about.id or about.text}: " if several else ""
        notes += [named + note for note in _without_data(table, question, filters, selected)]
    return list(dict.fromkeys(notes))


def _without_data(table: SurveyTable, question: int, filters: Filters, cells: Cells) -> Iterator[str]:
    """Yield the requested years without any row, and the locations without a value in the others."""
    asked_places, asked_years = _held(table, table.questions[question].cells)
    held = np.zeros((len(table.locations), len(table.periods) + 1), np.bool_)  # the last column is for unknown years
    held[cells.locations[cells.rows > 0], cells.periods[cells.rows > 0]] = True
    requested = range(len(table.periods)) if filters.periods is None else filters.periods
    never = [str(table.periods[code].label) for code in requested if not asked_years[code]]
    if never and filters.periods is not None:
        yield f"the question has no rows in {', '.join(never)}"
    years = np.array([code for code in requested if asked_years[code]], dtype=np.int64)
    places = set(np.flatnonzero(asked_places).tolist() if filters.locations is None else filters.locations)
    lacking = []
    for place in sorted(places - set(filters.excluded or ())):
        labels = [str(table.periods[code].label) for code in years[~held[place, years]].tolist()]
        if labels:
            lacking.append(f"{table.location_names[place]} in {', '.join(labels)}")
    if lacking:
        yield f"without data: {join_first(lacking, PLACES_LISTED, '; ')}"


def _held(table: SurveyTable, cells: Cells) -> tuple[Mask, Mask]:
    """Return the locations and the periods that cells are about, as masks over the codes; the last period is -1."""
    locations, periods = np.zeros(len(table.locations), np.bool_), np.zeros(len(table.periods) + 1, np.bool_)
    locations[cells.locations] = True
    periods[cells.periods] = True
    return locations, periods


def _unshared_years(table: SurveyTable, query: Query) -> Iterator[str]:
    """Yield the years that only one of two questions has."""
    questions = {question for question, _ in query.selections}
    if len(questions) < 2:
        return
    first, second = (set(table.questions[question].question.years) for question, _ in query.selections)
    asked = query.requested_periods
    wanted = first | second if asked is None else {year for code in asked for year in table.periods[code].years}
    unshared = sorted((first ^ second) & wanted)
    if unshared:
        yield f"only one of the two questions has the years {', '.join(map(str, unshared))}"


def _crude(table: SurveyTable, query: Query) -> Iterator[str]:
    if query.filters.standardized:
        yield STANDARDIZED
        return
    types = [table.questions[question].question.value_type or "" for question, _ in query.selections]
    if not all(any(mark in name.lower() for mark in AGE_ADJUSTED) for name in types):
        yield CRUDE


def comparable_years(table: SurveyTable, years: Sequence[int]) -> list[int]:
    """Return the years whose figures can be compared with those of the latest, by the method of the survey."""
    return [year for year in years if year >= NEW_METHOD or years[-1] < NEW_METHOD or not _is_brfss(table)]


def _is_brfss(table: SurveyTable) -> bool:
    sources = " ".join(table.report.datasources).lower()
    return any(mark in sources for mark in BRFSS_MARKS)


def _method_changed(table: SurveyTable, periods: Sequence[Period]) -> Iterator[str]:
    across = periods and periods[0].first < NEW_METHOD <= periods[-1].last
    if across and _is_brfss(table):
        yield METHOD_CHANGED


def _copies(cells: Sequence[Cells]) -> Iterator[str]:
    """Yield how many identical rows count several times; estimates have left them out."""
    rows = sum(each.select(each.copies).count_rows() for each in cells)
    if rows:
        yield f"{rows} of the rows are identical to another one and count each time"


def _alternation(table: SurveyTable, question: int, periods: Sequence[Period]) -> Iterator[str]:
    """Yield a note if the nation's figures go up and down from year to year, and the selection has both parities."""
    nation = _national_series(table, question)
    years = nation.periods.tolist()
    turns = _turns(nation, [table.periods[code].first for code in years])
    if len(turns) < FEWEST_TURNS:
        return
    first, last = turns[0] - 1, turns[-1]
    if {period.first % 2 for period in periods if first <= period.first <= last} == {0, 1}:
        yield (
            f"the nation's figures alternate between odd and even years from {first} to {last}, more than the survey's "
            "error allows: compare odd years with odd ones and even years with even ones"
        )


def _national_series(table: SurveyTable, question: int) -> Estimates:
    """Return the yearly estimates of everybody in the nation; empty if the table has none."""
    cells = table.questions[question].cells
    total = table.categories.get(TOTAL, {}).get(TOTAL)
    if table.national_code is None or total is None:
        return yearly_estimates(cells.select(slice(0)))
    chosen = (cells.locations == table.national_code) & (cells.strata == total) & (cells.periods >= 0) & ~cells.copies
    return with_limits(yearly_estimates(cells.select(chosen)))


def _turns(series: Estimates, years: Sequence[int]) -> list[int]:
    """Return the longest run of years that lie above and below the middle of their neighbours in turn."""
    values, errors = series.values, series.errors
    longest: list[int] = []
    run: list[int] = []
    last_side = 0.0
    for place in range(1, len(years) - 1):
        off = values[place] - (values[place - 1] + values[place + 1]) / 2
        error = np.sqrt(errors[place] ** 2 + (errors[place - 1] ** 2 + errors[place + 1] ** 2) / 4)
        consecutive = years[place + 1] - years[place - 1] == 2
        side = np.sign(off) if consecutive and abs(off) > TURN_ERRORS * error else 0.0
        run = [] if not side else [*run, years[place]] if side == -last_side else [years[place]]
        last_side = side
        longest = max(longest, run, key=len)
    return longest
