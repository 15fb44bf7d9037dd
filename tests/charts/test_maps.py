"""Maps: places, classes, years, and what they say about the nation."""

from collections import Counter
from typing import Any

import pytest

from app.charts import ChartContext, chart_of, kinds_of
from app.charts.classes import NO_CLASS, class_of, value_classes
from app.charts.look import LOOKS
from app.charts.places import FRAME_HEIGHT, FRAME_LEFT, FRAME_TOP, FRAME_WIDTH, SHAPES, SQUARES, TILES, state_shapes
from app.errors import InvalidRequestError
from app.table.facts import survey_facts
from support.chart_documents import ABOUT, BY_YEAR, QUESTION, SOURCE, STATES, cell, done

LIGHT = LOOKS["light"]


def map_of(
    data: Any, statistic: str = "states_mean", context: ChartContext = ABOUT, kind: str = "map"
) -> dict[str, Any]:
    """Return the specification of a map."""
    return chart_of(statistic, done(data), context, kind=kind)


def legend(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the encoding of the classes of a map."""
    fill: dict[str, Any] = spec["layer"][0]["encoding"]["fill"]
    return fill


def subtitle(spec: dict[str, Any]) -> list[str]:
    """Return the lines below the title."""
    lines: list[str] = spec["title"]["subtitle"]
    return lines


def test_every_location_but_the_nation_is_on_both_maps() -> None:
    locations = set(survey_facts().abbreviations.values()) - {"US"}
    assert TILES.keys() == locations
    assert SHAPES.keys() | SQUARES.keys() == locations
    assert len(set(TILES.values())) == len(TILES)
    assert len({*SHAPES.values(), *SQUARES.values()}) == len(SHAPES) + len(SQUARES)


def test_every_shape_has_the_name_of_its_location() -> None:
    names = {shape["properties"]["name"] for shape in state_shapes()["objects"]["states"]["geometries"]}
    assert {survey_facts().abbreviations[name] for name in names} == SHAPES.keys()


def test_the_frame_holds_all_shapes_and_squares() -> None:
    left, top, right, bottom = state_shapes()["bbox"]
    xs, ys = zip(*SQUARES.values(), strict=True)
    assert FRAME_LEFT <= left < max(right, *xs) + 25 <= FRAME_LEFT + FRAME_WIDTH
    assert FRAME_TOP <= top < max(bottom, *ys) + 3 <= FRAME_TOP + FRAME_HEIGHT + 10


def test_classes_hold_about_as_many_values_each_and_never_split_equal_ones() -> None:
    values = [20.0, 21.0, 22.0, 23.0, 23.04, 22.96, 23.0, 23.0, 26.0, 27.0, 28.0, 29.0, 30.0]
    classes = value_classes(values, LIGHT, are_differences=False)
    counts = Counter(class_of(value, classes).label for value in values)
    assert set(counts) == {each.label for each in classes}
    assert counts["23.0"] == 5  # one figure as it is printed, one class
    assert max(count for label, count in counts.items() if label != "23.0") <= 3
    assert [each.colour for each in classes] == sorted((each.colour for each in classes), key=LIGHT.quantities.index)


@pytest.mark.parametrize("values", [[], [30.0], [30.0, 30.0], [30.0, 31.0, 31.0]])
def test_few_values_have_a_class_each(values: list[float]) -> None:
    classes = value_classes(values, LIGHT, are_differences=False)
    assert [each.label for each in classes] == [f"{value:.1f}" for value in sorted(set(values))]


def test_differences_of_the_same_size_have_colours_of_the_same_strength() -> None:
    classes = value_classes([-4.0, -2.0, -0.04, 0.0, 0.1, 2.0, 4.0, 4.0], LIGHT, are_differences=True)
    assert [(each.label, each.colour) for each in classes] == [
        ("-4.0", LIGHT.below_zero[2]),
        ("-2.0", LIGHT.below_zero[1]),
        ("0.0 to 0.1", LIGHT.above_zero[0]),
        ("2.0", LIGHT.above_zero[1]),
        ("4.0", LIGHT.above_zero[2]),
    ]


def test_the_legend_says_what_high_values_mean() -> None:
    good, bad = (ChartContext(QUESTION, SOURCE, best=best) for best in ("max", "min"))
    assert legend(map_of(STATES))["legend"]["title"] == ["percent", "darker is higher"]
    assert legend(map_of(STATES, context=good))["legend"]["title"][1] == "darker is higher, which is better"
    assert legend(map_of(STATES, context=bad))["legend"]["title"][1] == "darker is higher, which is worse"
    differences = legend(map_of({"Utah": 5.0, "Ohio": -1.0}, "diff_from_mean"))
    assert differences["legend"]["title"] == ["percentage points", "blue is below the global mean, orange above"]


def test_places_without_a_value_have_a_class_of_their_own_and_no_link() -> None:
    spec = map_of(STATES)
    assert legend(spec)["scale"]["domain"] == ["25.0", "31.0", "34.0", NO_CLASS]
    rows = {row["name"]: row for row in spec["datasets"]["rows"]}
    assert (rows["ME"]["class"], rows["ME"]["place"]) == (NO_CLASS, None)
    assert (rows["OH"]["class"], rows["OH"]["place"]) == ("31.0", "OH")


def test_the_nation_is_a_sentence_and_unknown_locations_are_named() -> None:
    spec = map_of({**STATES, "Atlantis": 1.0})
    assert {"National: 30.5", "Not on the map: Atlantis"} <= set(subtitle(spec))
    assert "US" not in {row["name"] for row in spec["datasets"]["rows"]}
    assert kinds_of("states_mean", done({"Atlantis": 1.0, "Lemuria": 2.0})) == ("bars",)


def test_the_abbreviations_of_the_table_extend_those_of_cdc() -> None:
    context = ChartContext(QUESTION, SOURCE, abbreviations={"Ohayo": "OH"})
    rows = map_of({**STATES, "Ohayo": 1.0}, context=context)["datasets"]["rows"]
    assert [row["value"] for row in rows if row["name"] == "OH"] == [1.0]


@pytest.mark.parametrize("kind", ["map", "tiles"])
def test_a_map_of_several_years_shows_the_last_one_and_shares_its_classes(kind: str) -> None:
    spec = map_of(BY_YEAR["data"], "estimate", kind=kind)
    assert spec["usermeta"]["years"] == [2011, 2012, 2013, 2014]
    assert [(each["name"], each["value"]) for each in spec["params"]] == [("year", 2014)]
    assert spec["transform"] == [{"filter": "datum.year === year"}]
    rows = [row for row in spec["datasets"]["rows"] if row["name"] == "OH"]
    assert [(row["year"], row["class"]) for row in rows] == [
        (2011, "30.0"),
        (2012, "31.0"),
        (2013, "32.0"),
        (2014, "33.0"),
    ]
    assert len(spec["datasets"]["rows"]) == 4 * len(TILES)


def test_a_picture_of_one_of_several_years_shows_and_names_it() -> None:
    context = ChartContext(QUESTION, SOURCE, year="2012")
    spec = map_of(BY_YEAR["data"], "estimate", context=context)
    assert [(each["name"], each["value"]) for each in spec["params"]] == [("year", 2012)]
    assert "The map shows 2012" in subtitle(spec)
    with pytest.raises(InvalidRequestError, match="this map has no year '1999'; it has 2011, 2012, 2013, 2014"):
        map_of(BY_YEAR["data"], "estimate", context=ChartContext(QUESTION, SOURCE, year="1999"))
    with pytest.raises(InvalidRequestError, match="this chart has no single years"):
        map_of(STATES, context=context)


def test_the_figure_of_the_nation_is_that_of_the_last_year() -> None:
    data = [*BY_YEAR["data"], *(cell(20.0 + year - 2011, location="National", year=year) for year in (2014, 2013))]
    assert "National: 23.0 (22.0 to 24.0) in 2014" in subtitle(map_of(data, "estimate"))
