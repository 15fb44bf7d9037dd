"""Dots with their confidence intervals, a row for each, and each figure in words in a column beside them."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from app.charts.rows import Row, has_limits
from app.charts.scene import Scene, state_channels, tooltips

ROOM_SHARE = 0.04  # of the scale, on each side
FIGURE_PIXELS, STATE_PIXELS, NOTE_PIXELS = 38, 68, 236  # width of the column: for figures, for states, and with notes
NARROW_PIXELS = 440  # too narrow for notes; the tooltip and the table have them


def with_figures(rows: Sequence[Row]) -> list[Row]:
    """Return rows with their figure as text, and with the note on why to interpret it with caution, if there is one."""
    return [
        {**row, "figure": _figure(row), "words": ", ".join(filter(None, (_figure(row), row.get("note"))))}
        for row in rows
    ]


def value_axis(scene: Scene, rows: Sequence[Row], *, zero: bool) -> alt.X:
    """Return the axis of rows with their limits, which leaves room for the column of figures.

    Parameters
    ----------
    zero: whether the scale includes zero
    """
    ends = [end for row in rows for end in (row["low"], row["high"], row["value"]) if end is not None]
    ends += [0.0] if zero or not ends else []
    low, high = min(ends), max(ends)
    room = ROOM_SHARE * (high - low) or 1.0
    domain = [low - room if low < 0 or not zero else low, high + room]
    scale = alt.Scale(domain=domain, zero=False, nice=False, rangeMax=alt.expr(f"width - {_column_pixels(rows)}"))
    return alt.X("value:Q", title=scene.unit, scale=scale, axis=alt.Axis(tickCount=5))


def interval_layers(scene: Scene, base: alt.Chart, rows: Sequence[Row]) -> list[alt.Chart]:
    """Return the layers of rows ``with_figures``: intervals, dots, figures. A scale of differences has a zero."""
    points = base.transform_filter("datum.value !== null").mark_point(size=55, strokeWidth=1.8, opacity=1)
    axis = value_axis(scene, rows, zero=scene.is_difference)
    dots = points.encode(x=axis, tooltip=tooltips(scene, rows), **state_channels(scene.look, rows))
    rules = base.mark_rule(color=scene.look.faint, strokeWidth=1.5).encode(x="low:Q", x2="high:Q")
    figures = figure_column(scene, base, rows)
    return [rules, dots, figures] if has_limits(rows) else [dots, figures]


def reference_rule(scene: Scene, base: alt.Chart) -> alt.Chart:
    """Return a rule at the values of a layer without a vertical place, such as the nation's."""
    rule: dict[str, Any] = {"color": scene.look.ink, "strokeDash": [4, 3], "strokeWidth": 1.2, "opacity": 1}
    mark: alt.Chart = base.mark_rule(**rule).encode(x="value:Q")
    return mark


def zero_rule(scene: Scene) -> list[alt.Chart]:
    """Return a rule at no difference, if the values are differences."""
    return [reference_rule(scene, alt.Chart(alt.InlineData(values=[{"value": 0}])))] if scene.is_difference else []


def figure_column(scene: Scene, base: alt.Chart, rows: Sequence[Row]) -> alt.Chart:
    """Write the figures of rows ``with_figures`` in a column, with their notes if there is room."""
    text = alt.expr(f"width < {NARROW_PIXELS} ? datum.figure : datum.words")
    column = base.mark_text(align="left", fontSize=10, color=scene.look.ink, text=text)
    marks: alt.Chart = column.encode(x=alt.value(alt.expr(f"width - {_column_pixels(rows)} + 8")))
    return marks


def _column_pixels(rows: Sequence[Row]) -> str:
    """Return the width of the column as a Vega expression."""
    narrow = STATE_PIXELS if any(row["value"] is None for row in rows) else FIGURE_PIXELS
    wide = NOTE_PIXELS if any("note" in row for row in rows) else narrow
    return f"(width < {NARROW_PIXELS} ? {narrow} : {wide})"


def _figure(row: Row) -> str:
    """Return the value, or why there is none."""
    return str(row["state"]) if row["value"] is None else f"{row['value']:z.1f}"
