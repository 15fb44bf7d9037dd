"""Output of the command line: readable tables, JSON, file formats, messages and progress bars.

Everything written to a terminal passes ``printable``: a server cannot send escape sequences to it.
"""

import ast
import io
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from health_statistics.errors import UsageError
from health_statistics.formats import BINARY_FORMATS, ENDINGS, MEDIA_TYPES

TABLE, JSON = "table", "json"
FORMATS = (TABLE, JSON, *MEDIA_TYPES)
FORMAT_OF_ENDING = {
    **{"": TABLE, ".txt": TABLE, ".pq": "parquet", ".json": JSON},
    **{ending: name for name, ending in ENDINGS.items() if ending.count(".") == 1},
}
UNLIMITED_CHARS = 100_000
# C0 and C1 control characters except tab and line feed; surrogates, which cannot be encoded.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

KEY_COLUMNS = {3: ("location", "category", "stratum"), 2: ("category", "stratum")}
SMALL = 0.1  # below it, two significant digits are more useful than two decimals
SHORTEST_RANGE = 3
NO_VALUE = "-"


def printable(text: str) -> str:
    r"""Return a text with its control characters escaped, such as \u001b for ESC."""
    return UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\r\n", "\n"))


def report(message: str) -> None:
    """Write a message to standard error."""
    sys.stderr.write(f"{printable(message)}\n")
    sys.stderr.flush()


def print_line(line: str) -> None:
    """Write a line to standard output, at once."""
    sys.stdout.write(f"{printable(line)}\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Destination:
    """A format, and the file to write; None means standard output."""

    format: str
    path: Path | None

    def write(self, content: bytes) -> None:
        """Write a result.

        Raises
        ------
        OSError: the file cannot be written
        """
        if self.path is not None:
            self.path.write_bytes(content)
            return
        if sys.stdout.isatty():
            content = printable(content.decode(errors="replace")).encode()
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def destination(format: str | None, path: Path | None, formats: Sequence[str] = FORMATS) -> Destination:
    """Return the destination of a result. The default format follows from the ending of the file.

    Raises
    ------
    UsageError: the folder is missing, the ending is unknown, or the format does not suit a terminal
    """
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"--output {path}: folder {str(path.parent)!r} does not exist; create it first")
    if format is None:
        ending = path.suffix.lower() if path else ""
        format = FORMAT_OF_ENDING.get(ending, "")
        if format not in formats:
            endings = ", ".join(known for known, name in FORMAT_OF_ENDING.items() if known and name in formats)
            raise UsageError(f"--output {path}: ending {ending!r} is not supported; use {endings}, or add --format")
    if format in BINARY_FORMATS and path is None and sys.stdout.isatty():
        raise UsageError(f"{format} output needs --output FILE")
    return Destination(format, path)


def as_json(content: Any, indent: int | None = 2) -> bytes:
    """Serialize JSON with a line break at the end; control characters in texts are escaped."""
    return f"{printable(json.dumps(content, indent=indent, ensure_ascii=False))}\n".encode()


def as_table(sections: Sequence["Section"], path: Path | None = None) -> str:
    """Return tables as text that fits the terminal; in files and pipes, lines have no limit."""
    to_terminal = path is None and sys.stdout.isatty()
    return render(sections, shutil.get_terminal_size().columns if to_terminal else UNLIMITED_CHARS)


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on standard error while the block runs, if that is a terminal.

    Yields a function that takes the number of finished items. Output of the block appears above the bar.
    """
    counters: tuple[ProgressColumn, ...] = () if total is None else (BarColumn(), MofNCompleteColumn())
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        *counters,
        TimeElapsedColumn(),
        console=Console(file=sys.stderr),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
        disable=not sys.stderr.isatty(),
    ) as bar:
        task = bar.add_task(printable(description), total=total)
        yield lambda finished: bar.update(task, completed=finished)


@dataclass(frozen=True, slots=True)
class Section:
    """A table with a title. Without columns it is a list of names and values, which needs no header."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def sections_of(data: Any) -> Iterator[Section]:
    """Yield the tables that show JSON of any shape; nested objects become tables of their own."""
    if isinstance(data, dict):
        yield from _object_sections(data)
    elif isinstance(data, list) and all(isinstance(entry, dict) for entry in data):
        yield records_section(data)
    else:
        yield Section("", (), [(data,)])


def records_section(records: Sequence[Mapping[str, Any]], title: str = "") -> Section:
    """Return the table of a list of objects."""
    columns = tuple(dict.fromkeys(name for record in records for name in record))
    return Section(title, columns, [tuple(record.get(name) for name in columns) for record in records])


def render(sections: Sequence[Section], width: int) -> str:
    """Return tables as text with lines of at most ``width`` characters."""
    buffer = io.StringIO()
    console = Console(file=buffer, width=width, color_system=None, emoji=False, markup=False, highlight=False)
    for number, section in enumerate(sections):
        if number:
            console.print()
        if section.title:
            console.print(printable(section.title))
        console.print(_table(section))
    return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().split("\n")[:-1])


def format_value(value: object) -> str:
    """Return a value as a table shows it: numbers with two decimals, or two significant digits if they are small."""
    if value is None or value in ([], (), {}):
        return NO_VALUE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2g}" if 0 < abs(value) < SMALL else f"{value:.2f}"
    if isinstance(value, list | tuple):
        return f"{value[0]}-{value[-1]}" if _is_range(value) else ", ".join(map(format_value, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {format_value(inner)}" for key, inner in value.items())
    return printable(str(value))


def _is_range(values: Sequence[object]) -> bool:
    """Return whether values are consecutive whole numbers, such as the years of a question."""
    first = values[0]
    return (
        isinstance(first, int)
        and len(values) >= SHORTEST_RANGE
        and list(values) == list(range(first, first + len(values)))
    )


def _object_sections(data: Mapping[str, Any]) -> Iterator[Section]:
    """Yield one table of an object's plain values, one per list, and one per run of objects with the same fields."""
    plain = [(name, value) for name, value in data.items() if not _is_nested(value)]
    if plain or not data:
        yield _pairs_section("", plain)
    nested = [(name, value) for name, value in data.items() if _is_nested(value)]
    for _, group in groupby(nested, key=lambda item: tuple(item[1]) if isinstance(item[1], dict) else item[0]):
        yield _nested_section(list(group))


def _nested_section(named: list[tuple[str, Any]]) -> Section:
    """Return the table of a list of objects, or of objects with the same fields."""
    name, value = named[0]
    if isinstance(value, list):
        return records_section(value, name)
    if _is_tuple_literal(next(iter(value), "")):
        return _pairs_section(name, list(value.items()))
    return records_section([{"": name, **value} for name, value in named])


def _is_nested(value: object) -> bool:
    """Return whether a value is a non-empty object or list of objects."""
    return bool(value) and (isinstance(value, dict) or (isinstance(value, list) and isinstance(value[0], dict)))


def _pairs_section(title: str, pairs: Sequence[tuple[str, Any]]) -> Section:
    """Return the table of names and values; names that are tuples, as in means by category, become columns."""
    if not pairs or not all(_is_tuple_literal(name) for name, _ in pairs):
        return Section(title, (), list(pairs))
    rows = [(*ast.literal_eval(name), value) for name, value in pairs]
    keys = len(rows[0]) - 1
    return Section(title, (*KEY_COLUMNS.get(keys, ("",) * keys), "value"), rows)


def _is_tuple_literal(name: str) -> bool:
    if not name.startswith("('"):
        return False
    try:
        return isinstance(ast.literal_eval(name), tuple)
    except (SyntaxError, ValueError):
        return False


def _table(section: Section) -> Table:
    table = Table(box=None, show_header=bool(section.columns), pad_edge=False, padding=(0, 2, 0, 0))
    for index, column in enumerate(section.columns or ("",) * max(map(len, section.rows), default=1)):
        values = [row[index] for row in section.rows]
        table.add_column(printable(column), justify="right" if _are_numbers(values) else "left", overflow="fold")
    for row in section.rows:
        table.add_row(*(Text(format_value(value)) for value in row))
    return table


def _are_numbers(values: Sequence[object]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)
