"""Two estimates compared, two questions across locations, and a single figure."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from app.charts.rows import KEYS, Row, chart_row, has_limits
from app.charts.scene import Drawing, Scene, layered, names_axis, names_pixels, state_channels, tooltips
from app.charts.words import p_value_text, stratum_words, title_of_chart, with_limits, wrapped
from app.findings.about import short_name
from app.findings.words import year_span
from app.table.question import PERCENT

COMPARISON_ROW_PIXELS = 40
SCATTER_HEIGHT_PIXELS = 380
SCATTER_VALUES_PIXELS = 34  # width of the vertical axis
SCATTER_WIDTH_PIXELS = 430  # at least, except in narrow windows
SCATTER_FILL = 0.75  # of the height that points take at least, as the axis ends at round values
POINT_PIXELS = 3  # half of the size of a point
NAME_FONT_PIXELS = 9
NAME_CHAR_PIXELS = 6.5
# Of a name beside its point: its offset, where it begins in multiples of its width, and the same offset of its corner.
NAME_SIDES: Mapping[str, tuple[Mapping[str, Any], float, tuple[float, float]]] = {
    "above": ({"dy": -8}, -0.5, (0, -13)),
    "right": ({"dx": 6, "align": "left"}, 0, (6, -4)),
    "left": ({"dx": -6, "align": "right"}, -1, (-6, -4)),
    "below": ({"dy": 9}, -0.5, (0, 5)),
}
AXIS_TITLE_CHARS = 50
AXIS_TITLE_LINE_PIXELS = 13
FIGURE_HEIGHT_PIXELS = 84
FIGURE_FONT_PIXELS = 40
BAR_PIXELS = 18
BAR_FROM_TOP_PIXELS = 68
WHOLE = 100.0  # percent

Box = tuple[float, float, float, float]  # left, top, right and bottom, in pixels


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
    rows = [{**pair, "name": scene.abbreviation(pair["location"])} for pair in scene.data["pairs"]]
    for row, side in zip(rows, _sides_of_names(rows), strict=True):
        row["side"] = side
    title, y_title = (wrapped(short_name(scene.data[key]), AXIS_TITLE_CHARS) for key in ("question", "other_question"))
    scale = alt.Scale(zero=False, padding=14)
    y_axis = alt.Axis(minExtent=SCATTER_VALUES_PIXELS, tickCount=6)
    base = alt.Chart().encode(
        x=alt.X("x:Q", title=title, scale=scale, axis=alt.Axis(tickCount=6)),
        y=alt.Y("y:Q", title=y_title, scale=scale, axis=y_axis),
        tooltip=[alt.Tooltip("location:N"), alt.Tooltip("x:Q", format=".1f"), alt.Tooltip("y:Q", format=".1f")],
    )
    points = base.mark_point(filled=True, size=32, color=scene.look.main, opacity=0.9)
    names = [
        base.mark_text(**offset, fontSize=NAME_FONT_PIXELS, color=scene.look.ink)
        .encode(text="name:N")
        .transform_filter(f"datum.side === '{side}'")
        for side, (offset, _, _) in NAME_SIDES.items()
    ]
    chart = layered([points, *names], height=SCATTER_HEIGHT_PIXELS)
    below = 30 + AXIS_TITLE_LINE_PIXELS * len(title)
    left = SCATTER_VALUES_PIXELS + AXIS_TITLE_LINE_PIXELS * len(y_title)
    other = f"The other question: {scene.data['other_question']}"
    return Drawing(rows, chart, _coefficients(scene.data), (other,), left=left, below=below)


def _sides_of_names(rows: Sequence[Row]) -> list[str]:
    """Return on which side of its point each name stands, "" where it would cover another name or point.

    Points are where they are in a chart of ``SCATTER_WIDTH_PIXELS``; in a wider one, names have more room.
    """
    sizes = {"x": SCATTER_WIDTH_PIXELS, "y": -SCATTER_HEIGHT_PIXELS * SCATTER_FILL}  # y grows upwards
    spans = {axis: [min(row[axis] for row in rows), max(row[axis] for row in rows)] for axis in sizes}
    points = [
        tuple(
            (row[axis] - spans[axis][0]) / (spans[axis][1] - spans[axis][0] or 1.0) * size
            for axis, size in sizes.items()
        )
        for row in rows
    ]
    taken = [(x - POINT_PIXELS, y - POINT_PIXELS, x + POINT_PIXELS, y + POINT_PIXELS) for x, y in points]
    sides = []
    for own, ((x, y), row) in enumerate(zip(points, rows, strict=True)):
        width, others = NAME_CHAR_PIXELS * len(row["name"]), taken[:own] + taken[own + 1 :]
        boxes = {
            side: (x + across * width + dx, y + dy, x + (across + 1) * width + dx, y + dy + NAME_FONT_PIXELS)
            for side, (_, across, (dx, dy)) in NAME_SIDES.items()
        }
        side = next((side for side, box in boxes.items() if not any(_overlap(box, other) for other in others)), "")
        taken += [boxes[side]] if side else []
        sides.append(side)
    return sides


def _overlap(box: Box, other: Box) -> bool:
    return box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]


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
