"""Years: a line for each of a few locations or strata, and the trend with its band."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import altair as alt

from app.charts.kinds import series_names
from app.charts.rows import RELIABLE, Row, chart_row, has_limits, in_natural_order, states_in
from app.charts.scene import Drawing, Scene, layered, names_pixels, shape_of_state, state_channels, tooltips
from app.charts.words import p_value_text, with_limits

HEIGHT_PIXELS = 260
LABEL_GAP_PIXELS = 14  # between the names of two lines
MAX_SERIES_PIXELS = 116  # longer names of lines are cut
ROOM_SHARE = 0.05  # of the scale, above and below the lines
FITTED = ("fitted", "fitted_low", "fitted_high")
VALUES_PIXELS = 34  # width of the vertical axis


def lines(scene: Scene) -> Drawing:
    """Draw a line for each series over the years, its name at its end, with a band of its limits if it has them."""
    ordered = in_natural_order(scene.rows)
    rows = [{**row, "series": name} for row, name in zip(ordered, series_names(ordered), strict=True)]
    names = list(dict.fromkeys(row["series"] for row in rows))
    pixels = min(MAX_SERIES_PIXELS, names_pixels(names)) if len(names) > 1 else 0
    base = _series_base(scene, names, pixels)
    bands = [base.mark_area(opacity=0.15).encode(y="low:Q", y2="high:Q")] if has_limits(rows) else []
    low, high = _extent(rows)
    base = base.encode(y=_value_axis(scene, scale=alt.Scale(domain=[low, high], zero=False, nice=False)))
    line = base.mark_line(strokeWidth=2, invalid="break-paths-show-domains")
    layers = [*bands, line, *_points(scene, base, rows)]
    if pixels:
        rows = _with_labels(rows, low, high)
        layers.append(_series_labels(base, pixels))
    return _over_years(scene, rows, layers, axis=_year_axis(pixels))


def _series_base(scene: Scene, names: Sequence[str], pixels: float) -> alt.Chart:
    """Return the years and the colour of each series, with room for names of so many pixels at the end."""
    colours = alt.Scale(domain=names, range=list(scene.look.series[: len(names)]))
    return alt.Chart().encode(x=_year_axis(pixels), color=alt.Color("series:N", scale=colours, legend=None))


def _extent(rows: Sequence[Row], columns: Sequence[str] = ("low", "value", "high")) -> tuple[float, float]:
    """Return the ends of a scale over some columns, with some room."""
    ends = [row[name] for row in rows for name in columns if row[name] is not None]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    room = ROOM_SHARE * (high - low) or 1.0
    return low - room, high + room


def _with_labels(rows: Sequence[Row], low: float, high: float, at: str = "value") -> list[Row]:
    """Return rows with the height of its name in the last row of each series, apart from other names.

    Parameters
    ----------
    at: the column that is drawn; the last row is the last one that has it
    """
    last = {row["series"]: row for row in sorted(rows, key=_year) if row[at] is not None}
    ends = sorted(last.values(), key=lambda row: float(row[at]))
    heights = spread([row[at] for row in ends], LABEL_GAP_PIXELS / HEIGHT_PIXELS * (high - low), high)
    heights_by_name = {row["series"]: height for row, height in zip(ends, heights, strict=True)}
    return [
        {**row, "label_at": heights_by_name[row["series"]]} if row is last.get(row["series"]) else row for row in rows
    ]


def spread(values: Sequence[float], gap: float, most: float) -> list[float]:
    """Move ascending values apart to at least ``gap``, upwards first and then down from ``most``."""
    places: list[float] = []
    for value in values:
        places.append(max(value, places[-1] + gap) if places else value)
    limit = most
    for place in reversed(range(len(places))):
        places[place] = min(places[place], limit)
        limit = places[place] - gap
    return places


def _series_labels(base: alt.Chart, pixels: float) -> alt.Chart:
    """Write the name of each series beside its end, in its colour."""
    ends = base.transform_filter("isValid(datum.label_at)")
    text = ends.mark_text(align="left", fontSize=11, fontWeight="bold", limit=pixels)
    marks: alt.Chart = text.encode(x=alt.value(alt.expr(f"width - {pixels}")), y=alt.Y("label_at:Q"), text="series:N")
    return marks


def _year(row: Row) -> str:
    return str(row["year"])


def trend(scene: Scene) -> Drawing:
    """Draw the yearly estimates with their limits, and the fitted line with its band; several lines without limits."""
    if "trends" in scene.data:
        return _several_trends(scene)
    rows = [{**chart_row(year), **_fitted(year)} for year in scene.data["years"]]
    domain = list(_extent(rows, ("low", "value", "high", *FITTED)))
    axis = _value_axis(scene, "fitted_low", alt.Scale(domain=domain, zero=False, nice=False))
    base = alt.Chart().encode(x=_year_axis())
    band = base.mark_area(color=scene.look.main, opacity=0.18).encode(y=axis, y2="fitted_high")
    line = base.mark_line(color=scene.look.main, strokeWidth=2).encode(y="fitted:Q")
    bars = base.mark_rule(color=scene.look.faint, strokeWidth=1.5).encode(y="low:Q", y2="high:Q")
    points = base.transform_filter("datum.value !== null").mark_point(size=55, strokeWidth=1.8, opacity=1)
    dots = points.encode(y="value:Q", tooltip=tooltips(scene, rows), **state_channels(scene.look, rows))
    notes = ("Points: estimates with their 95 % limits.", "Line and band: the fitted trend with its 95 % limits.")
    return replace(_over_years(scene, rows, [band, line, bars, dots]), findings=(_slope(scene),), notes=notes)


def _several_trends(scene: Scene) -> Drawing:
    """Draw the yearly estimates and the fitted line of each of a few locations, its name at the end of its line."""
    rows = [
        {**chart_row({**year, "location": line["location"]}), **_fitted(year), "series": line["location"]}
        for line in scene.data["trends"]
        for year in line["years"]
    ]
    names = [line["location"] for line in scene.data["trends"]]
    pixels = min(MAX_SERIES_PIXELS, names_pixels(names))
    low, high = _extent(rows, ("value", *FITTED))
    base = _series_base(scene, names, pixels)
    band = base.mark_area(opacity=0.13).encode(y="fitted_low:Q", y2="fitted_high:Q")
    base = base.encode(y=_value_axis(scene, scale=alt.Scale(domain=[low, high], zero=False, nice=False)))
    line = base.mark_line(strokeWidth=2).encode(y="fitted:Q")
    labels = _series_labels(base, pixels)
    rows = _with_labels(rows, low, high, at="fitted")
    notes = ("Points: estimates.", "Lines and bands: the fitted trends with their 95 % limits.")
    drawing = _over_years(scene, rows, [band, line, *_points(scene, base, rows), labels], axis=_year_axis(pixels))
    return replace(drawing, notes=notes)


def _fitted(year: Mapping[str, Any]) -> Row:
    return {name: year.get(name) for name in FITTED}


def _over_years(scene: Scene, rows: list[Row], layers: list[alt.Chart], axis: alt.X | None = None) -> Drawing:
    """Combine layers over the years, with a note at each year without a value."""
    empty = alt.Chart().transform_filter("datum.value === null").encode(x=axis or _year_axis())
    note = empty.mark_text(angle=270, align="left", fontStyle="italic", fontSize=10, color=scene.look.faint)
    if any(row["value"] is None for row in rows):
        layers = [*layers, note.encode(y=alt.value(HEIGHT_PIXELS - 6), text="state:N")]
    return Drawing(rows, layered(layers, height=HEIGHT_PIXELS), left=VALUES_PIXELS)


def _points(scene: Scene, base: alt.Chart, rows: list[Row]) -> list[alt.Chart]:
    """Draw the figures: dots, and hollow triangles for the unreliable ones."""
    valued = [row for row in rows if row["value"] is not None]
    base = base.encode(tooltip=tooltips(scene, rows))
    reliable = base.transform_filter(f"datum.value !== null && datum.state === '{RELIABLE}'")
    dots = reliable.mark_point(filled=True, size=40, opacity=1)
    if states_in(valued) == [RELIABLE]:
        return [dots]
    unreliable = base.transform_filter(f"datum.value !== null && datum.state !== '{RELIABLE}'")
    return [dots, unreliable.mark_point(size=70, strokeWidth=2, opacity=1).encode(shape=shape_of_state(valued))]


def _year_axis(labels: float = 0) -> alt.X:
    """Return the axis of the years, with room for labels of so many pixels at its end."""
    axis = alt.Axis(format="d", tickMinStep=1, grid=False, labelSeparation=6)
    scale = alt.Scale(zero=False, nice=False, padding=14)
    if labels:
        scale.rangeMax = alt.expr(f"width - {labels}")
    return alt.X("year:Q", title=None, scale=scale, axis=axis)


def _value_axis(scene: Scene, field: str = "value", scale: alt.Scale | None = None) -> alt.Y:
    axis = alt.Axis(
        minExtent=VALUES_PIXELS,
        tickCount=6,
        domain=False,
        ticks=False,
        titleAngle=0,
        titleAlign="left",
        titleX=-VALUES_PIXELS,
        titleY=-14,
        titleBaseline="middle",
    )
    return alt.Y(f"{field}:Q", title=scene.unit, scale=scale or alt.Scale(zero=False), axis=axis)


def _slope(scene: Scene) -> str:
    slope = scene.data["slope"] or {}
    change = f"{with_limits(slope, decimals=2)} {scene.difference_unit} a year"
    return f"Slope: {change}, {p_value_text(slope.get('p_value'))}"
