"""The input and output of every drawing, Scene and Drawing, and the axes, tooltips and colours that drawings share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import altair as alt

from app.charts.context import ChartContext
from app.charts.look import Look, mixed, state_colours, state_fills, text_colour_on
from app.charts.rows import CAUTION, NO_VALUE, RELIABLE, SUPPRESSED, Row, rows_of, states_in
from app.statistics.means import DIFFERENCES
from app.statistics.registry import POINTS, STATISTICS
from app.table.facts import survey_facts
from app.table.question import PERCENT

ROWS = "rows"  # the name of the dataset in a specification
MAX_NAME_PIXELS = 172  # longer names beside a chart are cut
PIXELS_PER_CHAR = 5.7
TOOLTIP_TITLES = {"low": "lower limit", "high": "upper limit", "sample_size": "respondents"}
TOOLTIP_TEXTS = ("location", "category", "stratum", "year", "state", "flags")
TOOLTIP_FIELDS = ("location", "category", "stratum", "year", "value", "low", "high", "sample_size", "state", "flags")
SHAPES = {CAUTION: "triangle-up", SUPPRESSED: "cross", NO_VALUE: "stroke"}


@dataclass(frozen=True)
class Scene:
    """A result to draw: the document of a finished job, its context, and the theme's look."""

    statistic: str
    document: Mapping[str, Any]
    context: ChartContext
    look: Look

    @property
    def data(self) -> Any:
        """The data of the document."""
        return self.document["data"]

    @cached_property
    def rows(self) -> list[Row]:
        """The data as rows."""
        return rows_of(self.statistic, self.data)

    @property
    def is_difference(self) -> bool:
        """Whether the values are differences."""
        return self._declared_unit == POINTS

    @property
    def is_from_global_mean(self) -> bool:
        """Whether the values are the global mean less the mean of a location."""
        known = STATISTICS.get(self.statistic)
        return known is not None and known.output is DIFFERENCES

    @property
    def unit(self) -> str:
        """The unit of the values, as the statistic declares it; that of the question if it is not percent."""
        declared = self._declared_unit
        return self.context.unit if declared in {PERCENT, POINTS} and self.context.unit != PERCENT else declared

    @property
    def difference_unit(self) -> str:
        """The unit of a difference in a sentence."""
        return "points" if self.context.unit == PERCENT else self.context.unit

    @property
    def _declared_unit(self) -> str:
        known = STATISTICS.get(self.statistic)
        return known.output.unit if known else PERCENT

    def abbreviation(self, location: str) -> str:
        """Return a location's abbreviation, or its name if it has none."""
        known = {**survey_facts().abbreviations, **self.context.abbreviations}
        return known.get(location, location)


@dataclass(frozen=True)
class Drawing:
    """A chart without titles and footer.

    Parameters
    ----------
    rows: the dataset that the chart's layers refer to
    chart: the chart
    findings: its numbers in words, for a chart whose context has no finding
    notes: how to read it
    left: width of the names beside the chart, in pixels
    below: height of the axis below the chart, in pixels
    usermeta: what the script of the page needs to know of the chart
    """

    rows: Sequence[Row]
    chart: alt.LayerChart | alt.FacetChart
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left: float = 0
    below: float = 46
    usermeta: Mapping[str, Any] = field(default_factory=dict)


def layered(layers: Sequence[alt.Chart], **size: Any) -> alt.LayerChart:
    """Return layers over the same dataset, as wide as their place in the page unless a width is given."""
    return alt.LayerChart(layer=list(layers), data=alt.NamedData(ROWS), **{"width": "container", **size})


def names_pixels(names: Sequence[str]) -> float:
    """Estimate the width of names beside a chart."""
    return min(MAX_NAME_PIXELS, PIXELS_PER_CHAR * max((len(name) for name in names), default=0) + 8)


def names_axis(pixels: float, **options: Any) -> alt.Axis:
    """Return an axis of names with a fixed width, so that the footer can be aligned with the names."""
    width: dict[str, Any] = {"labelLimit": pixels, "minExtent": pixels, "maxExtent": pixels}
    return alt.Axis(ticks=False, domain=False, labelPadding=6, title=None, **width, **options)


def tooltips(scene: Scene, rows: Sequence[Row]) -> list[alt.Tooltip]:
    """Return a tooltip with every field that any row has."""
    titles = {**TOOLTIP_TITLES, "value": scene.unit}
    return [
        _tooltip(name, titles.get(name, name))
        for name in TOOLTIP_FIELDS
        if any(row.get(name) is not None for row in rows)
    ]


def state_channels(look: Look, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the encodings that draw unreliable figures hollow, with a legend if there are any."""
    states = states_in(rows)
    legend = None if states == [RELIABLE] else alt.Legend(title=None, columns=1)
    fills = alt.Scale(domain=states, range=state_fills(look, states))
    lines = alt.Scale(domain=states, range=state_colours(look, states))
    return {
        "fill": alt.Fill("state:N", scale=fills, legend=legend),
        "stroke": alt.Stroke("state:N", scale=lines, legend=legend),
    }


def shape_of_state(rows: Sequence[Row]) -> alt.Shape:
    """Return the encoding that gives each state of unreliable figures its own shape."""
    states = [state for state in states_in(rows) if state != RELIABLE]
    scale = alt.Scale(domain=states, range=[SHAPES[state] for state in states])
    return alt.Shape("state:N", scale=scale, legend=alt.Legend(title=None, columns=1) if states else None)


def value_colour(scene: Scene, values: Sequence[float]) -> alt.Fill:
    """Return the colours of values on a continuous scale, around zero for differences."""
    legend = alt.Legend(title=scene.unit, gradientLength=140, gradientThickness=10, format=".0f", tickCount=4)
    colours, (low, high) = _value_scale(scene, values)
    scale = alt.Scale(domain=_evenly(low, high, len(colours)), range=colours, interpolate="rgb")  # as ``mixed`` does
    return alt.Fill("value:Q", scale=scale, legend=legend)


def ink_on_values(scene: Scene, values: Sequence[float]) -> Callable[[float | None], str]:
    """Return a function from a value to the colour of readable marks on that value's ``value_colour``."""
    colours, (low, high) = _value_scale(scene, values)

    def ink(value: float | None) -> str:
        return scene.look.faint if value is None else text_colour_on(mixed(colours, (value - low) / (high - low)))

    return ink


def _value_scale(scene: Scene, values: Sequence[float]) -> tuple[list[str], tuple[float, float]]:
    """Return the colours of a continuous scale, and the values at its ends, which differ."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if scene.is_difference:
        largest = max(abs(low), abs(high)) or 1.0
        return [*reversed(scene.look.below_zero), *scene.look.above_zero], (-largest, largest)
    return list(scene.look.quantities), (low, high if high > low else low + 1.0)


def _evenly(low: float, high: float, count: int) -> list[float]:
    return [low + (high - low) * place / (count - 1) for place in range(count)]


def _tooltip(name: str, title: str) -> alt.Tooltip:
    if name in TOOLTIP_TEXTS:
        return alt.Tooltip(f"{name}:N", title=title)
    return alt.Tooltip(f"{name}:Q", title=title, format=",d" if name == "sample_size" else ".1f")
