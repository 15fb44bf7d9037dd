"""Results as flat records: the rows of CSV, of Parquet, of the tables on pages, and of the charts.

A statistic names one of these functions in its ``Output``. Each takes the ``data`` of a finished job as it came from
JSON, and yields a record for each row: column name to value.
"""

from ast import literal_eval
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

Record = dict[str, Any]
Records = Callable[[Any], Iterator[Record]]


def by_location(value: str) -> Records:
    """Return a function for ``{location: value}``; ``value`` is the name of the value's column."""
    return partial(_by_location, value)


def single(data: Mapping[str, Any]) -> Iterator[Record]:
    """Yield an object as the only record."""
    yield dict(data)


def by_category(data: Mapping[str, Any]) -> Iterator[Record]:
    """Yield means whose keys are Python's ``repr`` of ``(location, category, stratum)``."""
    for key, mean in data.items():
        location, category, stratum = literal_eval(key)
        yield {"location": location, "category": category, "stratum": stratum, "mean": mean}


def by_category_of_locations(data: Mapping[str, Mapping[str, Any]]) -> Iterator[Record]:
    """Yield means of each location whose keys are Python's ``repr`` of ``(category, stratum)``."""
    for location, means in data.items():
        for key, mean in means.items():
            category, stratum = literal_eval(key)
            yield {"location": location, "category": category, "stratum": stratum, "mean": mean}


def as_is(data: Any) -> Iterator[Record]:
    """Yield the objects of a list, or the entries of an object as ``key`` and ``value``."""
    if isinstance(data, Mapping):
        yield from ({"key": key, "value": value} for key, value in data.items())
    else:
        yield from data


def rows_of(field: str) -> Records:
    """Return a function for an object whose rows are the list ``field``; its other fields repeat in every record."""
    return partial(_with_common_fields, field)


def each_with(parts: str, rows: str) -> Records:
    """Return a function for an object with a list of ``parts``, each an object whose rows are the list ``rows``."""
    return partial(_of_each_part, parts, rows)


def cells(*names: str) -> Records:
    """Return a function for an object whose rows are the fields ``names``; a column ``cell`` holds their names."""
    return partial(_cells, names)


def _by_location(value: str, data: Mapping[str, Any]) -> Iterator[Record]:
    for location, number in data.items():
        yield {"location": location, value: number}


def _with_common_fields(rows: str, data: Mapping[str, Any]) -> Iterator[Record]:
    """Put plain fields of the whole before those of each row, and the parts of its nested figures after them.

    Lists about the whole, such as notes, are in the JSON alone.
    """
    common = {name: value for name, value in data.items() if name != rows}
    plain = {name: value for name, value in common.items() if not isinstance(value, Mapping | list)}
    figures: Record = {}
    for name, parts in common.items():
        if isinstance(parts, Mapping):
            figures |= {_column(name, part): value for part, value in parts.items()}
    for row in data[rows] or [{}]:
        yield {**plain, **row, **figures}


def _of_each_part(parts: str, rows: str, data: Mapping[str, Any]) -> Iterator[Record]:
    common = {name: value for name, value in data.items() if name != parts}
    for part in data[parts]:
        yield from _with_common_fields(rows, {**part, **common})


def _cells(names: tuple[str, ...], data: Mapping[str, Any]) -> Iterator[Record]:
    rows = [{"cell": name, **data[name]} for name in names]
    common = {name: value for name, value in data.items() if name not in names}
    return _with_common_fields("cells", {**common, "cells": rows})


def _column(figure: str, part: str) -> str:
    """Return the column of a part of a figure: ``slope`` for its value, ``slope_low`` for its lower limit."""
    return figure if part == "value" else f"{figure}_{part}"
