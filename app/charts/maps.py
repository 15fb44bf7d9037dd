"""Maps of locations: the shapes of the states with squares beside them, or tiles of equal size.

Of results by location and year, a map shows one year: the value of its parameter ``year``, the last one at first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from app.charts.classes import NO_CLASS, ValueClass, class_of, value_classes
from app.charts.look import picture_width, text_colour_on
from app.charts.places import (
    COLUMNS,
    FRAME_HEIGHT,
    FRAME_LEFT,
    FRAME_TOP,
    FRAME_WIDTH,
    ROWS,
    SHAPES,
    SQUARE,
    SQUARES,
    TILES,
    state_shapes,
)
from app.charts.rows import CAUTION, NO_VALUE, SUPPRESSED, Row, is_nation, rows_by_year, values_of
from app.charts.scene import Drawing, Scene, layered, shape_of_state, tooltips
from app.charts.words import with_limits
from app.errors import InvalidRequestError, quoted
from app.table.facts import survey_facts

TILE_STEP_PIXELS = 34
UNIT = f"min(width / {FRAME_WIDTH}, height / {FRAME_HEIGHT})"  # pixels for each unit of the shapes, a Vega expression
MARGIN = f"(width - {FRAME_WIDTH} * {UNIT}) / 2"
NARROW_PIXELS = 480  # too narrow for names on the shapes; those on the squares stay
MARK_ABOVE = 17  # units of the shapes between a name and the mark of an unreliable figure above it
VALUED = "datum.value !== null"
DIRECTIONS = {"min": "worse", "max": "better"}  # what a high value is, by the good end of the scale


def shape_map(scene: Scene) -> Drawing:
    """Draw the shape of each state, and a square for each territory and small state, coloured by class."""
    rows, classes = _map_rows(scene)
    rows = [{**row, **_place(row["name"])} for row in rows]
    layers = [
        *_shapes(scene, rows, classes),
        *_shape_texts(),
        *_state_marks(scene, rows, _at_label("mark_y")),
    ]
    aspect = FRAME_HEIGHT / FRAME_WIDTH
    chart = layered(layers, height=round(aspect * picture_width(scene.context.width))).project(
        type="identity",
        scale=alt.expr(UNIT),
        translate=alt.expr(f"[{MARGIN} - {FRAME_LEFT} * {UNIT}, {-FRAME_TOP} * {UNIT}]"),
    )
    return _map(scene, rows, chart, aspect)


def tile_map(scene: Scene) -> Drawing:
    """Draw a tile of the same size for each location, coloured by class, with its value."""
    rows, classes = _map_rows(scene)
    rows = [{**row, "column": TILES[row["name"]][0], "row": TILES[row["name"]][1]} for row in rows]
    base = alt.Chart().encode(
        x=alt.X("column:O", axis=None, scale=alt.Scale(domain=list(range(COLUMNS)), paddingInner=0.06)),
        y=alt.Y("row:O", axis=None, scale=alt.Scale(paddingInner=0.06)),
    )
    tiles = base.mark_rect(cornerRadius=3).encode(**_class_channels(scene, rows, classes))
    corner = base.encode(x=alt.X("column:O", bandPosition=0.88))
    marks = _state_marks(scene, rows, corner, yOffset=-11)
    chart = layered([tiles, *_tile_texts(base), *marks], height=TILE_STEP_PIXELS * ROWS)
    return _map(scene, rows, chart)


def _map(scene: Scene, rows: Sequence[Row], chart: alt.LayerChart, aspect: float | None = None) -> Drawing:
    """Return the drawing of a map, with what its page needs to know: its aspect ratio and its years."""
    years = [year for year in rows_by_year(rows) if year is not None]
    usermeta = {name: value for name, value in {"aspect": aspect, "years": years}.items() if value}
    notes = _left_out(scene)
    if years:
        year = _chosen_year(years, scene.context.year)
        chart = chart.add_params(alt.param(name="year", value=year)).transform_filter("datum.year === year")
        notes = (*notes, *([f"The map shows {year}"] if scene.context.titled else []))  # in a page, the slider says it
    return Drawing(rows, chart, _nation(scene), notes, below=10, usermeta=usermeta)


def _map_rows(scene: Scene) -> tuple[list[Row], list[ValueClass]]:
    """Return a row for every place on the map in each year, and the classes of all their values.

    A place that the result lacks has no value. ``place`` is null then, because no page describes it.
    """
    empty = {"value": None, "low": None, "high": None, "state": NO_VALUE, "place": None}
    names = {abbreviation: name for name, abbreviation in survey_facts().abbreviations.items()}
    reported = [{**row, "name": scene.abbreviation(row["location"])} for row in scene.rows]
    reported = [{**row, "place": row["name"]} for row in reported if row["name"] in TILES]
    classes = value_classes(values_of(reported), scene.look, are_differences=scene.is_difference)
    rows = []
    for year, of_year in rows_by_year(reported).items():
        by_name = {row["name"]: row for row in of_year}
        at = {} if year is None else {"year": year}
        for name in TILES:
            row = by_name.get(name, {"location": names[name], "name": name, **at, **empty})
            rows.append({**row, **_class_fields(scene, row["value"], classes), "words": _words(scene, row)})
    return rows, classes


def _class_fields(scene: Scene, value: float | None, classes: Sequence[ValueClass]) -> dict[str, str]:
    """Return the class of a value, and the colour of text on it."""
    if value is None:
        return {"class": NO_CLASS, "ink": scene.look.ink}
    found = class_of(value, classes)
    return {"class": found.label, "ink": text_colour_on(found.colour)}


def _words(scene: Scene, row: Row) -> str:
    """Return what a screen reader says of a place."""
    figure = row["state"] if row["value"] is None else f"{with_limits(row)} {scene.unit}"
    return ", ".join(filter(None, (f"{row['location']}{_in_year(row)}: {figure}", row.get("note"))))


def _class_channels(scene: Scene, rows: Sequence[Row], classes: Sequence[ValueClass]) -> dict[str, Any]:
    """Return the encodings of a place: its class, with a legend; an outline without a value; and its tooltip."""
    labels, colours = [each.label for each in classes], [each.colour for each in classes]
    if any(row["value"] is None for row in rows):
        labels, colours = [*labels, NO_CLASS], [*colours, scene.look.grid]
    legend = alt.Legend(title=_legend_title(scene), symbolType="square", symbolStrokeWidth=0, columns=3, titleLimit=0)
    return {
        "fill": alt.Fill("class:N", scale=alt.Scale(domain=labels, range=colours), legend=legend),
        "stroke": alt.condition(VALUED, alt.value(scene.look.ground), alt.value(scene.look.faint)),
        "tooltip": tooltips(scene, rows),
        "description": alt.Description("words:N"),
    }


def _legend_title(scene: Scene) -> list[str]:
    """Return the unit, and what a strong colour means."""
    if scene.is_from_global_mean:
        meaning = "blue is below the global mean, orange above"
    elif scene.is_difference:
        meaning = "blue is above zero, orange below"
    else:
        meaning = f"{'darker' if scene.look.high_is_dark else 'lighter'} is higher"
        meaning += f", which is {DIRECTIONS[scene.context.best]}" if scene.context.best else ""
    return [scene.unit, meaning]


def _place(name: str) -> Mapping[str, Any]:
    """Return where a location is: the name of its shape, and the places of its name, or square, and of its mark."""
    names = {abbreviation: location for location, abbreviation in survey_facts().abbreviations.items()}
    x, y = SQUARES.get(name) or SHAPES[name]
    return {
        "shape": names[name] if name in SHAPES else None,
        "square": name in SQUARES,
        "x": x,
        "y": y,
        "mark_y": y - MARK_ABOVE,
    }


def _at_label(y: str = "y") -> alt.Chart:
    return alt.Chart().encode(longitude="x:Q", latitude=f"{y}:Q")


def _shapes(scene: Scene, rows: Sequence[Row], classes: Sequence[ValueClass]) -> list[alt.Chart]:
    """Draw the shapes, and the squares over them."""
    channels = _class_channels(scene, rows, classes)
    states = alt.InlineData(values=state_shapes(), format=alt.TopoDataFormat(type="topojson", feature="states"))
    shapes = (
        alt.Chart()
        .transform_filter("datum.shape !== null")
        .transform_lookup(lookup="shape", from_=alt.LookupData(data=states, key="properties.name"), as_="geometry")
        .mark_geoshape(strokeWidth=0.8)
        .encode(shape=alt.Shape("geometry", type="geojson"), **channels)
    )
    size = alt.expr(f"pow({SQUARE} * {UNIT}, 2)")
    squares = _at_label().transform_filter("datum.square").mark_square(size=size, strokeWidth=0.8, opacity=1)
    return [shapes, squares.encode(**channels)]


def _shape_texts() -> list[alt.Chart]:
    """Write the names on squares and shapes, the latter if the map is wide enough."""
    ink = alt.Color("ink:N", scale=None)
    text = _at_label().encode(text="name:N", color=ink)
    on_square = text.transform_filter("datum.square").mark_text(
        fontSize=alt.expr(f"max(8, min(11, 22 * {UNIT}))"), fontWeight="bold"
    )
    on_shape = text.transform_filter("!datum.square").mark_text(
        fontSize=10, opacity=alt.expr(f"width < {NARROW_PIXELS} ? 0 : 1")
    )
    return [on_square, on_shape]


def _tile_texts(base: alt.Chart) -> list[alt.Chart]:
    """Write abbreviation and value on the tiles."""
    ink = alt.Color("ink:N", scale=None)
    name = base.mark_text(dy=-5, fontSize=11, fontWeight="bold").encode(text="name:N", color=ink)
    value = base.transform_filter(VALUED).mark_text(dy=8, fontSize=9)
    return [name, value.encode(text=alt.Text("value:Q", format=".1f"), color=ink)]


def _state_marks(scene: Scene, rows: Sequence[Row], base: alt.Chart, **offset: Any) -> list[alt.Chart]:
    """Mark the places with unreliable figures."""
    shape = shape_of_state([row for row in rows if row["state"] != NO_VALUE])
    if not shape["scale"]["domain"]:
        return []
    marked = base.transform_filter(f"datum.state === '{CAUTION}' || datum.state === '{SUPPRESSED}'")
    point = marked.mark_point(size=22, filled=False, strokeWidth=1.3, **offset)
    return [point.encode(shape=shape, stroke=alt.Stroke("ink:N", scale=None))]


def _chosen_year(years: Sequence[int | str], chosen: str | None) -> int | str:
    """Return the year that a map of several years shows, the last one by default.

    Raises
    ------
    InvalidRequestError: it is not among the years
    """
    if chosen is None:
        return years[-1]
    for year in years:
        if str(year) == chosen:
            return year
    raise InvalidRequestError(f"this map has no year {quoted(chosen)}; it has {', '.join(map(str, years))}", "year")


def _nation(scene: Scene) -> tuple[str, ...]:
    """State the nation's figure, in the last year if there are several."""
    nation = [row for of_year in rows_by_year(scene.rows).values() for row in of_year if is_nation(row)]
    return tuple(f"{row['location']}: {with_limits(row)}{_in_year(row)}" for row in nation[-1:])


def _left_out(scene: Scene) -> tuple[str, ...]:
    """Name the locations without a place."""
    elsewhere = [row for row in scene.rows if not is_nation(row) and scene.abbreviation(row["location"]) not in TILES]
    left_out = dict.fromkeys(row["location"] for row in elsewhere)
    return (f"Not on the map: {', '.join(left_out)}",) if left_out else ()


def _in_year(row: Row) -> str:
    return f" in {row['year']}" if "year" in row else ""
