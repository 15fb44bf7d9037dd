"""Reduce survey rows to cells and to what a report says about the rows; merge reductions of parts.

A reduction holds sums, counts, and first occurrences in the order of the source. Therefore the merged reductions of
parts equal that of the whole, however many parts there are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from app.table.cells import Cells, Codes, Values
from app.table.columnar import Columnar
from app.table.keys import distinct_keys, sum_by_key
from app.table.stratification import Pair
from app.table.survey_rows.columns import SKIP_REASONS, Columns
from app.table.survey_rows.differences import differing_measures
from app.table.survey_rows.measures import Variant
from app.table.survey_table import Period
from app.table.usable_rows import sum_skipped


@dataclass(frozen=True, slots=True)
class Names:
    """The names that codes stand for, each sorted; a stratum is a pair of category and name."""

    questions: tuple[str, ...]
    locations: tuple[str, ...]
    strata: tuple[Pair, ...]
    periods: tuple[Period, ...]
    variants: tuple[Variant, ...]
    footnotes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Groups(Columnar):
    """What the rows of each cell of a reduction have in common beside the cell's own keys; shape (cells,).

    Parameters
    ----------
    questions, variants: codes
    differing: the set of ``MEASURES`` in which these rows differ, as bits
    """

    questions: Codes
    variants: Codes
    differing: Codes


@dataclass(frozen=True, slots=True)
class Reduction:
    """Some survey rows, reduced.

    Parameters
    ----------
    names: all that occur in the rows, skipped rows included
    groups, cells: sorted by question, then in the order of ``Cells``
    question_ids, class_names: by the question's text, from its first row that has one
    abbreviations: by the location's name, from its first row that has one
    datasources: all that occur, sorted
    rows_read: number of rows, skipped ones included
    rows_skipped: number of skipped rows by reason
    changed_names: column and text of each name in which control characters were replaced
    layouts: names of the layouts of the files
    missing, missing_in_some: the optional columns that all parts lack, and those that at least one part lacks
    """

    names: Names
    groups: Groups
    cells: Cells
    question_ids: Mapping[str, str]
    class_names: Mapping[str, str]
    abbreviations: Mapping[str, str]
    datasources: tuple[str, ...]
    rows_read: int
    rows_skipped: Mapping[str, int]
    changed_names: frozenset[Pair]
    layouts: frozenset[str]
    missing: frozenset[str]
    missing_in_some: frozenset[str]


def reduce_columns(columns: Columns) -> Reduction:
    """Reduce some rows."""
    kept, skipped = columns.usable_rows()
    rows = columns.cells_of(kept)
    groups = Groups(columns.question[kept], columns.variant[kept], np.zeros(rows.rows.size, dtype=np.int64))
    groups, cells = sum_cells(groups, rows)
    texts, locations = columns.question_texts, columns.location_names
    return Reduction(
        names=Names(
            tuple(texts),
            tuple(locations),
            tuple(columns.stratum_names),
            columns.periods,
            tuple(columns.variants),
            tuple(columns.footnotes),
        ),
        groups=groups,
        cells=cells,
        question_ids=_first_names(columns.question, texts, columns.question_id, columns.question_ids),
        class_names=_first_names(columns.question, texts, columns.class_name, columns.class_names),
        abbreviations=_first_names(columns.location, locations, columns.abbreviation, columns.abbreviations),
        datasources=tuple(columns.datasources),
        rows_read=columns.rows,
        rows_skipped=skipped,
        changed_names=columns.changed_names,
        layouts=frozenset([columns.layout]),
        missing=columns.missing_optional,
        missing_in_some=columns.missing_optional,
    )


def sum_cells(groups: Groups, cells: Cells) -> tuple[Groups, Cells]:
    """Sum the cells that agree in their question, in their variant, and in all keys.

    Returns the groups of the sums and the sums, sorted by question, location, stratum, period, footnote, variant.
    """
    places = (cells.locations, cells.strata, cells.periods, cells.footnotes)
    (questions, locations, strata, periods, footnotes, variants), key_of_cell = distinct_keys(
        (groups.questions, *places, groups.variants)
    )
    differing = differing_measures(cells, groups.differing, key_of_cell, locations.size)

    def total(measure: Codes | Values) -> Values:
        return sum_by_key(key_of_cell, locations.size, measure)

    return Groups(questions, variants, differing), Cells(
        locations,
        strata,
        periods,
        footnotes,
        copies=np.zeros(locations.size, dtype=np.bool_),
        percentages=sum_by_key(key_of_cell, locations.size, cells.percentages) > 0,  # the same in all rows of a variant
        rows=total(cells.rows).astype(np.int64),
        suppressed_rows=total(cells.suppressed_rows).astype(np.int64),
        unreported_rows=total(cells.unreported_rows).astype(np.int64),
        value_sum=total(cells.value_sum),
        value_rest=total(cells.value_rest),
        low_sum=total(cells.low_sum),
        high_sum=total(cells.high_sum),
        variance_sum=total(cells.variance_sum),
        logit_variance_sum=total(cells.logit_variance_sum),
        respondents=total(cells.respondents),
        degrees=total(cells.degrees),
    )


def _first_names(keys: Codes, key_names: Sequence[str], codes: Codes, names: Sequence[str]) -> dict[str, str]:
    """Return for each key the name in its first row that has one."""
    named = np.flatnonzero((codes >= 0) & (keys >= 0))[::-1]
    first = np.full(len(key_names), -1)
    first[keys[named]] = codes[named]  # the last assignment to a key wins, so the rows are assigned backwards
    return {key_names[key]: names[code] for key, code in enumerate(first.tolist()) if code >= 0}


def merge_reductions(parts: Sequence[Reduction]) -> Reduction:
    """Merge at least one reduction, in the order of the source."""
    if len(parts) == 1:
        return parts[0]
    names = Names(*(_union(getattr(part.names, field.name) for part in parts) for field in fields(Names)))
    recoded = [_recode(part, names) for part in parts]
    groups, cells = sum_cells(
        Groups.concatenate([groups for groups, _ in recoded]), Cells.concatenate([cells for _, cells in recoded])
    )
    return Reduction(
        names=names,
        groups=groups,
        cells=cells,
        question_ids=_earliest(part.question_ids for part in parts),
        class_names=_earliest(part.class_names for part in parts),
        abbreviations=_earliest(part.abbreviations for part in parts),
        datasources=_union(part.datasources for part in parts),
        rows_read=sum(part.rows_read for part in parts),
        rows_skipped=sum_skipped([part.rows_skipped for part in parts], SKIP_REASONS),
        changed_names=frozenset[Pair]().union(*(part.changed_names for part in parts)),
        layouts=frozenset.union(*(part.layouts for part in parts)),
        missing=frozenset.intersection(*(part.missing for part in parts)),
        missing_in_some=frozenset.union(*(part.missing_in_some for part in parts)),
    )


def _recode(part: Reduction, names: Names) -> tuple[Groups, Cells]:
    """Return the groups and the cells of a part in the codes of the names of all parts."""
    codes = {
        field.name: _new_codes(getattr(part.names, field.name), getattr(names, field.name)) for field in fields(Names)
    }
    keys = {key: codes[key][getattr(part.cells, key)] for key in ("locations", "strata", "periods", "footnotes")}
    groups = {key: codes[key][getattr(part.groups, key)] for key in ("questions", "variants")}
    return replace(part.groups, **groups), replace(part.cells, **keys)


def _new_codes(names: Sequence[Any], all_names: Sequence[Any]) -> Codes:
    """Return the code among all names of each name; the last entry, which -1 picks, stays -1."""
    code_of = {name: code for code, name in enumerate(all_names)}
    return np.array([*(code_of[name] for name in names), -1], dtype=np.int64)


def _union(names: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    return tuple(sorted({name for of_part in names for name in of_part}))


def _earliest(parts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the value of each key in the first part that has it."""
    earliest: dict[str, str] = {}
    for part in parts:
        earliest = {**part, **earliest}
    return earliest
