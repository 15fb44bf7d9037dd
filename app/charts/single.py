"""One number: large, over a bar that shows it on its scale."""

from typing import Any

import altair as alt

from app.charts.rows import KEYS, Row
from app.charts.scene import Drawing, Scene, layered, state_channels
from app.charts.words import limits, title_lines

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
    names = [str(row[name]) for name in KEYS if name in row and row[name] != scene.statistic]
    title = " ".join(title_lines(scene.statistic, scene.data))
    told = ", ".join(name for name in names if name not in title)
    return (told,) if told else ()


def _with_limits(row: Row) -> tuple[str, ...]:
    return (f"95 % confidence limits: {limits(row)}",) if row["low"] is not None else ()
