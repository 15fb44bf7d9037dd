"""Two things against each other: two estimates, and two questions across locations."""

from collections.abc import Mapping
from typing import Any

import altair as alt

from app.charts.rows import KEYS, Row, chart_row, has_limits
from app.charts.scene import Drawing, Scene, layered, names_axis, names_pixels, state_channels, tips
from app.charts.words import p_value_text, stratum_words, title_lines, with_limits, wrapped, year_span

ROW_STEP_PIXELS = 40
SCATTER_HEIGHT_PIXELS = 380
AXIS_CHARS = 50
LINE_PIXELS = 13
VALUES_PIXELS = 34


def comparison(scene: Scene) -> Drawing:
    """Draw two estimates below each other with their limits; their difference stands in the subtitle."""
    sides = [scene.data["a"], scene.data["b"]]
    rows = [{**chart_row(side), "name": str(side[scene.data["dimension"]])} for side in sides]
    names = [row["name"] for row in rows]
    pixels = names_pixels(names)
    base = alt.Chart().encode(
        y=alt.Y("name:N", sort=names, axis=names_axis(pixels, grid=False, labelFontWeight="bold"))
    )
    axis = alt.X("value:Q", title=scene.unit, scale=alt.Scale(zero=False, padding=28), axis=alt.Axis(tickCount=5))
    valued = base.transform_filter("datum.value !== null")
    dots = valued.mark_point(size=110, strokeWidth=2, opacity=1).encode(
        x=axis, tooltip=tips(rows), **state_channels(scene.look, rows)
    )
    figures = valued.mark_text(dy=-13, fontSize=11, color=scene.look.ink)
    layers = [dots, figures.encode(x="value:Q", text=alt.Text("value:Q", format=".1f"))]
    if has_limits(rows):
        layers.insert(
            0, base.mark_rule(color=scene.look.faint, strokeWidth=2, opacity=1).encode(x="low:Q", x2="high:Q")
        )
    gone = base.transform_filter("datum.value === null").mark_text(
        align="left", fontStyle="italic", color=scene.look.faint
    )
    layers.append(gone.encode(x=alt.value(6), text="state:N"))
    return Drawing(
        rows,
        layered(layers, height=ROW_STEP_PIXELS * len(rows)),
        (*_shared(scene.data), _difference(scene, names)),
        left=pixels,
    )


def _shared(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Tell what both sides are of: location, years, and the stratum where it is not everybody."""
    side, dimension = data["a"], data["dimension"]
    years = side.get("years") or [year for year in [side.get("year")] if year is not None]
    parts = {"location": side.get("location"), "year": year_span(years), "stratum": stratum_words(side)}
    return (", ".join(part for name, part in parts.items() if part and name != dimension),)


def _difference(scene: Scene, names: list[str]) -> str:
    found = scene.data["difference"] or {}
    return f"{names[0]} less {names[1]}: {with_limits(found)} points, {p_value_text(found.get('p_value'))}"


def scatter(scene: Scene) -> Drawing:
    """Draw a point with its abbreviation for each location; the coefficients stand in the subtitle."""
    rows = [{**pair, "name": scene.abbreviation(pair["location"])} for pair in scene.data["pairs"]]
    across = wrapped(scene.data["question"], AXIS_CHARS)
    base = alt.Chart().encode(
        x=alt.X("x:Q", title=across, scale=alt.Scale(zero=False, padding=14), axis=alt.Axis(tickCount=6)),
        y=alt.Y(
            "y:Q",
            title=None,
            scale=alt.Scale(zero=False, padding=14),
            axis=alt.Axis(minExtent=VALUES_PIXELS, tickCount=6),
        ),
        tooltip=[alt.Tooltip("location:N"), alt.Tooltip("x:Q", format=".1f"), alt.Tooltip("y:Q", format=".1f")],
    )
    points = base.mark_point(filled=True, size=32, color=scene.look.main, opacity=0.9)
    names = base.mark_text(dy=-8, fontSize=9, color=scene.look.ink).encode(text="name:N")
    chart = layered([points, names], height=SCATTER_HEIGHT_PIXELS)
    return Drawing(rows, chart, _coefficients(scene.data), left=VALUES_PIXELS, below=30 + LINE_PIXELS * len(across))


def _coefficients(data: Mapping[str, Any]) -> tuple[str, ...]:
    pearson, spearman = data["pearson"] or {}, data["spearman"] or {}
    return (
        f"Vertical: {data['other_question']}",
        f"Pearson's r {with_limits(pearson, 'r', 2)}, {p_value_text(pearson.get('p_value'))}",
        f"Spearman's rho {with_limits(spearman, 'rho', 2)}, {p_value_text(spearman.get('p_value'))}",
    )


HEIGHT_PIXELS = 84
BAR_PIXELS = 18
FIGURE_PIXELS = 40
BAR_FROM_TOP_PIXELS = 68
WHOLE = 100.0  # percent


def figure(scene: Scene) -> Drawing:
    """Draw the one number of an answer."""
    row = scene.rows[0]
    start, end = _domain(scene, row)
    marks = alt.Chart().encode(y=alt.value(BAR_FROM_TOP_PIXELS))
    axis = alt.X(
        "value:Q",
        title=scene.unit,
        scale=alt.Scale(domain=[start, end], nice=False),
        axis=alt.Axis(tickCount=5, grid=False),
    )
    track = marks.mark_bar(size=BAR_PIXELS, color=scene.look.grid).encode(x="from:Q", x2="to:Q")
    bar = marks.mark_bar(size=BAR_PIXELS).encode(x=axis, **state_channels(scene.look, [row]))
    rule = marks.mark_rule(color=scene.look.ink, strokeWidth=2).encode(x="low:Q", x2="high:Q")
    style: dict[str, Any] = {"align": "left", "baseline": "middle", "fontSize": FIGURE_PIXELS, "fontWeight": "bold"}
    words = alt.Chart().mark_text(color=scene.look.ink, **style).encode(x=alt.value(0), y=alt.value(22), text="words:N")
    told = {**row, "from": start, "to": end, "words": _words(scene, row)}
    layers = [track, bar, rule, words] if row["low"] is not None else [track, bar, words]
    return Drawing([told], layered(layers, height=HEIGHT_PIXELS), (*_named(scene, row), *_with_limits(row)))


def _domain(scene: Scene, row: Row) -> list[float]:
    """Return the scale: the whole of a percentage, and as much on either side of zero for a difference."""
    value = row["value"] or 0.0
    if 0 <= value <= WHOLE and not scene.is_difference:
        return [0.0, WHOLE]
    return [-abs(value) * 2 or -1.0, abs(value) * 2 or 1.0]


def _words(scene: Scene, row: Row) -> str:
    if row["value"] is None:
        return str(row["state"])
    return f"{row['value']:+.1f} points" if scene.is_difference else f"{row['value']:.1f} %"


def _named(scene: Scene, row: Row) -> tuple[str, ...]:
    """Tell what the number is of, where the title does not and it is not of all rows."""
    names = [str(row[name]) for name in KEYS if name in row]
    title = " ".join(title_lines(scene.statistic, scene.data))
    told = ", ".join(name for name in names if name not in title)
    return (told,) if told else ()


def _with_limits(row: Row) -> tuple[str, ...]:
    return (f"95 % confidence limits: {with_limits(row)}",) if row["low"] is not None else ()
