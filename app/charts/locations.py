"""Locations: ranked bars, and the map of tiles."""

from typing import Any

import altair as alt

from app.charts.rows import CAUTION, NO_VALUE, SUPPRESSED, Row, has_limits, values_of
from app.charts.scene import (
    Drawing,
    Scene,
    ink_on,
    layered,
    names_axis,
    names_pixels,
    state_channels,
    state_shapes,
    tips,
    value_colour,
)
from app.charts.tiles import COLUMNS, ROWS, TILES

BAR_STEP_PIXELS = 17
TILE_STEP_PIXELS = 34
ROOM_FOR_FIGURES = 0.13  # of the scale; enough in a page of 360 pixels
BELOW, ABOVE = "below the global mean", "above the global mean"


def bars(scene: Scene) -> Drawing:
    """Draw a bar for each location, ranked, with confidence limits where the answer has them.

    Means come in ranked order; estimates come in that of the names, so they are ranked here, the highest first.
    """
    found = _ranked(scene.rows) if isinstance(scene.data, list) else scene.rows
    rows = [{**row, "end": _end(row), "side": _side(row)} for row in found]
    names = [row["location"] for row in rows]
    pixels = names_pixels(names)
    base = alt.Chart().encode(y=alt.Y("location:N", sort=names, axis=names_axis(pixels, grid=False)))
    layers = [_bar_marks(scene, base, rows), *_figures(scene, base)]
    if has_limits(rows):
        limits = base.mark_rule(color=scene.look.ink, strokeWidth=1.5).encode(x="low:Q", x2="high:Q")
        layers.insert(1, limits)
    return Drawing(rows, layered(layers, height=BAR_STEP_PIXELS * len(rows)), left=pixels)


def _ranked(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["value"] is None, -(row["value"] or 0.0)))


def _bar_marks(scene: Scene, base: alt.Chart, rows: list[Row]) -> alt.Chart:
    scale = alt.Scale(domain=_with_room([row["end"] for row in rows if row["end"] is not None]), nice=False)
    axis = alt.X("value:Q", title=scene.unit, scale=scale, axis=alt.Axis(tickCount=5))
    channels = _side_channels(scene) if scene.is_difference else state_channels(scene.look, rows)
    marks: alt.Chart = base.mark_bar(strokeWidth=1.2).encode(x=axis, tooltip=tips(rows), **channels)
    return marks


def _with_room(ends: list[float]) -> list[float]:
    """Return the scale of bars that begin at zero and end there, with room for the figures at their ends."""
    low, high = min(0.0, *ends, 0.0), max(0.0, *ends, 0.0)
    room = ROOM_FOR_FIGURES * (high - low)
    return [low - room if low < 0 else 0.0, high + room if high > 0 else 1.0]


def _side_channels(scene: Scene) -> dict[str, Any]:
    """Return the colours of the two sides of the mean."""
    scale = alt.Scale(domain=[BELOW, ABOVE], range=[scene.look.main, scene.look.other])
    return {"color": alt.Color("side:N", scale=scale, legend=alt.Legend(title=None, columns=1))}


def _figures(scene: Scene, base: alt.Chart) -> list[alt.Chart]:
    """Write each value at the end of its bar, and the state of those that have none."""
    style: dict[str, Any] = {"fontSize": 10, "color": scene.look.ink}
    text = alt.Text("value:Q", format=".1f")
    right = base.transform_filter("datum.value !== null && datum.value >= 0").mark_text(align="left", dx=5, **style)
    left = base.transform_filter("datum.value < 0").mark_text(align="right", dx=-5, **style)
    gone = base.transform_filter("datum.value === null").mark_text(align="left", fontStyle="italic", fontSize=10)
    return [
        right.encode(x="end:Q", text=text),
        left.encode(x="end:Q", text=text),
        gone.encode(x=alt.value(5), text="state:N", color=alt.value(scene.look.faint)),
    ]


def _end(row: Row) -> float | None:
    """Return where a bar with its limits ends."""
    value, high = row["value"], row["high"]
    return value if value is None or high is None else max(float(value), float(high))


def _side(row: Row) -> str:
    """Return on which side of the global mean a location is: the values are the global mean less its own."""
    return BELOW if (row["value"] or 0.0) >= 0 else ABOVE


def tile_map(scene: Scene) -> Drawing:
    """Draw a tile for each location that has its place, coloured by value; those without a value as an outline."""
    rows = _tile_rows(scene)
    base = alt.Chart().encode(
        x=alt.X("column:O", axis=None, scale=alt.Scale(domain=list(range(COLUMNS)), paddingInner=0.06)),
        y=alt.Y("row:O", axis=None, scale=alt.Scale(paddingInner=0.06)),
    )
    valued, empty = "datum.value !== null", "datum.value === null"
    tile = base.transform_filter(valued).mark_rect(cornerRadius=3)
    outline = base.transform_filter(empty).mark_rect(fill=None, stroke=scene.look.faint, strokeDash=[3, 3])
    layers = [
        tile.encode(fill=value_colour(scene, values_of(rows)), tooltip=tips(rows)),
        outline.encode(tooltip=tips(rows)),
        *_tile_words(scene, base),
        *_tile_states(scene, base, rows),
    ]
    return Drawing(rows, layered(layers, height=TILE_STEP_PIXELS * ROWS), _without_place(scene), below=10)


def _tile_rows(scene: Scene) -> list[Row]:
    """Return a row for every tile of the map; tiles that the answer does not tell of have no value."""
    told = {scene.abbreviation(row["location"]): row for row in scene.rows}
    nothing = {"location": None, "value": None, "low": None, "high": None, "state": NO_VALUE}
    ink = ink_on(scene, values_of(scene.rows))
    placed = []
    for name, (column, row) in TILES.items():
        found = told.get(name, {**nothing, "location": name})
        placed.append({**found, "name": name, "column": column, "row": row, "words": ink(found["value"])})
    return placed


def _tile_words(scene: Scene, base: alt.Chart) -> list[alt.Chart]:
    """Write abbreviation and value on the tiles."""
    ink = alt.Color("words:N", scale=None)
    name = base.mark_text(dy=-5, fontSize=11, fontWeight="bold").encode(text="name:N", color=ink)
    valued = base.transform_filter("datum.value !== null")
    value = valued.mark_text(dy=8, fontSize=9).encode(text=alt.Text("value:Q", format=".1f"), color=ink)
    return [name, value]


def _tile_states(scene: Scene, base: alt.Chart, rows: list[Row]) -> list[alt.Chart]:
    """Mark the tiles whose figures cannot be relied on."""
    told = [row for row in rows if row["state"] != NO_VALUE]
    marked = base.transform_filter(f"datum.state === '{CAUTION}' || datum.state === '{SUPPRESSED}'")
    shape = state_shapes(told)
    if not shape["scale"]["domain"]:
        return []
    point = marked.mark_point(size=22, filled=False, strokeWidth=1.3, yOffset=-11)
    return [point.encode(x=alt.X("column:O", bandPosition=0.88), shape=shape, stroke=alt.Stroke("words:N", scale=None))]


def _without_place(scene: Scene) -> tuple[str, ...]:
    """Tell of the locations that have no tile."""
    left_out = [row["location"] for row in scene.rows if scene.abbreviation(row["location"]) not in TILES]
    return (f"Not on the map: {', '.join(left_out)}",) if left_out else ()
