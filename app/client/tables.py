"""Readable tables of JSON answers, whatever their shape: what is nested becomes tables of its own, below."""

import ast
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

PLACES_OF_KEYS = {3: ("location", "category", "stratum"), 2: ("category", "stratum")}
SMALL = 0.1  # below it two significant digits tell more than two decimals
SHORTEST_RUN = 3
NO_VALUE = "-"


@dataclass(frozen=True, slots=True)
class Section:
    """A table: its title, its columns (none: a table of names and values, which needs no headings), its rows."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def sections(data: Any) -> Iterator[Section]:
    """Yield the tables that show an answer."""
    if isinstance(data, dict):
        yield from _parts(data)
    elif isinstance(data, list) and all(isinstance(entry, dict) for entry in data):
        yield _records("", data)
    else:
        yield Section("", (), [(data,)])


def rendered(found: Sequence[Section], width: int) -> str:
    """Return tables as text, of lines no wider than ``width`` characters."""
    buffer = io.StringIO()
    console = Console(file=buffer, width=width, color_system=None, emoji=False, markup=False, highlight=False)
    for place, section in enumerate(found):
        if place:
            console.print()
        if section.title:
            console.print(section.title)
        console.print(_table(section))
    return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().splitlines())


def shown(value: object) -> str:
    """Return a value as a table shows it: a number that has decimals with two, or two significant digits."""
    if value is None or value in ([], (), {}):
        return NO_VALUE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2g}" if 0 < abs(value) < SMALL else f"{value:.2f}"
    if isinstance(value, list | tuple):
        return f"{value[0]}-{value[-1]}" if _is_run(value) else ", ".join(map(shown, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(inner)}" for key, inner in value.items())
    return str(value)


def _is_run(values: Sequence[object]) -> bool:
    """Tell whether values are whole numbers that follow each other, such as the years of a question."""
    first = values[0]
    return (
        isinstance(first, int)
        and len(values) >= SHORTEST_RUN
        and list(values) == list(range(first, first + len(values)))
    )


def _parts(data: Mapping[str, Any]) -> Iterator[Section]:
    """Yield a table of an object's plain values, one of each list, and one of the objects that are of one kind."""
    plain = [(name, value) for name, value in data.items() if not _is_nested(value)]
    if plain or not data:
        yield _pairs("", plain)
    nested = [(name, value) for name, value in data.items() if _is_nested(value)]
    for _, group in groupby(nested, key=lambda item: tuple(item[1]) if isinstance(item[1], dict) else item[0]):
        yield _of_one_kind(list(group))


def _of_one_kind(named: list[tuple[str, Any]]) -> Section:
    """Return the table of a list of objects, or of objects that have the same fields."""
    name, value = named[0]
    if isinstance(value, list):
        return _records(name, value)
    if _is_tuple(next(iter(value), "")):
        return _pairs(name, list(value.items()))
    return _records("", [{"": name, **value} for name, value in named])


def _is_nested(value: object) -> bool:
    """Tell whether a value is an object that holds something, or a list of objects."""
    return bool(value) and (isinstance(value, dict) or (isinstance(value, list) and isinstance(value[0], dict)))


def _records(title: str, records: Sequence[Mapping[str, Any]]) -> Section:
    columns = tuple(dict.fromkeys(name for record in records for name in record))
    return Section(title, columns, [tuple(record.get(name) for name in columns) for record in records])


def _pairs(title: str, pairs: Sequence[tuple[str, Any]]) -> Section:
    """Return the table of names and values; names that are Python's tuples are taken apart."""
    if not pairs or not all(_is_tuple(name) for name, _ in pairs):
        return Section(title, (), list(pairs))
    rows = [(*ast.literal_eval(name), value) for name, value in pairs]
    return Section(title, (*PLACES_OF_KEYS.get(len(rows[0]) - 1, ("",) * (len(rows[0]) - 1)), "value"), rows)


def _is_tuple(name: str) -> bool:
    """Tell whether a name is a tuple of strings as Python writes it, as in results by category."""
    if not name.startswith("('"):
        return False
    try:
        return isinstance(ast.literal_eval(name), tuple)
    except (SyntaxError, ValueError):
        return False


def _table(section: Section) -> Table:
    table = Table(box=None, show_header=bool(section.columns), pad_edge=False, padding=(0, 2, 0, 0))
    for place, column in enumerate(section.columns or ("",) * max(map(len, section.rows), default=1)):
        values = [row[place] for row in section.rows]
        table.add_column(column, justify="right" if _are_numbers(values) else "left", overflow="fold")
    for row in section.rows:
        table.add_row(*(Text(shown(value)) for value in row))
    return table


def _are_numbers(values: Sequence[object]) -> bool:
    kinds = [value for value in values if value is not None]
    return bool(kinds) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in kinds)
