"""An answer as the table that stands beside its chart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.dashboard.words import figure, heading
from app.tabular import tabulate


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: what it shows, what its column is sorted by, and whether that holds numbers."""

    text: str
    value: str | float | None
    is_number: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and whether it holds numbers."""

    heading: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """A table as it is shown; ``whole`` are figures that would be the same in every row, by name."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    whole: Sequence[tuple[str, str]]


def answer_table(statistic: str, data: Any) -> AnswerTable:
    """Return the table of a finished answer. What is the same in all of several rows stands beside it, once."""
    tidy = tabulate(statistic, data)
    same = {name for name, values in tidy.items() if len(values) > 1 and len(set(values)) == 1 and not _is_row(name)}
    columns = {name: values for name, values in tidy.items() if name not in same}
    numbers = {name for name, values in columns.items() if _are_numbers(values)}
    return AnswerTable(
        columns=[Column(heading(name), name in numbers) for name in columns],
        rows=[
            [Cell(figure(name, value), value, name in numbers) for name, value in zip(columns, row, strict=True)]
            for row in zip(*columns.values(), strict=True)
        ],
        whole=[(heading(name), figure(name, tidy[name][0])) for name in tidy if name in same and tidy[name][0] != ""],
    )


ROW_COLUMNS = frozenset({"value", "mean", "low", "high", "sample_size", "x", "y"})


def _is_row(column: str) -> bool:
    """Tell whether a column stays in the table even where all of its values are the same."""
    return column in ROW_COLUMNS


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(value is None or isinstance(value, int | float) for value in values)
