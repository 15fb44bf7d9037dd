"""The chart kinds that suit a result: those its statistic declares, except those that cannot draw its rows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.charts.places import TILES
from app.charts.rows import Row, dimensions, rows_of
from app.statistics.registry import STATISTICS, ChartKind, records_of
from app.table.facts import survey_facts

MAX_SERIES = 6  # as many lines as everybody can distinguish, each with its name at its end
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


def series_names(rows: Sequence[Row]) -> list[str]:
    """Return the name of the line that each row belongs to: its values of what the lines differ in."""
    keys = [key for key in ("location", "category", "stratum") if len({row.get(key) for row in rows}) > 1]
    return [", ".join(str(row[key]) for key in keys if key in row) for row in rows]


def _one_figure(rows: Sequence[Row]) -> bool:
    return len(rows) == 1 and "year" not in rows[0]


def _by_location(rows: Sequence[Row]) -> bool:
    return not _one_figure(rows) and dimensions(rows) == {"location"}


def _on_the_map(rows: Sequence[Row]) -> bool:
    abbreviations = survey_facts().abbreviations
    by_location = not _one_figure(rows) and dimensions(rows) in ({"location"}, {"location", "year"})
    return by_location and any(abbreviations.get(row["location"]) in TILES for row in rows)


def _by_one_key(rows: Sequence[Row]) -> bool:
    return not _one_figure(rows) and dimensions(rows) in ({"location"}, {"stratum"})


def _by_two_keys(rows: Sequence[Row]) -> bool:
    keys = dimensions(rows)
    return not _one_figure(rows) and ("year" in keys or len(keys) > 1)


def _few_series(rows: Sequence[Row]) -> bool:
    return "year" in rows[0] and len(set(series_names(rows))) <= MAX_SERIES


CONDITIONS: Mapping[ChartKind, Callable[[Sequence[Row]], bool]] = {
    "figure": _one_figure,
    "bars": _by_location,
    "map": _on_the_map,
    "tiles": _on_the_map,
    "dots": _by_one_key,
    "heatmap": _by_two_keys,
    "lines": _few_series,
}
