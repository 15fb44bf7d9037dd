"""Years: a line for each of a few locations or strata, and the trend with its band."""

import altair as alt

from app.charts.kinds import series_name
from app.charts.rows import RELIABLE, Row, chart_row, has_limits, states_in
from app.charts.scene import Drawing, Scene, layered, state_channels, state_shapes, tooltips
from app.charts.words import p_value_text, with_limits

HEIGHT_PIXELS = 260
VALUES_PIXELS = 34  # width of the vertical axis


def lines(scene: Scene) -> Drawing:
    """Draw a line for each series over the years, with a band of its limits if it has them."""
    rows = [{**row, "series": series_name(row) or "all"} for row in scene.rows]
    names = list(dict.fromkeys(row["series"] for row in rows))
    scale = alt.Scale(domain=names, range=list(scene.look.series[: len(names)]))
    legend = alt.Legend(title=None, columns=2, symbolOpacity=1) if len(names) > 1 else None
    base = alt.Chart().encode(x=_year_axis(), color=alt.Color("series:N", scale=scale, legend=legend))
    bands = [base.mark_area(opacity=0.15).encode(y="low:Q", y2="high:Q")] if has_limits(rows) else []
    base = base.encode(y=_value_axis(scene))
    line = base.mark_line(strokeWidth=2, invalid="break-paths-show-domains")
    return _over_years(scene, rows, [*bands, line, *_points(scene, base, rows)])


def trend(scene: Scene) -> Drawing:
    """Draw the yearly estimates with their limits, and the fitted line with its band."""
    fitted = ("fitted", "fitted_low", "fitted_high")
    rows = [{**chart_row(year), **{name: year.get(name) for name in fitted}} for year in scene.data["years"]]
    base = alt.Chart().encode(x=_year_axis())
    band = base.mark_area(color=scene.look.main, opacity=0.18).encode(
        y=_value_axis(scene, "fitted_low"), y2="fitted_high"
    )
    line = base.mark_line(color=scene.look.main, strokeWidth=2).encode(y="fitted:Q")
    bars = base.mark_rule(color=scene.look.faint, strokeWidth=1.5).encode(y="low:Q", y2="high:Q")
    points = base.transform_filter("datum.value !== null").mark_point(size=55, strokeWidth=1.8, opacity=1)
    dots = points.encode(y="value:Q", tooltip=tooltips(scene, rows), **state_channels(scene.look, rows))
    return _over_years(scene, rows, [band, line, bars, dots], _slope(scene))


def _over_years(scene: Scene, rows: list[Row], layers: list[alt.Chart], findings: tuple[str, ...] = ()) -> Drawing:
    """Combine layers over the years, with a note at each year without a value."""
    empty = alt.Chart().transform_filter("datum.value === null").encode(x=_year_axis())
    note = empty.mark_text(angle=270, align="left", fontStyle="italic", fontSize=10, color=scene.look.faint)
    if any(row["value"] is None for row in rows):
        layers = [*layers, note.encode(y=alt.value(HEIGHT_PIXELS - 6), text="state:N")]
    return Drawing(rows, layered(layers, height=HEIGHT_PIXELS), findings, left=VALUES_PIXELS)


def _points(scene: Scene, base: alt.Chart, rows: list[Row]) -> list[alt.Chart]:
    """Draw the figures: dots, and hollow triangles for the unreliable ones."""
    valued = [row for row in rows if row["value"] is not None]
    base = base.encode(tooltip=tooltips(scene, rows))
    reliable = base.transform_filter(f"datum.value !== null && datum.state === '{RELIABLE}'")
    dots = reliable.mark_point(filled=True, size=40, opacity=1)
    if states_in(valued) == [RELIABLE]:
        return [dots]
    unreliable = base.transform_filter(f"datum.value !== null && datum.state !== '{RELIABLE}'")
    return [dots, unreliable.mark_point(size=70, strokeWidth=2, opacity=1).encode(shape=state_shapes(valued))]


def _year_axis() -> alt.X:
    axis = alt.Axis(format="d", tickMinStep=1, grid=False, labelSeparation=6)
    return alt.X("year:Q", title=None, scale=alt.Scale(zero=False, nice=False, padding=14), axis=axis)


def _value_axis(scene: Scene, field: str = "value") -> alt.Y:
    axis = alt.Axis(
        minExtent=VALUES_PIXELS,
        tickCount=6,
        domain=False,
        ticks=False,
        titleAngle=0,
        titleAlign="left",
        titleX=-VALUES_PIXELS,
        titleY=-12,
        titleBaseline="middle",
    )
    return alt.Y(f"{field}:Q", title=scene.unit, scale=alt.Scale(zero=False), axis=axis)


def _slope(scene: Scene) -> tuple[str, ...]:
    slope = scene.data["slope"] or {}
    change = f"{with_limits(slope, decimals=2)} {scene.difference_unit} a year"
    return (
        f"Slope: {change}, {p_value_text(slope.get('p_value'))}",
        "Points: estimates with their 95 % limits.",
        "Line and band: the fitted trend with its 95 % limits.",
    )
