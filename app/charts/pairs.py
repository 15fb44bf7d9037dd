"""Two estimates compared, two questions across locations, and a single figure."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from app.charts.names import free_places
from app.charts.rows import KEYS, Row, chart_row, has_limits
from app.charts.scene import Drawing, Scene, layered, names_axis, names_pixels, state_channels, tooltips
from app.charts.words import p_value_text, stratum_words, title_of_chart, with_limits, wrapped
from app.findings.about import short_name
from app.findings.words import year_span
from app.table.question import PERCENT

COMPARISON_ROW_PIXELS = 40
SCATTER_HEIGHT_PIXELS = 380
SCATTER_PADDING_PIXELS = 14
NARROW_SCATTER_PIXELS = 250  # between the axes, in a page of 360 pixels
WIDE_SCATTER_PIXELS = 560  # between the axes, in a picture
SCATTER_VALUES_PIXELS = 34  # width of the vertical axis
AXIS_TITLE_CHARS = 50
AXIS_TITLE_LINE_PIXELS = 13
FIGURE_HEIGHT_PIXELS = 84
FIGURE_FONT_PIXELS = 40
BAR_PIXELS = 18
BAR_FROM_TOP_PIXELS = 68
WHOLE = 100.0  # percent


def comparison(scene: Scene) -> Drawing:
    """Draw two estimates below each other with their limits; the subtitle states their difference."""
    sides = [scene.data["a"], scene.data["b"]]
    rows = [{**chart_row(side), "name": _side_name(scene.data["dimension"], side)} for side in sides]
    names = [row["name"] for row in rows]
    pixels = names_pixels(names)
    axis = names_axis(pixels, grid=False, labelFontWeight="bold")
    base = alt.Chart().encode(y=alt.Y("name:N", sort=names, axis=axis))
    return Drawing(
        rows,
        layered(_comparison_layers(scene, base, rows), height=COMPARISON_ROW_PIXELS * len(rows)),
        (_difference(scene, names),),
        (_common_keys(scene.data),),
        left=pixels,
    )


def _side_name(dimension: str, side: Mapping[str, Any]) -> str:
    return year_span(side["years"]) if dimension == "year" else str(side[dimension])


def scatter(scene: Scene) -> Drawing:
    """Draw a point with its abbreviation for each location; the subtitle states the coefficients."""
    rows = _with_places([{**pair, "name": scene.abbreviation(pair["location"])} for pair in scene.data["pairs"]])
    title, y_title = (wrapped(short_name(scene.data[key]), AXIS_TITLE_CHARS) for key in ("question", "other_question"))
    scale = alt.Scale(zero=False, nice=False, padding=SCATTER_PADDING_PIXELS)
    y_axis = alt.Axis(minExtent=SCATTER_VALUES_PIXELS, tickCount=6)
    base = alt.Chart().encode(
        x=alt.X("x:Q", title=title, scale=scale, axis=alt.Axis(tickCount=6)),
        y=alt.Y("y:Q", title=y_title, scale=scale, axis=y_axis),
        tooltip=[alt.Tooltip("location:N"), alt.Tooltip("x:Q", format=".1f"), alt.Tooltip("y:Q", format=".1f")],
    )
    points = base.mark_point(filled=True, size=32, color=scene.look.main, opacity=0.9)
    chart = layered([points, _names(scene, base)], height=SCATTER_HEIGHT_PIXELS)
    below = 30 + AXIS_TITLE_LINE_PIXELS * len(title)
    left = SCATTER_VALUES_PIXELS + AXIS_TITLE_LINE_PIXELS * len(y_title)
    other = f"The other question: {scene.data['other_question']}"
    return Drawing(rows, chart, _coefficients(scene.data), (other,), left=left, below=below)


def _with_places(rows: list[Row]) -> list[Row]:
    """Return rows with the place of their name in a narrow and in a wide drawing: pixels below the point, or None."""
    for column, width in (("in_narrow", NARROW_SCATTER_PIXELS), ("in_wide", WIDE_SCATTER_PIXELS)):
        x = _along([row["x"] for row in rows], width)
        y = [SCATTER_HEIGHT_PIXELS - each for each in _along([row["y"] for row in rows], SCATTER_HEIGHT_PIXELS)]
        places = free_places(list(zip(x, y, strict=True)), [row["name"] for row in rows])
        rows = [{**row, column: place} for row, place in zip(rows, places, strict=True)]
    return rows


def _along(values: Sequence[float], pixels: float) -> list[float]:
    """Return the places of values on a scale of so many pixels."""
    low, high = min(values), max(values)
    share = (pixels - 2 * SCATTER_PADDING_PIXELS) / ((high - low) or 1.0)
    return [SCATTER_PADDING_PIXELS + share * (value - low) for value in values]


def _names(scene: Scene, base: alt.Chart) -> alt.Chart:
    """Write the names that have room, above or below their points."""
    place = f"(width < {WIDE_SCATTER_PIXELS} ? datum.in_narrow : datum.in_wide)"
    text = alt.expr(f"isValid{place} ? datum.name : ''")
    marks: alt.Chart = base.mark_text(dy=alt.expr(f"{place} || 0"), fontSize=9, color=scene.look.ink, text=text)
    return marks


def figure(scene: Scene) -> Drawing:
    """Draw a single figure: the number in large type, and a bar with its limits."""
    row = scene.rows[0]
    start, end = _figure_domain(scene, row)
    marks = alt.Chart().encode(y=alt.value(BAR_FROM_TOP_PIXELS))
    scale = alt.Scale(domain=[start, end], nice=False)
    axis = alt.X("value:Q", title=scene.unit, scale=scale, axis=alt.Axis(tickCount=5, grid=False))
    track = marks.mark_bar(size=BAR_PIXELS, color=scene.look.grid).encode(x="from:Q", x2="to:Q")
    bar = marks.mark_bar(size=BAR_PIXELS).encode(x=axis, **state_channels(scene.look, [row]))
    rule = marks.mark_rule(color=scene.look.ink, strokeWidth=2).encode(x="low:Q", x2="high:Q")
    style: dict[str, Any] = {
        "align": "left",
        "baseline": "middle",
        "fontSize": FIGURE_FONT_PIXELS,
        "fontWeight": "bold",
    }
    text = alt.Chart().mark_text(color=scene.look.ink, **style).encode(x=alt.value(0), y=alt.value(22), text="text:N")
    layers = [track, bar, rule, text] if row["low"] is not None else [track, bar, text]
    drawn_row = {**row, "from": start, "to": end, "text": _figure_text(scene, row)}
    chart = layered(layers, height=FIGURE_HEIGHT_PIXELS)
    return Drawing([drawn_row], chart, _figure_limits(row), _figure_keys(scene, row))


def _comparison_layers(scene: Scene, base: alt.Chart, rows: list[Row]) -> list[alt.Chart]:
    axis = alt.X("value:Q", title=scene.unit, scale=alt.Scale(zero=False, padding=28), axis=alt.Axis(tickCount=5))
    valued = base.transform_filter("datum.value !== null")
    dots = valued.mark_point(size=110, strokeWidth=2, opacity=1).encode(
        x=axis, tooltip=tooltips(scene, rows), **state_channels(scene.look, rows)
    )
    texts = valued.mark_text(dy=-13, fontSize=11, color=scene.look.ink)
    texts = texts.encode(x="value:Q", text=alt.Text("value:Q", format=".1f"))
    empty = base.transform_filter("datum.value === null")
    notes = empty.mark_text(align="left", fontStyle="italic", color=scene.look.faint)
    layers = [dots, texts, notes.encode(x=alt.value(6), text="state:N")]
    if has_limits(rows):
        rule = base.mark_rule(color=scene.look.faint, strokeWidth=2, opacity=1)
        layers.insert(0, rule.encode(x="low:Q", x2="high:Q"))
    return layers


def _common_keys(data: Mapping[str, Any]) -> str:
    """Describe what both sides have in common: location, years, and the stratum unless it is everybody."""
    side, dimension = data["a"], data["dimension"]
    years = side.get("years") or [year for year in [side.get("year")] if year is not None]
    parts = {"location": side.get("location"), "year": year_span(years), "stratum": stratum_words(side)}
    return ", ".join(part for name, part in parts.items() if part and name != dimension)


def _difference(scene: Scene, names: list[str]) -> str:
    difference = scene.data["difference"] or {}
    gap = f"{with_limits(difference)} {scene.difference_unit}"
    return f"{names[0]} minus {names[1]}: {gap}, {p_value_text(difference.get('p_value'))}"


def _coefficients(data: Mapping[str, Any]) -> tuple[str, ...]:
    pearson, spearman = data["pearson"] or {}, data["spearman"] or {}
    return (
        f"Pearson's r {with_limits(pearson, 'r', 2)}, {p_value_text(pearson.get('p_value'))}",
        f"Spearman's rho {with_limits(spearman, 'rho', 2)}, {p_value_text(spearman.get('p_value'))}",
        "A correlation across locations is not one across people.",
    )


def _figure_domain(scene: Scene, row: Row) -> list[float]:
    """Return the scale's ends: 0 to 100 for a percentage, the same length on both sides of zero for others."""
    value = row["value"] or 0.0
    if 0 <= value <= WHOLE and scene.unit == PERCENT:
        return [0.0, WHOLE]
    return [-abs(value) * 2 or -1.0, abs(value) * 2 or 1.0]


def _figure_text(scene: Scene, row: Row) -> str:
    if row["value"] is None:
        return str(row["state"])
    if scene.is_difference:
        return f"{row['value']:+.1f} {scene.difference_unit}"
    return f"{row['value']:.1f} {'%' if scene.unit == PERCENT else scene.unit}"


def _figure_keys(scene: Scene, row: Row) -> tuple[str, ...]:
    """Return the figure's keys, unless the title names them."""
    title = title_of_chart(scene.statistic, scene.data, scene.context)
    named = ", ".join(key for key in (str(row[name]) for name in KEYS if name in row) if key not in title)
    return (named,) if named else ()


def _figure_limits(row: Row) -> tuple[str, ...]:
    return (f"95 % confidence limits: {with_limits(row)}",) if row["low"] is not None else ()
