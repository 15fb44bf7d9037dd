"""Strata: a dot plot for one row each, a heat map for strata by location or year."""

from collections.abc import Iterable
from typing import Any

import altair as alt

from app.charts.intervals import interval_layers, with_figures, zero_rule
from app.charts.rows import RELIABLE, Row, in_natural_order, states_in, values_of
from app.charts.scene import (
    MAX_NAME_PIXELS,
    Drawing,
    Scene,
    ink_on_values,
    layered,
    names_axis,
    names_pixels,
    shape_of_state,
    tooltips,
    value_colour,
)
from app.charts.words import with_limits

DOT_STEP_PIXELS = 18
CELL_WIDTH_PIXELS, CELL_HEIGHT_PIXELS = 24, 15
COLUMN_NAMES_PIXELS = 172
MOST_COLUMNS_STRETCHED = 15  # a heat map with no more fills its place, and keeps its cells apart on a telephone
BELOW_CELLS_PIXELS = 16
SEPARATOR = ": "  # between category and stratum
# Vega expressions over the labels of the axis: the stratum without its category; whether a label is a category.
LABEL = f"slice(datum.value, indexof(datum.value, '{SEPARATOR}') < 0 ? 0 : indexof(datum.value, '{SEPARATOR}') + 2)"
IS_CATEGORY = f"indexof(datum.value, '{SEPARATOR}') < 0"


def strata_dots(scene: Scene) -> Drawing:
    """Draw a dot with its interval for each stratum, in their natural order, below the name of its category."""
    named = [{**row, "name": _row_name(row)} for row in in_natural_order(scene.rows)]
    rows = with_figures(named)
    names = _with_category_headings(rows)
    pixels = names_pixels([name.partition(SEPARATOR)[2] or name for name in names])
    has_headings = len(names) > len(rows)
    weight = alt.condition(IS_CATEGORY, alt.value("bold"), alt.value("normal")) if has_headings else "normal"
    axis = names_axis(pixels, labelExpr=LABEL, labelFontWeight=weight, grid=True, gridDash=[1, 3])
    base = alt.Chart().encode(y=alt.Y("name:N", sort=None, scale=alt.Scale(domain=names), axis=axis))
    layers = [*zero_rule(scene), *interval_layers(scene, base, rows)]
    return Drawing(rows, layered(layers, height=DOT_STEP_PIXELS * len(names)), _gaps(scene), left=pixels)


def _row_name(row: Row) -> str:
    """Return category and stratum, or the only one of them that the row has."""
    return SEPARATOR.join(str(row[name]) for name in ("category", "stratum") if name in row)


def _with_category_headings(rows: list[Row]) -> list[str]:
    """Return the names of the rows in order, those of a category below the category's own name."""
    names: list[str] = []
    for row in rows:
        if SEPARATOR in row["name"] and row["category"] not in names:
            names.append(row["category"])
        names.append(row["name"])
    return names


def _gaps(scene: Scene) -> tuple[str, ...]:
    """Return the gaps of a disparity, if the result is one."""
    if "absolute_gap" not in scene.data:
        return ()
    absolute, relative = scene.data["absolute_gap"] or {}, scene.data["relative_gap"] or {}
    ends = f"Best: {scene.data['best']}. Worst: {scene.data['worst']}."
    gap = f"Absolute gap: {with_limits(absolute)} {scene.difference_unit}"
    return (ends, gap, f"Relative gap: {with_limits(relative, decimals=2)}")


def heatmap(scene: Scene) -> Drawing:
    """Draw a cell for each pair of the two dimensions of the result, coloured by value."""
    ink, named = ink_on_values(scene, values_of(scene.rows)), _without_one_stratum(scene.rows)
    cells = [{**row, "across": _across(row), "down": _down(row), "ink": ink(row["value"])} for row in named]
    rows = in_natural_order(sorted(cells, key=_year_order))
    names = list(dict.fromkeys(_down(row) for row in named))
    pixels = names_pixels(names)
    base = alt.Chart().encode(
        x=alt.X("across:N", sort=None, title=None, axis=_top_axis()),
        y=alt.Y("down:N", sort=names, axis=names_axis(pixels, grid=False)),
        tooltip=tooltips(scene, rows),
    )
    cell = base.mark_rect(stroke=scene.look.ground, strokeWidth=0.5)
    layers = [cell.encode(fill=value_colour(scene, values_of(rows))), *_cell_states(scene, base, rows)]
    by_category = _by_category(rows)
    is_stretched = not by_category and len({row["across"] for row in rows}) <= MOST_COLUMNS_STRETCHED
    width = {} if is_stretched else {"width": alt.Step(CELL_WIDTH_PIXELS)}
    chart: Any = layered(layers, height=CELL_HEIGHT_PIXELS * len(names), **width)
    if by_category:
        categories = list(dict.fromkeys(row["category"] for row in rows))
        facets = alt.Column(
            "category:N", sort=categories, header=alt.Header(orient="bottom", labelLimit=MAX_NAME_PIXELS)
        )
        chart = chart.facet(column=facets, spacing=6).resolve_scale(x="independent")
    return Drawing(rows, chart, left=pixels, below=BELOW_CELLS_PIXELS)


def _without_one_stratum(rows: list[Row]) -> list[Row]:
    """Return rows of several years without their stratum if all have the same, as it takes no column then."""
    strata, years = ({row.get(name) for row in rows} for name in ("stratum", "year"))
    if len(strata) > 1 or len(years) == 1:
        return rows
    return [{name: value for name, value in row.items() if name not in {"category", "stratum"}} for row in rows]


def _cell_states(scene: Scene, base: alt.Chart, rows: list[Row]) -> list[alt.Chart]:
    """Mark the cells with unreliable figures."""
    if states_in(rows) == [RELIABLE]:
        return []
    # Hidden by opacity, not by a filter: layers over different rows would each order the columns on their own.
    opacity = alt.condition(f"datum.state !== '{RELIABLE}'", alt.value(1), alt.value(0))
    marks = base.mark_point(size=30, strokeWidth=1.4).encode(stroke=alt.Stroke("ink:N", scale=None))
    return [marks.encode(shape=shape_of_state(rows), opacity=opacity)]


def _top_axis() -> alt.Axis:
    return alt.Axis(
        orient="top",
        ticks=False,
        domain=False,
        grid=False,
        labelOverlap=False,
        labelAngle=-90,
        labelLimit=COLUMN_NAMES_PIXELS,
        labelPadding=4,
    )


def _by_category(rows: Iterable[Row]) -> bool:
    return all("stratum" in row and "category" in row for row in rows)


def _across(row: Row) -> str:
    """Return the column of a row: its stratum or category, or its year if it has neither."""
    return str(row.get("stratum") or row.get("category") or row.get("year"))


def _down(row: Row) -> str:
    """Return the line of a row: its location, and its year if the columns are strata."""
    by_stratum = "stratum" in row or "category" in row
    keys = [row.get("location"), row.get("year") if by_stratum else None]
    return ", ".join(str(key) for key in keys if key is not None)


def _year_order(row: Row) -> str:
    """Return the sort key that keeps the columns of years in order even if the first line has gaps."""
    return str(row.get("year", ""))
