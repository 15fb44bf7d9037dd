"""The look of charts: colours that colour-blind people can distinguish, in a light and a dark theme."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.charts.context import Theme
from app.charts.rows import CAUTION, NO_VALUE, RELIABLE, SUPPRESSED

FONT = "Helvetica, Arial, sans-serif"
PADDING_PIXELS = 8
PICTURE_WIDTH_PIXELS = 640  # in a page, the container sets the width


@dataclass(frozen=True, slots=True)
class Look:
    """The colours of a theme. Those of categories are Okabe's and Ito's.

    Parameters
    ----------
    high_is_dark: whether high quantities get dark colours, as suits a light ground
    """

    ground: str
    ink: str
    faint: str
    grid: str
    main: str
    other: str
    series: tuple[str, ...]
    high_is_dark: bool


LOOKS: Mapping[Theme, Look] = {
    "light": Look(
        ground="#ffffff",
        ink="#1f2328",
        faint="#59636e",
        grid="#e2e6ea",
        main="#0072b2",
        other="#d55e00",
        series=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1f2328", "#8c7a00"),
        high_is_dark=True,
    ),
    "dark": Look(
        ground="#14181d",
        ink="#e6edf3",
        faint="#9aa6b2",
        grid="#2c333b",
        main="#56b4e9",
        other="#e69f00",
        series=("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#e6edf3", "#3d8fd1"),
        high_is_dark=False,
    ),
}


def config(look: Look) -> dict[str, Any]:
    """Return the Vega-Lite configuration of a theme."""
    text = {"labelColor": look.ink, "titleColor": look.faint, "labelFontSize": 11, "titleFontSize": 11}
    return {
        "background": look.ground,
        "font": FONT,
        "padding": PADDING_PIXELS,
        "view": {"continuousWidth": PICTURE_WIDTH_PIXELS, "stroke": None},
        "title": {
            "anchor": "start",
            "frame": "bounds",
            "color": look.ink,
            "fontSize": 14,
            "subtitleColor": look.faint,
            "subtitleFontSize": 11.5,
            "subtitlePadding": 5,
            "offset": 12,
        },
        "axis": {
            **text,
            "titleFontWeight": "normal",
            "gridColor": look.grid,
            "domainColor": look.faint,
            "tickColor": look.faint,
        },
        "header": {"labelColor": look.ink, "labelFontSize": 11, "labelFontWeight": "bold", "title": None},
        "legend": {**text, "titleFontWeight": "normal", "orient": "top", "symbolSize": 90, "columns": 3, "offset": 22},
    }


def state_colours(look: Look, states: list[str]) -> list[str]:
    """Return the stroke colour of each state of figures."""
    colours = {RELIABLE: look.main, CAUTION: look.other, SUPPRESSED: look.faint, NO_VALUE: look.faint}
    return [colours[state] for state in states]


def state_fills(look: Look, states: list[str]) -> list[str]:
    """Return the fill colour of each state of figures: unreliable ones are hollow."""
    return [look.main if state == RELIABLE else look.ground for state in states]
