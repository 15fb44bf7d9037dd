"""The chart kinds that suit a result: those its statistic declares, except those that cannot draw its rows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.charts.rows import KEYS, Row, rows_of
from app.charts.tiles import TILES
from app.statistics.registry import STATISTICS, ChartKind, records_of
from app.table.facts import survey_facts

MAX_SERIES = 8  # as many colours as everybody can distinguish
MOST_MARKS = 2000  # above the 1,700 of all locations by all strata; nobody reads more, and drawing them takes seconds


def kinds_of(statistic: str, document: Mapping[str, Any]) -> tuple[ChartKind, ...]:
    """Return the chart kinds that suit a result document, the default first; none if it has no rows or too many.

    A kind without a condition of its own, such as ``trend``, draws any result of a statistic that declares it. So does
    the only kind that a statistic declares.
    """
    known = STATISTICS.get(statistic)
    if known is None or not document["data"]:
        return ()
    declared = known.output.charts
    if count_marks(statistic, document) > MOST_MARKS:
        return ()
    rows = rows_of(statistic, document["data"])
    suitable = tuple(kind for kind in declared if kind not in CONDITIONS or CONDITIONS[kind](rows))
    return suitable or declared[:1]


def count_marks(statistic: str, document: Mapping[str, Any]) -> int:
    """Return how many marks the chart of a result document has, as many as its CSV has rows."""
    return len(records_of(statistic, document["data"]))


def series_name(row: Row) -> str:
    """Return the name of the line that a row belongs to: all its keys but the year."""
    return ", ".join(str(row[name]) for name in ("location", "category", "stratum") if name in row)


def _dimensions(rows: Sequence[Row]) -> frozenset[str]:
    """Return the keys that rows differ in; ``stratum`` stands for its category too."""
    return frozenset("stratum" if key == "category" else key for key in KEYS if key in rows[0])


def _one_figure(rows: Sequence[Row]) -> bool:
    return len(rows) == 1 and "year" not in rows[0]


def _by_location(rows: Sequence[Row]) -> bool:
    return not _one_figure(rows) and _dimensions(rows) == {"location"}


def _on_the_map(rows: Sequence[Row]) -> bool:
    abbreviations = survey_facts().abbreviations
    return _by_location(rows) and any(abbreviations.get(row["location"]) in TILES for row in rows)


def _by_stratum(rows: Sequence[Row]) -> bool:
    return not _one_figure(rows) and _dimensions(rows) == {"stratum"}


def _by_two_keys(rows: Sequence[Row]) -> bool:
    dimensions = _dimensions(rows)
    return not _one_figure(rows) and ("year" in dimensions or len(dimensions) > 1)


def _few_series(rows: Sequence[Row]) -> bool:
    return "year" in rows[0] and len({series_name(row) for row in rows}) <= MAX_SERIES


CONDITIONS: Mapping[ChartKind, Callable[[Sequence[Row]], bool]] = {
    "figure": _one_figure,
    "bars": _by_location,
    "map": _on_the_map,
    "dots": _by_stratum,
    "heatmap": _by_two_keys,
    "lines": _few_series,
}
