"""Locations, ranked: dots with intervals, or bars for figures without limits; a rule for the nation across both."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import orjson

from app.charts.intervals import figure_column, interval_layers, reference_rule, value_axis, with_figures, zero_rule
from app.charts.rows import Row, is_nation
from app.charts.scene import Drawing, Scene, layered, names_axis, names_pixels, state_channels, tooltips

STEP_PIXELS = 17
BELOW, ABOVE = "below the global mean", "above the global mean"


def ranked_dots(scene: Scene) -> Drawing:
    """Draw a dot with its interval for each location, and a rule for the nation, or for no difference at zero.

    A ranking is in order already; other results are in the order of the names and are sorted here, highest first.
    """
    ranked = scene.rows if "ranked" in scene.data else _ranked(scene.rows)
    rows = with_figures(ranked)
    names = [row["location"] for row in rows]
    pixels = names_pixels(names)
    base = alt.Chart().encode(y=_names(rows, pixels, grid=True, gridDash=[1, 3]))
    layers = [*_reference(scene, rows), *interval_layers(scene, base, rows)]
    return Drawing(rows, layered(layers, height=STEP_PIXELS * len(rows)), left=pixels)


def bars(scene: Scene) -> Drawing:
    """Draw a bar for each location, from zero, in the order of the result, and a rule for the nation."""
    rows = with_figures(scene.rows)
    if scene.is_from_global_mean:
        rows = [{**row, "side": _side(row)} for row in rows]
    pixels = names_pixels([row["location"] for row in rows])
    base = alt.Chart().encode(y=_names(rows, pixels, grid=False))
    layers = [_bar_marks(scene, base, rows), *_reference(scene, rows), figure_column(scene, base, rows)]
    return Drawing(rows, layered(layers, height=STEP_PIXELS * len(rows)), left=pixels)


def _names(rows: Sequence[Row], pixels: float, **options: Any) -> alt.Y:
    """Return the axis of the locations, the nation in bold."""
    nation = [row["location"] for row in rows if is_nation(row)]
    is_bold = f"indexof({orjson.dumps(nation).decode()}, datum.value) >= 0"
    weight = alt.condition(is_bold, alt.value("bold"), alt.value("normal"))
    axis = names_axis(pixels, labelFontWeight=weight, **options)
    return alt.Y("location:N", sort=[row["location"] for row in rows], axis=axis)


def _reference(scene: Scene, rows: Sequence[Row]) -> list[alt.Chart]:
    """Return a rule at the nation's value; at zero, if the values are differences."""
    nation = [row["location"] for row in rows if is_nation(row) and row["value"] is not None]
    if scene.is_difference or not nation:
        return zero_rule(scene)
    at_nation = alt.Chart().transform_filter(f"datum.location === {orjson.dumps(nation[0]).decode()}")
    return [reference_rule(scene, at_nation)]


def _ranked(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["value"] is None, -(row["value"] or 0.0)))


def _bar_marks(scene: Scene, base: alt.Chart, rows: list[Row]) -> alt.Chart:
    channels = _side_channels(scene) if scene.is_from_global_mean else state_channels(scene.look, rows)
    marks: alt.Chart = base.mark_bar(strokeWidth=1.2).encode(
        x=value_axis(scene, rows, zero=True), tooltip=tooltips(scene, rows), **channels
    )
    return marks


def _side_channels(scene: Scene) -> dict[str, Any]:
    """Return the colours of locations below and above the mean."""
    scale = alt.Scale(domain=[BELOW, ABOVE], range=[scene.look.main, scene.look.other])
    return {"color": alt.Color("side:N", scale=scale, legend=alt.Legend(title=None, columns=1))}


def _side(row: Row) -> str:
    """Return the side of the global mean. The value is the global mean less the location's, so positive is below."""
    return BELOW if (row["value"] or 0.0) >= 0 else ABOVE
