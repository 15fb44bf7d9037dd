"""The look of charts: colours that colour-blind people can distinguish, in a light and a dark theme."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.charts.context import PictureWidth, Theme
from app.charts.rows import CAUTION, NO_VALUE, RELIABLE, SUPPRESSED

FONT = "Helvetica, Arial, sans-serif"
PADDING_PIXELS = 8
SUBTITLE_FONT_PIXELS = 11.5
BLACK, WHITE = "#000000", "#ffffff"
LEGIBLE_CONTRAST = 4.5  # between text and what is behind it (WCAG 2.2, level AA)
# With names and padding; in a page, the container sets the width.
PICTURE_WIDTH_PIXELS = 640
NARROW_PICTURE_PIXELS = 360


@dataclass(frozen=True, slots=True)
class Look:
    """The colours of a theme. Those of categories are near Okabe's and Ito's, and legible as text.

    Parameters
    ----------
    series: of lines and their names, each legible on the ground
    quantities: from the lowest to the highest class; their lightness alone tells them apart, and none is grey
    below_zero, above_zero: of differences, from the smallest to the largest
    """

    ground: str
    ink: str
    faint: str
    grid: str
    main: str
    other: str
    series: tuple[str, ...]
    quantities: tuple[str, ...]
    below_zero: tuple[str, ...]
    above_zero: tuple[str, ...]

    @property
    def high_is_dark(self) -> bool:
        """Whether high quantities have dark colours, as suits a light ground."""
        return contrast(self.quantities[-1], BLACK) < contrast(self.quantities[0], BLACK)


LOOKS: Mapping[Theme, Look] = {
    "light": Look(
        ground="#ffffff",
        ink="#1f2328",
        faint="#59636e",
        grid="#e2e6ea",
        main="#0072b2",
        other="#b84a00",
        series=("#0072b2", "#b84a00", "#00785a", "#a8457f", "#7d6000", "#1f2328"),
        quantities=("#fbf3b9", "#a3d8b2", "#45adc0", "#2769ad", "#12286b"),
        below_zero=("#fce0ba", "#e8932f", "#994a07"),
        above_zero=("#d2e5ef", "#5da2cb", "#134b85"),
    ),
    "dark": Look(
        ground="#14181d",
        ink="#e6edf3",
        faint="#9aa6b2",
        grid="#2c333b",
        main="#56b4e9",
        other="#e69f00",
        series=("#56b4e9", "#e69f00", "#1fb585", "#dd8fb8", "#f0e442", "#e6edf3"),
        quantities=("#173a7a", "#2a6cae", "#4db3c2", "#a8dab4", "#fbf3b9"),
        below_zero=("#fce0ba", "#e8932f", "#994a07"),
        above_zero=("#d2e5ef", "#5da2cb", "#134b85"),
    ),
}


def config(look: Look, width: float = PICTURE_WIDTH_PIXELS) -> dict[str, Any]:
    """Return the Vega-Lite configuration of a theme.

    Parameters
    ----------
    width: of a drawing that fills its place but has none, in pixels
    """
    text = {"labelColor": look.ink, "titleColor": look.faint, "labelFontSize": 11, "titleFontSize": 11}
    return {
        "background": look.ground,
        "font": FONT,
        "padding": PADDING_PIXELS,
        "view": {"continuousWidth": width, "stroke": None},
        "title": {
            "anchor": "start",
            "frame": "bounds",
            "color": look.ink,
            "fontSize": 14,
            "subtitleColor": look.faint,
            "subtitleFontSize": SUBTITLE_FONT_PIXELS,
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


def picture_width(width: PictureWidth | None) -> float:
    """Return the width of a picture in pixels."""
    return NARROW_PICTURE_PIXELS if width == "narrow" else PICTURE_WIDTH_PIXELS


def state_colours(look: Look, states: list[str]) -> list[str]:
    """Return the stroke colour of each state of figures."""
    colours = {RELIABLE: look.main, CAUTION: look.other, SUPPRESSED: look.faint, NO_VALUE: look.faint}
    return [colours[state] for state in states]


def state_fills(look: Look, states: list[str]) -> list[str]:
    """Return the fill colour of each state of figures: unreliable ones are hollow."""
    return [look.main if state == RELIABLE else look.ground for state in states]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, ``#rrggbb``, as WCAG defines it: from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def text_colour_on(colour: str) -> str:
    """Return black or white, whichever is more legible on a colour; its contrast is at least 4.5."""
    return max(BLACK, WHITE, key=lambda ink: contrast(ink, colour))


def mixed(colours: Sequence[str], share: float) -> str:
    """Return the colour at a share, 0 to 1, of the way along a scale of evenly spaced colours."""
    place = share * (len(colours) - 1)
    start = min(int(place), len(colours) - 2)
    pair = zip(_channels(colours[start]), _channels(colours[start + 1]), strict=True)
    return "#" + "".join(f"{round(low + (high - low) * (place - start)):02x}" for low, high in pair)


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _luminance(colour: str) -> float:
    shares = [channel / 255 for channel in _channels(colour)]
    red, green, blue = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
