"""Build Vega-Lite specifications with Altair: the drawing of a kind, its titles above and its footer below.

Importing this module imports Altair, which takes 0.6 s and 40 MiB; ``app.charts.chart_of`` does it on first use.
"""

from collections.abc import Callable, Mapping
from typing import Any

import altair as alt

from app.charts.context import ChartContext
from app.charts.locations import bars, ranked_dots
from app.charts.look import SUBTITLE_FONT_PIXELS, config, picture_width
from app.charts.maps import shape_map, tile_map
from app.charts.pairs import comparison, figure, scatter
from app.charts.rows import dimensions
from app.charts.scene import ROWS, Drawing, Scene
from app.charts.strata import heatmap, strata_dots
from app.charts.words import (
    footer_lines,
    line_chars,
    note_parts,
    subtitle_parts,
    title_of_chart,
    wrapped,
    wrapped_parts,
)
from app.charts.years import lines, trend
from app.errors import InvalidRequestError
from app.statistics.registry import ChartKind

FOOTER_FONT_PIXELS, FOOTER_LINE_PIXELS = 10, 13


def dots(scene: Scene) -> Drawing:
    """Draw a dot with its interval for each location, ranked, or for each stratum."""
    return ranked_dots(scene) if "location" in dimensions(scene.rows) else strata_dots(scene)


DRAWINGS: Mapping[ChartKind, Callable[[Scene], Drawing]] = {
    "bars": bars,
    "map": shape_map,
    "tiles": tile_map,
    "dots": dots,
    "heatmap": heatmap,
    "lines": lines,
    "trend": trend,
    "comparison": comparison,
    "scatter": scatter,
    "figure": figure,
}


def draw(scene: Scene, kind: ChartKind) -> dict[str, Any]:
    """Return a chart as a Vega-Lite specification, JSON-ready.

    Raises
    ------
    InvalidRequestError: the chart does not have the year that its context chooses
    """
    drawing = DRAWINGS[kind](scene)
    if scene.context.year is not None and "years" not in drawing.usermeta:
        raise InvalidRequestError('this chart has no single years to choose from; leave "year" out', "year")
    title = title_of_chart(scene.statistic, scene.data, scene.context)
    said = subtitle_parts(scene.context, drawing.findings)
    notes = note_parts(title, scene.document, scene.context, drawing.notes)
    framed = _with_footer(scene, drawing, footer_lines(scene.context)).properties(
        description=" ".join([title, *said, *notes]),
        config=config(scene.look, picture_width(scene.context.width)),
    )
    above = _titles(scene.context, title, [*said, *notes]) if scene.context.titled else _notes(scene, notes)
    if above is not None:
        framed.title = above
    if drawing.usermeta:
        framed.usermeta = dict(drawing.usermeta)
    spec: dict[str, Any] = framed.to_dict(validate=False)
    spec.setdefault("datasets", {})[ROWS] = drawing.rows  # added last, as Altair would traverse all rows repeatedly
    return spec


def _titles(context: ChartContext, title: str, subtitle: list[str]) -> alt.TitleParams:
    title_chars, subtitle_chars = line_chars(context)
    return alt.TitleParams(wrapped(title, title_chars), subtitle=wrapped_parts(subtitle, subtitle_chars))


def _notes(scene: Scene, notes: list[str]) -> alt.TitleParams | None:
    """Return the notes in the place and the type of a subtitle; None if there are none."""
    if not notes:
        return None
    _, chars = line_chars(scene.context)
    style: dict[str, Any] = {"fontSize": SUBTITLE_FONT_PIXELS, "fontWeight": "normal", "color": scene.look.faint}
    return alt.TitleParams(wrapped_parts(notes, chars), **style)


def _with_footer(scene: Scene, drawing: Drawing, lines: list[str]) -> Any:
    """Put the footer below a drawing. A drawing as wide as its container cannot be concatenated, so it gets a layer."""
    style: dict[str, Any] = {"align": "left", "baseline": "top", "fontSize": FOOTER_FONT_PIXELS}
    text = alt.Chart(alt.InlineData(values=[{}])).mark_text(
        text=lines, color=scene.look.faint, lineHeight=FOOTER_LINE_PIXELS, **style
    )
    if isinstance(drawing.chart, alt.LayerChart) and drawing.chart.width == "container":
        framed = drawing.chart.copy()
        below = alt.value(alt.expr(f"height + {drawing.below}"))
        framed.layer = [*framed.layer, text.encode(x=alt.value(-drawing.left), y=below)]
        return framed
    footer = text.encode(x=alt.value(-drawing.left), y=alt.value(0))
    return alt.vconcat(drawing.chart, footer.properties(width=1, height=FOOTER_LINE_PIXELS * len(lines)))
