"""A result as a tidy table: a row for each figure, a column for each thing that is told of it.

docs/forms.md lists the columns by statistic. Where a result has figures of the whole beside its rows, such as the slope
of a trend, each row repeats them, so that every column is of one kind: what the result is about comes first, then the
row's own, then the figures of the whole. Lists, such as flags, are joined by semicolons.
"""

from ast import literal_eval
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import orjson

LIST_SEPARATOR = ";"

Record = dict[str, Any]
Tidy = dict[str, list[Any]]  # the values of each column, in the order of the rows
Records = Callable[[Any], Iterator[Record]]


def tabulate(statistic: str, data: Any) -> Tidy:
    """Return the data of a finished job as a tidy table: text, numbers, and None for what is not known.

    Parameters
    ----------
    statistic: the name of what was computed; data of one that has no table of its own is taken as it is
    """
    records = list(TABLES.get(statistic, _as_it_is)(data))
    columns = dict.fromkeys(name for record in records for name in record)
    return {name: [_plain(record.get(name)) for record in records] for name in columns}


def _by_location(figure: str, data: Mapping[str, Any]) -> Iterator[Record]:
    for location, value in data.items():
        yield {"location": location, figure: value}


def _one_row(data: Mapping[str, Any]) -> Iterator[Record]:
    yield dict(data)


def _by_category(data: Mapping[str, Any]) -> Iterator[Record]:
    for key, mean in data.items():
        location, category, stratum = literal_eval(key)
        yield {"location": location, "category": category, "stratum": stratum, "mean": mean}


def _by_category_of_locations(data: Mapping[str, Mapping[str, Any]]) -> Iterator[Record]:
    for location, means in data.items():
        for key, mean in means.items():
            category, stratum = literal_eval(key)
            yield {"location": location, "category": category, "stratum": stratum, "mean": mean}


def _cells(data: list[Record]) -> Iterator[Record]:
    yield from data


def _with_the_whole(rows: str, data: Mapping[str, Any]) -> Iterator[Record]:
    """Give each row with what is told of the whole: a single value before its own, the fields of a figure after."""
    whole = {name: value for name, value in data.items() if name != rows}
    about = {name: value for name, value in whole.items() if not isinstance(value, Mapping)}
    figures: Record = {}
    for name, fields in whole.items():
        if isinstance(fields, Mapping):
            figures |= {_column(name, field): value for field, value in fields.items()}
    for row in data[rows] or [{}]:
        yield {**about, **row, **figures}


def _two_cells(data: Mapping[str, Any]) -> Iterator[Record]:
    cells = [{"cell": name, **data[name]} for name in ("a", "b")]
    whole = {name: value for name, value in data.items() if name not in {"a", "b"}}
    return _with_the_whole("cells", {**whole, "cells": cells})


def _as_it_is(data: Any) -> Iterator[Record]:
    if isinstance(data, Mapping):
        yield from ({"key": key, "value": value} for key, value in data.items())
    else:
        yield from data


def _column(figure: str, field: str) -> str:
    """Return the column of a field of a figure: ``slope`` for its value, ``slope_low`` for its lower limit."""
    return figure if field == "value" else f"{figure}_{field}"


def _plain(value: Any) -> str | float | None:
    """Return a value as a cell of a table holds it."""
    if isinstance(value, list):
        return LIST_SEPARATOR.join(map(str, value))
    if isinstance(value, Mapping):
        return orjson.dumps(value).decode()
    plain: str | float | None = value
    return plain


_means, _differences = partial(_by_location, "mean"), partial(_by_location, "difference")
TABLES: Mapping[str, Records] = MappingProxyType(
    {
        "states_mean": _means,
        "state_mean": _means,
        "best5": _means,
        "worst5": _means,
        "best": _means,
        "worst": _means,
        "diff_from_mean": _differences,
        "state_diff_from_mean": _differences,
        "global_mean": _one_row,
        "mean_by_category": _by_category,
        "state_mean_by_category": _by_category_of_locations,
        "estimate": _cells,
        "trend": partial(_with_the_whole, "years"),
        "compare": _two_cells,
        "disparity": partial(_with_the_whole, "groups"),
        "correlate": partial(_with_the_whole, "pairs"),
    }
)
