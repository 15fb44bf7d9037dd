"""Which kinds of chart suit an answer: its form tells, so that a new statistic of a known form needs nothing here."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.charts.context import Kind
from app.charts.rows import Row, is_tuple
from app.charts.tiles import TILES
from app.table.facts import survey_facts

MOST_LINES = 8  # as many colours as are told apart by everybody
SPECIAL: Mapping[str, Kind] = {"pairs": "scatter", "years": "trend", "difference": "comparison", "groups": "dots"}


def kinds_of(statistic: str, document: Mapping[str, Any]) -> tuple[Kind, ...]:
    """Return the kinds of chart that suit the document of a job that is done, the usual one first; none for no rows."""
    data = document["data"]
    if not data:
        return ()
    if isinstance(data, Sequence):
        return _kinds_of_cells(data)
    for field, kind in SPECIAL.items():
        if field in data:
            return (kind,)
    return _kinds_of_means(data)


def dimensions(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return what cells are told apart by: some of location, year and stratum, which stands for its category too."""
    keys = rows[0].keys()
    found = ("location" in keys, "year" in keys, "stratum" in keys or "category" in keys)
    return tuple(name for name, there in zip(("location", "year", "stratum"), found, strict=True) if there)


def series_name(row: Row) -> str:
    """Return the name of the line that a row belongs to: all its keys but the year."""
    return ", ".join(str(row[name]) for name in ("location", "category", "stratum") if name in row)


def _kinds_of_means(data: Mapping[str, Any]) -> tuple[Kind, ...]:
    if any(isinstance(value, Mapping) for value in data.values()):
        return ("dots",)
    if all(is_tuple(key) for key in data):
        return ("heatmap",)
    return ("figure",) if len(data) == 1 else _by_location(data)


def _kinds_of_cells(cells: Sequence[Row]) -> tuple[Kind, ...]:
    found = dimensions(cells)
    if len(cells) == 1 and "year" not in found:
        return ("figure",)
    if found == ("location",):
        return _by_location([cell["location"] for cell in cells])
    if "year" not in found:
        return ("dots",) if found == ("stratum",) else ("heatmap",)
    few = len({series_name(cell) for cell in cells}) <= MOST_LINES
    return ("lines", "heatmap") if few else ("heatmap",)


def _by_location(names: Any) -> tuple[Kind, ...]:
    known = survey_facts().abbreviations
    return ("bars", "map") if any(known.get(name) in TILES for name in names) else ("bars",)
