"""Build Vega-Lite specifications with Altair: the drawing of a kind, its titles above and its footer below.

Importing this module imports Altair, which takes 0.6 s and 40 MiB; ``app.charts.chart_of`` does it on first use.
"""

from collections.abc import Callable, Mapping
from typing import Any

import altair as alt

from app.charts.locations import bars, ranked_dots
from app.charts.look import config
from app.charts.maps import shape_map, tile_map
from app.charts.pairs import comparison, figure, scatter
from app.charts.rows import dimensions
from app.charts.scene import ROWS, Drawing, Scene
from app.charts.strata import heatmap, strata_dots
from app.charts.words import footer_lines, subtitle_lines, title_lines
from app.charts.years import lines, trend
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
    """Return a chart as a Vega-Lite specification, JSON-ready."""
    drawing = DRAWINGS[kind](scene)
    title = title_lines(scene.statistic, scene.data, scene.context)
    subtitle = subtitle_lines(scene.document, scene.context, drawing.findings)
    footer = footer_lines(scene.context)
    framed = _with_footer(scene, drawing, footer).properties(
        title=alt.TitleParams(title, subtitle=subtitle),
        description=" ".join([*title, *subtitle]),
        config=config(scene.look),
    )
    if drawing.usermeta:
        framed.usermeta = dict(drawing.usermeta)
    spec: dict[str, Any] = framed.to_dict(validate=False)
    spec.setdefault("datasets", {})[ROWS] = drawing.rows  # added last, as Altair would traverse all rows repeatedly
    return spec


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
