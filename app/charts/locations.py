"""Locations: ranked bars, and the tile map."""

from typing import Any

import altair as alt

from app.charts.rows import CAUTION, NO_VALUE, SUPPRESSED, Row, has_limits, values_of
from app.charts.scene import (
    Drawing,
    Scene,
    layered,
    names_axis,
    names_pixels,
    state_channels,
    state_shapes,
    text_colour_on,
    tooltips,
    value_colour,
)
from app.charts.tiles import COLUMNS, ROWS, TILES

BAR_STEP_PIXELS = 17
TILE_STEP_PIXELS = 34
FIGURES_SHARE = 0.13  # of the scale, for the figures at the ends of the bars; enough in a page of 360 pixels
BELOW, ABOVE = "below the global mean", "above the global mean"


def bars(scene: Scene) -> Drawing:
    """Draw a bar for each location, ranked, with confidence limits if the result has them.

    Means are ranked already; estimates are in the order of the names and are ranked here, highest first.
    """
    ranked = _ranked(scene.rows) if isinstance(scene.data, list) else scene.rows
    rows = [{**row, "end": _end(row)} for row in ranked]
    if scene.is_from_global_mean:
        rows = [{**row, "side": _side(row)} for row in rows]
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
    channels = _side_channels(scene) if scene.is_from_global_mean else state_channels(scene.look, rows)
    marks: alt.Chart = base.mark_bar(strokeWidth=1.2).encode(x=axis, tooltip=tooltips(scene, rows), **channels)
    return marks


def _with_room(ends: list[float]) -> list[float]:
    """Return the ends of a scale from zero over all bars, with room for the figures at their ends."""
    low, high = min(0.0, *ends, 0.0), max(0.0, *ends, 0.0)
    room = FIGURES_SHARE * (high - low)
    return [low - room if low < 0 else 0.0, high + room if high > 0 else 1.0]


def _side_channels(scene: Scene) -> dict[str, Any]:
    """Return the colours of locations below and above the mean."""
    scale = alt.Scale(domain=[BELOW, ABOVE], range=[scene.look.main, scene.look.other])
    return {"color": alt.Color("side:N", scale=scale, legend=alt.Legend(title=None, columns=1))}


def _figures(scene: Scene, base: alt.Chart) -> list[alt.Chart]:
    """Write each value at the end of its bar, and the state of each location without a value."""
    style: dict[str, Any] = {"fontSize": 10, "color": scene.look.ink}
    text = alt.Text("value:Q", format=".1f")
    right = base.transform_filter("datum.value !== null && datum.value >= 0").mark_text(align="left", dx=5, **style)
    left = base.transform_filter("datum.value < 0").mark_text(align="right", dx=-5, **style)
    empty = base.transform_filter("datum.value === null").mark_text(align="left", fontStyle="italic", fontSize=10)
    return [
        right.encode(x="end:Q", text=text),
        left.encode(x="end:Q", text=text),
        empty.encode(x=alt.value(5), text="state:N", color=alt.value(scene.look.faint)),
    ]


def _end(row: Row) -> float | None:
    """Return the end of a bar, limits included."""
    value, high = row["value"], row["high"]
    return value if value is None or high is None else max(float(value), float(high))


def _side(row: Row) -> str:
    """Return the side of the global mean. The value is the global mean less the location's, so positive is below."""
    return BELOW if (row["value"] or 0.0) >= 0 else ABOVE


def tile_map(scene: Scene) -> Drawing:
    """Draw a tile for each location on the map, coloured by value, or as an outline without one."""
    rows = _tile_rows(scene)
    base = alt.Chart().encode(
        x=alt.X("column:O", axis=None, scale=alt.Scale(domain=list(range(COLUMNS)), paddingInner=0.06)),
        y=alt.Y("row:O", axis=None, scale=alt.Scale(paddingInner=0.06)),
    )
    valued, empty = "datum.value !== null", "datum.value === null"
    tile = base.transform_filter(valued).mark_rect(cornerRadius=3)
    outline = base.transform_filter(empty).mark_rect(fill=None, stroke=scene.look.faint, strokeDash=[3, 3])
    layers = [
        tile.encode(fill=value_colour(scene, values_of(rows)), tooltip=tooltips(scene, rows)),
        outline.encode(tooltip=tooltips(scene, rows)),
        *_tile_texts(scene, base),
        *_tile_states(scene, base, rows),
    ]
    return Drawing(rows, layered(layers, height=TILE_STEP_PIXELS * ROWS), _not_on_the_map(scene), below=10)


def _tile_rows(scene: Scene) -> list[Row]:
    """Return a row for every tile of the map, without a value if the location is not in the result."""
    by_name = {scene.abbreviation(row["location"]): row for row in scene.rows}
    empty = {"value": None, "low": None, "high": None, "state": NO_VALUE}
    ink = text_colour_on(scene, values_of(scene.rows))
    rows = []
    for name, (column, line) in TILES.items():
        row = by_name.get(name, {"location": name, **empty})
        rows.append({**row, "name": name, "column": column, "row": line, "ink": ink(row["value"])})
    return rows


def _tile_texts(scene: Scene, base: alt.Chart) -> list[alt.Chart]:
    """Write abbreviation and value on the tiles."""
    ink = alt.Color("ink:N", scale=None)
    name = base.mark_text(dy=-5, fontSize=11, fontWeight="bold").encode(text="name:N", color=ink)
    valued = base.transform_filter("datum.value !== null")
    value = valued.mark_text(dy=8, fontSize=9).encode(text=alt.Text("value:Q", format=".1f"), color=ink)
    return [name, value]


def _tile_states(scene: Scene, base: alt.Chart, rows: list[Row]) -> list[alt.Chart]:
    """Mark the tiles with unreliable figures."""
    reported = [row for row in rows if row["state"] != NO_VALUE]
    marked = base.transform_filter(f"datum.state === '{CAUTION}' || datum.state === '{SUPPRESSED}'")
    shape = state_shapes(reported)
    if not shape["scale"]["domain"]:
        return []
    point = marked.mark_point(size=22, filled=False, strokeWidth=1.3, yOffset=-11)
    return [point.encode(x=alt.X("column:O", bandPosition=0.88), shape=shape, stroke=alt.Stroke("ink:N", scale=None))]


def _not_on_the_map(scene: Scene) -> tuple[str, ...]:
    """Name the locations without a tile."""
    left_out = [row["location"] for row in scene.rows if scene.abbreviation(row["location"]) not in TILES]
    return (f"Not on the map: {', '.join(left_out)}",) if left_out else ()
