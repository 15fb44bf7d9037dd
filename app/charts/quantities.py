"""Quantities as colours: cividis, or blue to orange around zero for differences, and what is written on them."""

from collections.abc import Callable, Sequence

import altair as alt

from app.charts.scene import Scene

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
