"""Rows of a question that repeat the location, year and stratum of another one: identical copies, or in conflict.

Estimates use one row for each location, year and stratum. So identical rows count once, and rows that differ, among
which the server cannot choose, are a ``Conflict``.
"""

from dataclasses import fields, replace

import numpy as np

from app.table.cells import TIE_DECIMALS, Cells, Codes, Mask
from app.table.conflict import Conflict
from app.table.keys import distinct_keys, sum_by_key
from app.table.survey_rows.differences import MEASURES, differing_measures, keys_that_differ
from app.table.survey_rows.reduction import Groups, Names

EXAMPLES = 3
KEYS = ("locations", "strata", "periods", "footnotes", "copies", "percentages")
COUNTS = ("rows", "suppressed_rows", "unreported_rows")
PUBLISHED_SUMS = ("low_sum", "high_sum", "respondents")  # rounded, so that a copied figure is the published one


def separate_copies(cells: Cells, groups: Groups, names: Names) -> tuple[Cells, Conflict | None]:
    """Put identical rows into cells of their own, or return why rows of the same place differ.

    Parameters
    ----------
    cells, groups: those of one question, sorted by location, stratum and period

    Returns
    -------
    the cells, of which those without ``copies`` hold one row for each known location, year and stratum; or the cells as
    they are with their conflict
    """
    repeated = _repeated(cells)
    if not repeated.any():
        return cells, None
    conflict = _find_conflict(cells.select(repeated), groups.select(repeated), names)
    return (cells, conflict) if conflict else (_with_copies(cells, repeated), None)


def _repeated(cells: Cells) -> Mask:
    """Return which cells hold several rows of a known year, or one of several rows of the same place."""
    keys = (cells.locations, cells.strata, cells.periods)  # sorted, so that equal ones are neighbours
    as_next = np.logical_and.reduce([key[1:] == key[:-1] for key in keys])
    several = cells.rows + cells.suppressed_rows > 1
    several[1:] |= as_next
    several[:-1] |= as_next
    repeated: Mask = several & (cells.periods >= 0)
    return repeated


def _keys_of(cells: Cells) -> tuple[Codes, Codes, Codes, Codes]:
    """Return the distinct locations, strata and periods of the cells, and the position of each cell's among them."""
    (locations, strata, periods), key_of_cell = distinct_keys([cells.locations, cells.strata, cells.periods])
    return locations, strata, periods, key_of_cell


def _find_conflict(cells: Cells, groups: Groups, names: Names) -> Conflict | None:
    """Return the conflict between cells, or between the rows of a cell, of the same location, year and stratum."""
    (locations, strata, periods, key_of_cell) = _keys_of(cells)
    measures = differing_measures(cells, groups.differing, key_of_cell, locations.size)
    keys_by_column = {
        **{name: np.flatnonzero(measures & (1 << position)) for position, name in enumerate(MEASURES)},
        "Data_Value_Footnote_Symbol": keys_that_differ(cells.footnoted.astype(np.int64), key_of_cell, locations.size),
    }
    keys_by_column = {column: keys for column, keys in keys_by_column.items() if keys.size}
    if not keys_by_column:
        return None
    differing = np.unique(np.concatenate(list(keys_by_column.values())))
    rows = sum_by_key(key_of_cell, locations.size, cells.rows + cells.suppressed_rows)
    examples = [
        f"{_place_name(names, locations[key], strata[key], periods[key])} ({rows[key]:.0f} rows)"
        for key in differing[:EXAMPLES].tolist()
    ]
    return Conflict(differing.size, tuple(examples), tuple(keys_by_column))


def _place_name(names: Names, location: int, stratum: int, period: int) -> str:
    category, name = names.strata[stratum] if stratum >= 0 else ("no stratum", "")
    group = name if name in {"", category} else f"{category} {name}"
    return ", ".join((names.locations[location], str(names.periods[period].label), group or category))


def _with_copies(cells: Cells, repeated: Mask) -> Cells:
    """Return the cells with the copies of the repeated ones apart, sorted by their keys."""
    chosen = cells.select(repeated)
    (*_, key_of_cell) = _keys_of(chosen)
    first = np.zeros(key_of_cell.size, dtype=np.bool_)
    first[np.unique(key_of_cell, return_index=True)[1]] = True
    originals = _one_row_each(chosen.select(first))
    parts = [
        cells.select(~repeated),
        originals,
        _less(chosen.select(first), originals),
        replace(chosen.select(~first), copies=np.ones(np.count_nonzero(~first), dtype=np.bool_)),
    ]
    together = Cells.concatenate(parts)
    together = together.select(together.rows + together.suppressed_rows > 0)
    order = np.lexsort([getattr(together, key) for key in reversed(KEYS)])
    return Cells(*(getattr(together, field.name)[order] for field in fields(Cells)))


def _one_row_each(cells: Cells) -> Cells:
    """Return one row of each cell; all rows of a cell are identical."""
    rows = cells.rows + cells.suppressed_rows
    shares = {name: getattr(cells, name) / rows for name in _sums()}
    rounded = {name: np.round(shares[name], TIE_DECIMALS) for name in PUBLISHED_SUMS}
    counts = {name: getattr(cells, name) // rows for name in COUNTS}
    return replace(cells, **{**shares, **rounded, **counts})


def _less(cells: Cells, originals: Cells) -> Cells:
    """Return the rows of some cells without the original of each, as copies."""
    names = (*_sums(), *COUNTS)
    left = {name: getattr(cells, name) - getattr(originals, name) for name in names}
    return replace(cells, **left, copies=np.ones(cells.rows.size, dtype=np.bool_))


def _sums() -> list[str]:
    """Return the names of the measures that are sums, not counts."""
    return [field.name for field in fields(Cells) if field.name not in {*KEYS, *COUNTS}]
