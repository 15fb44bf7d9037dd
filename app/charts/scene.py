"""What every drawing starts from, and what it hands back to be framed by titles and source."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import altair as alt

from app.charts.context import ChartContext
from app.charts.look import Look, state_colours, state_fills
from app.charts.rows import RELIABLE, Row, rows_of, states_in
from app.statistics.registry import DIFFERENCE, STATISTICS
from app.table.facts import survey_facts

ROWS = "rows"  # the name of the rows in a specification
PERCENT = "percent"
POINTS = "percentage points"
LABEL_PIXELS = 172  # the longest name beside a chart
PIXELS_PER_CHAR = 5.7
TIP_TITLES = {"value": PERCENT, "low": "lower limit", "high": "upper limit", "sample_size": "respondents"}
TIP_FIELDS = ("location", "category", "stratum", "year", "value", "low", "high", "sample_size", "state", "flags")
SHAPES = {"use with caution": "triangle-up", "suppressed": "cross", "no value": "stroke"}


@dataclass(frozen=True)
class Scene:
    """An answer to be drawn: the document of a job that is done, and where it comes from."""

    statistic: str
    document: Mapping[str, Any]
    about: ChartContext
    look: Look

    @property
    def data(self) -> Any:
        """What the document answers."""
        return self.document["data"]

    @cached_property
    def rows(self) -> list[Row]:
        """The answer as rows."""
        return rows_of(self.statistic, self.data)

    @property
    def is_difference(self) -> bool:
        """Whether the values are differences from the global mean, in percentage points."""
        known = STATISTICS.get(self.statistic)
        return known is not None and known.output.value == DIFFERENCE

    @property
    def unit(self) -> str:
        """What the values are measured in."""
        return POINTS if self.is_difference else PERCENT

    def abbreviation(self, location: str) -> str:
        """Return a location's abbreviation, its name where it has none."""
        known = {**survey_facts().abbreviations, **self.about.abbreviations}
        return known.get(location, location)


@dataclass(frozen=True)
class Drawing:
    """A chart without titles and source.

    Parameters
    ----------
    rows: what the marks are drawn from, as ``layered`` charts refer to it
    chart: what is drawn
    findings: lines for the subtitle
    left: how wide the names beside the chart are, in pixels
    below: how high the axis below the chart is, in pixels
    """

    rows: Sequence[Row]
    chart: alt.LayerChart | alt.FacetChart
    findings: tuple[str, ...] = ()
    left: float = 0
    below: float = 38


def layered(layers: Sequence[alt.Chart], **size: Any) -> alt.LayerChart:
    """Return layers over the same rows, as wide as the page has room."""
    return alt.LayerChart(layer=list(layers), data=alt.NamedData(ROWS), **{"width": "container", **size})


def names_pixels(names: Sequence[str]) -> float:
    """Return how much room names beside a chart take."""
    return min(LABEL_PIXELS, PIXELS_PER_CHAR * max((len(name) for name in names), default=0) + 8)


def names_axis(pixels: float, **more: Any) -> alt.Axis:
    """Return an axis of names that takes a known room, so that the source can start where the names do."""
    room: dict[str, Any] = {"labelLimit": pixels, "minExtent": pixels, "maxExtent": pixels}
    return alt.Axis(ticks=False, domain=False, labelPadding=6, title=None, **room, **more)


def tips(rows: Sequence[Row]) -> list[alt.Tooltip]:
    """Return what is told of a row when it is pointed at."""
    there = [name for name in TIP_FIELDS if any(row.get(name) is not None for row in rows)]
    return [alt.Tooltip(f"{name}:{'N' if text else 'Q'}", **_tip(name)) for name, text in map(_is_text, there)]


def state_channels(look: Look, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the encodings that make figures that cannot be relied on hollow; a legend only where there are any."""
    states = states_in(rows)
    legend = None if states == [RELIABLE] else alt.Legend(title=None, columns=1)
    fills = alt.Scale(domain=states, range=state_fills(look, states))
    lines = alt.Scale(domain=states, range=state_colours(look, states))
    return {
        "fill": alt.Fill("state:N", scale=fills, legend=legend),
        "stroke": alt.Stroke("state:N", scale=lines, legend=legend),
    }


def state_shapes(rows: Sequence[Row]) -> alt.Shape:
    """Return the encoding that marks figures that cannot be relied on, each in a shape of its own."""
    states = [state for state in states_in(rows) if state != RELIABLE]
    scale = alt.Scale(domain=states, range=[SHAPES[state] for state in states])
    return alt.Shape("state:N", scale=scale, legend=alt.Legend(title=None, columns=1) if states else None)


def _is_text(name: str) -> tuple[str, bool]:
    return name, name in {"location", "category", "stratum", "state", "flags", "year"}


def _tip(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"title": TIP_TITLES.get(name, name)}
    if name in {"value", "low", "high"}:
        found["format"] = ".1f"
    return {**found, "format": ",d"} if name == "sample_size" else found


BRIGHT_EXTENT = [0.12, 1.0]  # of cividis on a dark ground, which its darkest blue would be lost in
PALE_BELOW = 0.5  # of the largest difference: so pale that words on it are dark
LIGHT_FROM = 0.5  # of the way from cividis' dark end to its light one: so light that words on it are dark


def value_colour(scene: Scene, values: Sequence[float]) -> alt.Fill:
    """Return the colours of values: cividis, or blue to orange around zero for differences."""
    legend = alt.Legend(title=scene.unit, gradientLength=140, gradientThickness=10, format=".0f", tickCount=4)
    if scene.is_difference:
        most = max(map(abs, values), default=1.0)
        scale = alt.Scale(scheme="blueorange", domain=[-most, most], reverse=True)
    else:
        domain = [min(values, default=0.0), max(values, default=1.0)]
        extent = [0.0, 1.0] if scene.look.high_is_dark else BRIGHT_EXTENT
        scheme = alt.SchemeParams(name="cividis", extent=extent)
        scale = alt.Scale(scheme=scheme, domain=domain, reverse=scene.look.high_is_dark)
    return alt.Fill("value:Q", scale=scale, legend=legend)


def ink_on(scene: Scene, values: Sequence[float]) -> Callable[[float | None], str]:
    """Return a function that gives the colour of words on the colour of a value, or where there is no value."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    most = max(abs(low), abs(high)) or 1.0

    def ink(value: float | None) -> str:
        if value is None:
            return scene.look.faint
        if scene.is_difference:
            return "black" if abs(value) / most < PALE_BELOW else "white"
        share = (value - low) / ((high - low) or 1.0)
        light = 1 - share if scene.look.high_is_dark else share
        return "black" if light >= LIGHT_FROM else "white"

    return ink
