"""Answers as rows: the forms that answers come in, each turned into a list of flat rows that a chart can be drawn from.

A row has some of ``location``, ``year``, ``category`` and ``stratum``, and always ``value``, ``low`` and ``high`` (in
percent, or None) and ``state``: how far the value can be relied on.
"""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

RELIABLE = "reliable"
CAUTION = "use with caution"
SUPPRESSED = "suppressed"
NO_VALUE = "no value"
STATES = (RELIABLE, CAUTION, SUPPRESSED, NO_VALUE)
CAUTION_FLAGS = frozenset({"unreliable", "small_sample", "nchs", "incomplete"})

KEYS = ("location", "year", "category", "stratum")

Row = dict[str, Any]


def rows_of(data: Any) -> list[Row]:
    """Return the rows of an answer that is a list of cells, or means by name; what it is of, its form tells."""
    if isinstance(data, Sequence):
        return [cell_row(cell) for cell in data]
    if "groups" in data:
        return [cell_row({**group, "category": data["category"]}) for group in data["groups"]]
    if any(isinstance(value, Mapping) for value in data.values()):
        return [row for location, means in data.items() for row in _stratum_rows(means, location)]
    if all(is_tuple(key) for key in data):
        return _stratum_rows(data)
    return [mean_row(value, location=location) for location, value in data.items()]


def mean_row(value: float | None, **keys: Any) -> Row:
    """Return the row of a mean that comes without limits and flags."""
    return {**keys, "value": value, "low": None, "high": None, "state": state_of(value, ())}


def cell_row(cell: Mapping[str, Any]) -> Row:
    """Return the row of a cell with its limits, and its flags as one text."""
    flags = cell.get("flags") or ()
    shown = {name: cell.get(name) for name in ("value", "low", "high", "sample_size")}
    keys = {name: cell[name] for name in KEYS if name in cell}
    told = ", ".join(flag.replace("_", " ") for flag in flags) or "none"
    return {**keys, **shown, "state": state_of(cell.get("value"), flags), "flags": told}


def state_of(value: float | None, flags: Sequence[str]) -> str:
    """Return how far a value can be relied on."""
    if "suppressed" in flags:
        return SUPPRESSED
    if value is None:
        return NO_VALUE
    return CAUTION if CAUTION_FLAGS.intersection(flags) else RELIABLE


def states_in(rows: Sequence[Row]) -> list[str]:
    """Return the states that occur, the most reliable first."""
    return [state for state in STATES if any(row["state"] == state for row in rows)]


def has_limits(rows: Sequence[Row]) -> bool:
    """Tell whether any row has confidence limits."""
    return any(row["low"] is not None for row in rows)


def values_of(rows: Sequence[Row]) -> list[float]:
    """Return the values of the rows that have one."""
    return [row["value"] for row in rows if row["value"] is not None]


def is_tuple(key: str) -> bool:
    """Tell whether a key is Python's form of a tuple, as those of means by category are."""
    return key.startswith("('") or key.startswith('("')


def _stratum_rows(means: Mapping[str, float], *location: str) -> list[Row]:
    """Return a row for each mean by category; the location is part of the key where it is not given."""
    names = ("location", "category", "stratum")
    keys = [(*location, *ast.literal_eval(key)) for key in means]
    return [
        mean_row(mean, **dict(zip(names, key, strict=True))) for key, mean in zip(keys, means.values(), strict=True)
    ]
