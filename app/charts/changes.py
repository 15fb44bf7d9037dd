"""The chart of what changed between two versions of the table: the largest changes, or else counts by question.

It is written as Vega-Lite, without Altair: importing that for two small charts takes longer than drawing them.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from app.charts.context import Theme
from app.charts.look import LOOKS, Look, config
from app.charts.words import SUBTITLE_CHARS, wrapped
from app.versions.change_records import (
    CellChange,
    change_records,
    counts_of,
    place_words,
    question_words,
    sentence,
)
from app.versions.changes import KINDS, Comparison, Kind

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
MOST_CHANGES, MOST_QUESTIONS = 15, 20
STEP_PIXELS = 34  # for the two lines of a name
NAMES_PIXELS = 150  # beside the chart, in a page of 360 pixels too; longer names are cut
PADDING_PIXELS = 34  # for figures beside the outermost points
BEFORE, AFTER = "before", "after"
FIGURE_FORMAT = ".1f"

Rows = list[dict[str, Any]]


def changes_chart(comparison: Comparison, theme: Theme) -> dict[str, Any]:
    """Return the chart as a specification, JSON-ready: if no value changed, how many cells of each question did."""
    look = LOOKS[theme]
    largest = [
        change
        for change in change_records(comparison, np.arange(min(comparison.size, MOST_CHANGES)))
        if change.difference
    ]
    title, drawing = ("Largest changes", _dumbbells(largest, look)) if largest else _counts(comparison, look)
    subtitle = wrapped(f"{sentence(comparison)}.", SUBTITLE_CHARS)
    return {
        "$schema": SCHEMA,
        "title": {"text": title, "subtitle": subtitle},
        "description": " ".join((title, *subtitle)),
        "width": "container",
        "config": config(look),
        **drawing,
    }


def _dumbbells(changes: Sequence[CellChange], look: Look) -> dict[str, Any]:
    """Draw a line from the old value to the new one for each change."""
    rows = [_dumbbell(place, change) for place, change in enumerate(changes)]
    units = {change.unit for change in changes}
    x = {
        "type": "quantitative",
        "title": units.pop() if len(units) == 1 else "value",
        "scale": {"zero": False, "padding": PADDING_PIXELS},
        "axis": {"tickCount": 4},
    }
    points = {
        "transform": [{"fold": [BEFORE, AFTER], "as": ["side", "value"]}],
        "mark": {"type": "point", "size": 70, "strokeWidth": 2, "opacity": 1},
        "encoding": {
            "x": {**x, "field": "value"},
            "fill": _side_colours([look.ground, look.main]),
            "stroke": _side_colours([look.other, look.main]),
        },
    }
    line = {
        "mark": {"type": "rule", "color": look.faint, "strokeWidth": 2},
        "encoding": {"x": {**x, "field": BEFORE}, "x2": {"field": AFTER}},
    }
    texts = [_figures(side, is_right, look, x) for side in (BEFORE, AFTER) for is_right in (False, True)]
    return {
        "data": {"values": rows},
        "height": STEP_PIXELS * len(rows),
        "encoding": {"y": _names_axis([(place_words(change), question_words(change)) for change in changes])},
        "layer": [line, points, *texts],
    }


def _side_colours(colours: Sequence[str]) -> dict[str, Any]:
    """Return the encoding that tells old values from new ones, with a legend."""
    scale = {"domain": [BEFORE, AFTER], "range": colours}
    return {"field": "side", "type": "nominal", "scale": scale, "legend": {"title": None}}


def _figures(side: str, is_right: bool, look: Look, x: dict[str, Any]) -> dict[str, Any]:
    """Write the figures of one side beside their points, where the line is not."""
    own_is_larger = f"datum.{side} > datum.{AFTER if side == BEFORE else BEFORE}"
    place = {"align": "left", "dx": 8} if is_right else {"align": "right", "dx": -8}
    return {
        "transform": [{"filter": own_is_larger if is_right else f"!({own_is_larger})"}],
        "mark": {"type": "text", "fontSize": 11, "color": look.ink if side == AFTER else look.faint, **place},
        "encoding": {
            "x": {**x, "field": side},
            "text": {"field": side, "type": "quantitative", "format": FIGURE_FORMAT},
        },
    }


def _dumbbell(place: int, change: CellChange) -> dict[str, Any]:
    sides = zip((BEFORE, AFTER), (change.old, change.new), strict=True)
    return {"place": place} | {name: side.value for name, side in sides if side is not None}


def _counts(comparison: Comparison, look: Look) -> tuple[str, dict[str, Any]]:
    """Draw how many cells of each question were added, removed or changed. Return title and drawing."""
    counts: Counter[tuple[str, Kind]] = Counter()
    for count in counts_of(comparison):
        for kind in KINDS:
            counts[question_words(count), kind] += getattr(count, kind)
    totals: Counter[str] = Counter()
    for (question, _), cells in counts.items():
        totals[question] += cells
    questions = [question for question, _ in totals.most_common(MOST_QUESTIONS)]
    kinds = [kind for kind in KINDS if comparison.totals[kind]]
    rows = [
        {"place": place, "kind": kind, "cells": counts[question, kind]}
        for place, question in enumerate(questions)
        for kind in kinds
    ]
    colours = {"domain": kinds, "range": list(look.series[: len(kinds)])}
    encoding = {
        "y": _names_axis([[question] for question in questions]),
        "x": {"field": "cells", "type": "quantitative", "title": "cells", "axis": {"tickCount": 4}},
        "color": {"field": "kind", "type": "nominal", "scale": colours, "legend": {"title": None}},
    }
    mark = {"type": "bar", "size": STEP_PIXELS / 2}
    height = STEP_PIXELS * max(len(questions), 1)
    drawing = {"data": {"values": rows}, "height": height, "mark": mark, "encoding": encoding}
    return "Changed cells by question", drawing


def _names_axis(names: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return the axis of names, each of one or more lines, in the order of their rows' places."""
    labels = f"{orjson.dumps(names).decode()}[datum.value]"
    axis = {
        "labelExpr": labels,
        "labelLimit": NAMES_PIXELS,
        "minExtent": NAMES_PIXELS,
        "ticks": False,
        "domain": False,
        "grid": False,
        "labelPadding": 6,
    }
    return {"field": "place", "type": "ordinal", "title": None, "axis": axis}
