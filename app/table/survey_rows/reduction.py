"""Survey rows reduced to cells over names, and to what a report needs of the rows.

Sums, counts, and first occurrences in the order of the source: nothing else, so that the reductions of parts add up to
that of the whole, however many parts there are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from app.table.cells import Cells, Codes, add_up, row_cells
from app.table.survey_rows.columns import SKIP_REASONS, Columns, Sieve
from app.table.survey_table import Period

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Names:
    """What the codes of the cells stand for, each sorted; a stratum is a pair of category and name."""

    questions: tuple[str, ...]
    locations: tuple[str, ...]
    strata: tuple[Pair, ...]
    periods: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class Reduction:
    """What is left of some survey rows.

    Parameters
    ----------
    names: of everything that occurs in the rows, skipped ones included
    questions: the question of each cell as a code, shape (cells,)
    cells: sorted by question, then as ``Cells`` are
    question_ids, class_names: by the question's text, from its first row that has one
    abbreviations: by the location's name, from its first row that has one
    datasources: all that occur, sorted
    rows_read: how many rows there were
    rows_skipped: how many of them were skipped, by reason
    missing, missing_in_some: the optional columns that all parts lack, and those that at least one lacks
    """

    names: Names
    questions: Codes
    cells: Cells
    question_ids: Mapping[str, str]
    class_names: Mapping[str, str]
    abbreviations: Mapping[str, str]
    datasources: tuple[str, ...]
    rows_read: int
    rows_skipped: Mapping[str, int]
    missing: frozenset[str]
    missing_in_some: frozenset[str]


def reduce_columns(columns: Columns) -> Reduction:
    """Reduce some rows."""
    sieve = Sieve(columns)
    kept = sieve.used | sieve.suppressed
    questions, cells = add_up(columns.question[kept], row_cells(columns.rows_of(kept)))
    texts, places = columns.question_texts, columns.location_names
    return Reduction(
        names=Names(tuple(texts), tuple(places), tuple(columns.stratum_names), columns.periods),
        questions=questions,
        cells=cells,
        question_ids=_first_names(columns.question, texts, columns.question_id, columns.question_ids),
        class_names=_first_names(columns.question, texts, columns.class_name, columns.class_names),
        abbreviations=_first_names(columns.location, places, columns.abbreviation, columns.abbreviations),
        datasources=tuple(columns.datasources),
        rows_read=columns.rows,
        rows_skipped=sieve.skipped,
        missing=columns.missing_optional,
        missing_in_some=columns.missing_optional,
    )


def _first_names(keys: Codes, key_names: Sequence[str], codes: Codes, names: Sequence[str]) -> dict[str, str]:
    """Return for each key the name in its first row that has one."""
    named = np.flatnonzero((codes >= 0) & (keys >= 0))[::-1]
    first = np.full(len(key_names), -1)
    first[keys[named]] = codes[named]  # of a key's rows the last one holds, and they come backwards
    return {key_names[key]: names[code] for key, code in enumerate(first.tolist()) if code >= 0}


def merge_reductions(parts: Sequence[Reduction]) -> Reduction:
    """Add up reductions that stand in the order of the source; at least one."""
    if len(parts) == 1:
        return parts[0]
    names = Names(*(_union(getattr(part.names, field.name) for part in parts) for field in fields(Names)))
    recoded = [_recoded(part, names) for part in parts]
    questions = np.concatenate([questions for questions, _ in recoded])
    questions, cells = add_up(questions, _joined([cells for _, cells in recoded]))
    return Reduction(
        names=names,
        questions=questions,
        cells=cells,
        question_ids=_earliest(part.question_ids for part in parts),
        class_names=_earliest(part.class_names for part in parts),
        abbreviations=_earliest(part.abbreviations for part in parts),
        datasources=_union(part.datasources for part in parts),
        rows_read=sum(part.rows_read for part in parts),
        rows_skipped=_counts([part.rows_skipped for part in parts]),
        missing=frozenset.intersection(*(part.missing for part in parts)),
        missing_in_some=frozenset.union(*(part.missing_in_some for part in parts)),
    )


def _union(names: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    return tuple(sorted({name for of_part in names for name in of_part}))


def _recoded(part: Reduction, names: Names) -> tuple[Codes, Cells]:
    """Return the questions and the cells of a part in the codes of other names."""
    new = {
        field.name: _new_codes(getattr(part.names, field.name), getattr(names, field.name)) for field in fields(Names)
    }
    measures = {field.name: getattr(part.cells, field.name) for field in fields(Cells)}
    for key in ("locations", "strata", "periods"):
        measures[key] = new[key][measures[key]]
    return new["questions"][part.questions], Cells(**measures)


def _new_codes(names: Sequence[Any], among: Sequence[Any]) -> Codes:
    """Return the new code of each old one; the last place, which -1 stands for, stays -1."""
    code_of = {name: code for code, name in enumerate(among)}
    return np.array([*(code_of[name] for name in names), -1], dtype=np.int64)


def _joined(parts: Sequence[Cells]) -> Cells:
    return Cells(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Cells)))


def _earliest(parts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in parts:
        found = {**part, **found}
    return found


def _counts(parts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    totals = {reason: sum(part.get(reason, 0) for part in parts) for reason in SKIP_REASONS}
    return {reason: count for reason, count in totals.items() if count}
