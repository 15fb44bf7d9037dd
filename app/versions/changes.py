"""Compare two versions of the table by names: cells added, removed and changed, the largest changes first."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.table.cells import TIE_DECIMALS, Cells, Codes, Mask, Values
from app.table.columnar import Columnar
from app.table.keys import distinct_keys, pack_codes
from app.table.question import Question, QuestionData
from app.table.survey_table import Period, Stratum, SurveyTable

Kind = Literal["changed", "added", "removed"]

KINDS: tuple[Kind, ...] = ("changed", "added", "removed")  # by code, in the order in which they are listed
CHANGED, ADDED, REMOVED = range(3)

Name = TypeVar("Name", bound=Hashable)
Part = TypeVar("Part", bound=Columnar)


@dataclass(frozen=True, slots=True)
class Figures(Columnar):
    """What a version says about cells. A cell of several rows has the mean of their values and limits.

    Parameters
    ----------
    values, low, high: NaN if unknown
    respondents: sample sizes, NaN if unknown
    rows: number of rows, suppressed ones included; 0 if the version lacks the cell
    suppressed: whether no row has a value
    footnotes: codes of ``Comparison.footnotes``, -1 without one
    """

    values: Values
    low: Values
    high: Values
    respondents: Values
    rows: Codes
    suppressed: Mask
    footnotes: Codes


@dataclass(frozen=True, slots=True)
class Keys(Columnar):
    """Which cells: codes of a comparison's names, -1 for none. ``kinds`` are codes of ``KINDS``."""

    kinds: Codes
    questions: Codes
    standardized: Mask
    locations: Codes
    strata: Codes
    periods: Codes


@dataclass(frozen=True, slots=True)
class Changes:
    """The cells that differ, each with its figures in the old and in the new version; the largest change first."""

    keys: Keys
    old: Figures
    new: Figures

    @staticmethod
    def concatenate(parts: Sequence["Changes"]) -> "Changes":
        """Return the changes of at least one part, in order."""
        return Changes(
            Keys.concatenate([part.keys for part in parts]),
            Figures.concatenate([part.old for part in parts]),
            Figures.concatenate([part.new for part in parts]),
        )

    def take(self, places: NDArray[np.int64] | slice) -> "Changes":
        """Return the changes at some places."""
        return Changes(_at(self.keys, places), _at(self.old, places), _at(self.new, places))

    def differences(self) -> Values:
        """Return new less old values, rounded so that ties are ties; NaN where a version has no value."""
        differences: Values = np.round(self.new.values - self.old.values, TIE_DECIMALS)
        return differences


class Count(NamedTuple):
    """How many cells of a question and a period differ, and by how much their values do at most (0 if none does)."""

    question: Question
    standardized: bool
    period: Period | None
    changed: int
    added: int
    removed: int
    largest: float


@dataclass(frozen=True)
class Comparison:
    """What changed from an old version of the table to a new one.

    Parameters
    ----------
    old_id, new_id: ids of the versions
    questions: those of both versions, the new ones first
    locations, strata, periods: names of both versions, sorted
    same: number of cells that are equal
    """

    old_id: str
    new_id: str
    questions: tuple[Question, ...]
    locations: tuple[str, ...]
    strata: tuple[Stratum, ...]
    periods: tuple[Period, ...]
    footnotes: tuple[str, ...]
    changes: Changes
    same: int

    @cached_property
    def totals(self) -> dict[Kind, int]:
        """How many cells differ, by kind."""
        counts = np.bincount(self.changes.keys.kinds, minlength=len(KINDS)).tolist()
        return dict(zip(KINDS, counts, strict=True))

    @property
    def size(self) -> int:
        """The number of changes."""
        return int(self.changes.keys.kinds.size)

    @property
    def bytes(self) -> int:
        """The bytes that its arrays take up."""
        parts = (self.changes.keys, self.changes.old, self.changes.new)
        return sum(getattr(part, field.name).nbytes for part in parts for field in fields(part))

    @cached_property
    def counts(self) -> tuple[Count, ...]:
        """The changes counted by question and period, in that order."""
        keys = self.changes.keys
        columns, group_of = distinct_keys([keys.questions, keys.standardized.astype(np.int64), keys.periods])
        groups = columns[0].size
        kinds = [np.bincount(group_of[keys.kinds == kind], minlength=groups).tolist() for kind in range(len(KINDS))]
        largest = np.zeros(groups)
        np.maximum.at(largest, group_of, np.nan_to_num(np.abs(self.changes.differences())))
        rows = zip(*(column.tolist() for column in columns), *kinds, largest.tolist(), strict=True)
        return tuple(
            Count(self.questions[question], bool(standardized), self.period(period), *counts)
            for question, standardized, period, *counts in rows
        )

    def period(self, code: int) -> Period | None:
        """Return the period with a code; None for rows without one."""
        return self.periods[code] if code >= 0 else None

    def places(self, questions: Sequence[int] | None = None, year: int | None = None) -> Codes:
        """Return the places of the changes to some questions, in periods with a year; by default of all.

        Parameters
        ----------
        questions: codes
        """
        chosen: Mask = np.ones(self.size, dtype=np.bool_)
        if questions is not None:
            chosen &= np.isin(self.changes.keys.questions, questions)
        if year is not None:
            periods = [code for code, period in enumerate(self.periods) if year in period.years]
            chosen &= np.isin(self.changes.keys.periods, periods)
        return np.flatnonzero(chosen)


def compare(old: SurveyTable, new: SurveyTable) -> Comparison:
    """Compare two versions, question by question, so that memory for the work is bounded by the largest one."""
    names = _Names(old, new)
    same = 0
    parts: list[Changes] = []
    for code, key in enumerate(names.questions):
        for standardized in (False, True):
            pair = [_cells_of(sides.get(key), standardized) for sides in names.data]
            present = next((cells for cells in pair if cells is not None), None)
            if present is not None:
                sides = [cells or present.select(slice(0)) for cells in pair]
                equal, found = _compare_cells(sides, names, (code, standardized))
                same += equal
                parts += found
    changes = Changes.concatenate(parts)
    return Comparison(
        old_id=old.id,
        new_id=new.id,
        questions=names.question_list,
        locations=names.locations,
        strata=names.strata,
        periods=names.periods,
        footnotes=names.footnotes,
        changes=changes.take(_by_size(changes)),
        same=same,
    )


class _Names:
    """The names of two versions together, and the codes in them of each version's own codes."""

    def __init__(self, *tables: SurveyTable) -> None:
        self.data = [{_key_of(data.question): data for data in table.questions} for table in tables]
        # Those of the new version first: their order, and what else it says about them, is what people know.
        self.questions = list(dict.fromkeys(key for sides in reversed(self.data) for key in sides))
        self.question_list = tuple((self.data[1].get(key) or self.data[0][key]).question for key in self.questions)
        self.locations = tuple(sorted({name for table in tables for name in table.location_names}))
        strata = {stratum for table in tables for stratum in table.strata}
        self.strata = tuple(sorted(strata, key=lambda stratum: (stratum.category, stratum.name)))
        self.periods = tuple(sorted({period for table in tables for period in table.periods}))
        self.footnotes = tuple(sorted({text for table in tables for text in table.report.footnotes}))
        self.codes = [
            (
                _codes(table.location_names, self.locations),
                _codes(table.strata, self.strata),
                _codes(table.periods, self.periods),
            )
            for table in tables
        ]
        self.footnote_codes = [_codes(table.report.footnotes, self.footnotes) for table in tables]


def _key_of(question: Question) -> tuple[str, str | None, str | None]:
    return question.text, question.response, question.value_type


def _codes(own: Sequence[Name], names: Sequence[Name]) -> Codes:
    """Return the code in ``names`` of each code in ``own``. Code -1, none, stays so: it is the last entry."""
    places = {name: code for code, name in enumerate(names)}
    return np.array([*(places[name] for name in own), -1], dtype=np.int64)


def _cells_of(data: QuestionData | None, standardized: bool) -> Cells | None:
    if data is None:
        return None
    return data.standardized if standardized else data.cells


def _compare_cells(sides: Sequence[Cells], names: _Names, question: tuple[int, bool]) -> tuple[int, list[Changes]]:
    """Compare the cells of one question.

    Parameters
    ----------
    sides: old and new cells
    question: its code, and whether the cells are standardised by age

    Returns
    -------
    how many cells are equal, and the changes by kind
    """
    own = [
        (locations[cells.locations], strata[cells.strata], periods[cells.periods])
        for cells, (locations, strata, periods) in zip(sides, names.codes, strict=True)
    ]
    old, new = (_figures(cells, codes) for cells, codes in zip(sides, names.footnote_codes, strict=True))
    old_keys, new_keys = _packed(own)
    _, in_old, in_new = np.intersect1d(old_keys, new_keys, assume_unique=True, return_indices=True)
    differs = _differ(_at(old, in_old), _at(new, in_new))
    only_old, only_new = _others(old_keys.size, in_old), _others(new_keys.size, in_new)

    def keys_of(kind: int, side: int, places: Codes) -> Keys:
        codes = [column[places] for column in own[side]]
        kinds, questions = np.full(places.size, kind), np.full(places.size, question[0])
        return Keys(kinds, questions, np.full(places.size, question[1]), *codes)

    found = [
        Changes(keys_of(CHANGED, 1, in_new[differs]), _at(old, in_old[differs]), _at(new, in_new[differs])),
        Changes(keys_of(ADDED, 1, only_new), _missing(only_new.size), _at(new, only_new)),
        Changes(keys_of(REMOVED, 0, only_old), _at(old, only_old), _missing(only_old.size)),
    ]
    return int(differs.size - np.count_nonzero(differs)), found


def _at(part: Part, places: Codes | slice) -> Part:
    """Return the rows at some places."""
    return type(part)(*(getattr(part, field.name)[places] for field in fields(part)))


def _figures(cells: Cells, footnotes: Codes) -> Figures:
    """Return the figures of cells as they are published."""
    valued = cells.rows > 0
    rows = np.maximum(cells.rows, 1)

    def figure(total: Values) -> Values:
        return np.where(valued, total / rows, np.nan)

    return Figures(
        figure(cells.value_sum + cells.value_rest),
        figure(cells.low_sum),
        figure(cells.high_sum),
        respondents=np.where(valued, cells.respondents, np.nan),
        rows=cells.rows + cells.suppressed_rows,
        suppressed=~valued,
        footnotes=footnotes[cells.footnotes],
    )


def _missing(size: int) -> Figures:
    """Return the figures of cells that a version lacks."""
    unknown = np.full(size, np.nan)
    none = np.zeros(size, dtype=np.int64)
    return Figures(unknown, unknown, unknown, unknown, none, none.astype(np.bool_), none - 1)


def _packed(own: Sequence[tuple[Codes, Codes, Codes]]) -> tuple[Codes, Codes]:
    """Return one distinct integer for each cell, equal in both versions where location, stratum and period are.

    Cells that repeat a location, stratum and period are numbered: copies of a row, and rows with another footnote.
    """
    columns = [np.concatenate(parts) for parts in zip(*own, strict=True)]
    old_size = own[0][0].size
    if not columns[0].size:
        return columns[0], columns[0]
    packed, _ = pack_codes(columns)
    numbers = np.concatenate([_numbers(packed[:old_size]), _numbers(packed[old_size:])])
    if numbers.any():
        packed, _ = pack_codes([packed, numbers])
    return packed[:old_size], packed[old_size:]


def _numbers(keys: Codes) -> Codes:
    """Return how many equal keys come before each."""
    order = np.argsort(keys, kind="stable")
    ordered, places = keys[order], np.arange(keys.size)
    is_first = np.append(True, ordered[1:] != ordered[:-1])[: keys.size]
    numbers = np.empty(keys.size, dtype=np.int64)
    numbers[order] = places - np.maximum.accumulate(np.where(is_first, places, 0))
    return numbers


def _others(size: int, places: Codes) -> Codes:
    """Return all places below a size but some."""
    left = np.ones(size, dtype=np.bool_)
    left[places] = False
    return np.flatnonzero(left)


def _differ(old: Figures, new: Figures) -> Mask:
    """Return which cells differ in any figure; NaN equals NaN."""
    differ = np.zeros(old.rows.size, dtype=np.bool_)
    for field in fields(Figures):
        before, after = getattr(old, field.name), getattr(new, field.name)
        differ |= (before != after) & ~((before != before) & (after != after))  # noqa: PLR0124 - NaN alone does
    return differ


def _by_size(changes: Changes) -> Codes:
    """Return the order of changes: changed values by size, values that came or went, other changes; added; removed."""
    keys = changes.keys
    sizes = np.nan_to_num(np.abs(changes.differences()))
    came_or_went = changes.old.suppressed != changes.new.suppressed
    minor = np.where((keys.kinds != CHANGED) | (sizes > 0), 0, np.where(came_or_went, 1, 2))
    by_name = (keys.strata, keys.locations, keys.periods, keys.standardized, keys.questions)
    return np.lexsort((*by_name, -sizes, minor, keys.kinds))
