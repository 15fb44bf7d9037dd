"""Charts: draw each kind from results written by hand, and count the marks in the picture."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import altair
import pytest

from app.charts import ChartContext, Theme, chart_of, kinds_of
from app.charts.converter import Converter
from app.charts.places import SQUARES
from app.charts.rows import STATES as STATES_OF_FIGURES
from app.charts.years import spread
from app.errors import InvalidRequestError
from support.chart_documents import ABOUT, BY_LOCATION, CATEGORIES, QUESTION, RESULTS, SOURCE, STATES, TREND, cell, done
from support.real_server import PROJECT_ROOT

SVG = "{http://www.w3.org/2000/svg}"
EVERY_KIND = [(name, kind) for name, (_, _, kinds) in RESULTS.items() for kind in kinds]
TILES_COUNT = 54  # 50 states, DC, three territories
SHAPES_COUNT = 51  # all but the territories


CONVERTER = Converter()  # starts no process before the first picture


@pytest.fixture(scope="session", autouse=True)  # a worker may come back to this module
def close_converter() -> Iterator[None]:
    yield
    CONVERTER.close()


def drawn(name: str, kind: str, theme: Theme = "light", context: ChartContext = ABOUT) -> ET.Element:
    """Draw a result and return its picture."""
    statistic, document, _ = RESULTS[name]
    return svg_of(chart_of(statistic, document, context, kind=kind, theme=theme))


def svg_of(spec: dict[str, Any]) -> ET.Element:
    """Render a specification as SVG."""
    return ET.fromstring(CONVERTER.picture(spec, "svg"))  # noqa: S314 - trusted XML of our own


def marks(picture: ET.Element) -> Counter[str]:
    """Count the visible marks of a picture by type, without the footer."""
    found: Counter[str] = Counter()
    for group in picture.iter(f"{SVG}g"):
        names = group.get("class", "").split()
        if "role-mark" in names:
            shapes = [item for item in group if item.tag in {f"{SVG}path", f"{SVG}line", f"{SVG}text"}]
            found[names[0].removeprefix("mark-")] += sum(item.get("opacity") != "0" for item in shapes)
    found["text"] -= 1
    return found


def words(picture: ET.Element) -> list[str]:
    """Return the lines of text in a picture."""
    return [line for text in picture.iter(f"{SVG}text") for line in text.itertext()]


def colours(picture: ET.Element) -> set[str]:
    """Return the colours that a picture fills and strokes with."""
    return {value for item in picture.iter() for name, value in item.items() if name in {"fill", "stroke"}}


@pytest.mark.parametrize(
    ("name", "kind", "wanted"),
    [
        ("states_mean", "bars", {"rect": 4, "rule": 1, "text": 4}),
        ("states_mean", "map", {"shape": SHAPES_COUNT, "symbol": len(SQUARES), "text": TILES_COUNT}),
        ("states_mean", "tiles", {"rect": TILES_COUNT, "text": TILES_COUNT + 3}),
        ("diff_from_mean", "bars", {"rect": 2, "rule": 1, "text": 2}),
        ("best", "bars", {"rect": 2, "text": 2}),
        ("global_mean", "figure", {"rect": 2, "text": 1}),
        ("state_diff_from_mean", "figure", {"rect": 2, "text": 1}),
        ("mean_by_category", "heatmap", {"rect": 4}),
        ("state_mean_by_category", "dots", {"symbol": 3, "text": 3}),
        # Three of the four locations have a value, with limits and a figure each; the fourth is labelled as suppressed.
        ("estimate by location", "dots", {"symbol": 3, "rule": 3, "text": 4}),
        ("estimate by location", "map", {"shape": SHAPES_COUNT, "symbol": len(SQUARES) + 2, "text": TILES_COUNT}),
        ("estimate by location", "tiles", {"rect": TILES_COUNT, "symbol": 2, "text": TILES_COUNT + 3}),
        ("estimate by stratum", "dots", {"symbol": 2, "rule": 2, "text": 3}),
        ("estimate by both", "heatmap", {"rect": 3, "symbol": 2}),
        ("estimate by year", "lines", {"line": 2, "area": 2, "symbol": 7, "text": 3}),
        ("estimate by year", "heatmap", {"rect": 7, "symbol": 1}),
        ("estimate of one", "figure", {"rect": 2, "rule": 1, "text": 1}),
        ("trend", "trend", {"line": 1, "area": 1, "symbol": 4, "rule": 4, "text": 1}),
        # Two lines of five years, four of them with values; two names, and two notes at the year without a value.
        ("trends", "trend", {"line": 2, "area": 2, "symbol": 8, "text": 4}),
        ("compare", "comparison", {"symbol": 2, "rule": 2, "text": 2}),
        ("disparity", "dots", {"symbol": 2, "rule": 2, "text": 2}),
        ("correlate", "scatter", {"symbol": 3, "text": 3}),
    ],
)
def test_every_figure_has_its_mark(name: str, kind: str, wanted: dict[str, int]) -> None:
    found = marks(drawn(name, kind))
    assert {mark: count for mark, count in found.items() if count} == wanted


@pytest.mark.parametrize("name", RESULTS)
def test_the_kinds_follow_from_the_result_and_the_first_is_the_default(name: str) -> None:
    statistic, document, kinds = RESULTS[name]
    assert kinds_of(statistic, document) == kinds
    assert chart_of(statistic, document, ABOUT) == chart_of(statistic, document, ABOUT, kind=kinds[0])


@pytest.mark.parametrize(("name", "kind"), EVERY_KIND)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_specification_is_json_and_valid_vega_lite(name: str, kind: str, theme: Theme) -> None:
    statistic, document, _ = RESULTS[name]
    spec = chart_of(statistic, document, ABOUT, kind=kind, theme=theme)
    assert json.loads(json.dumps(spec, allow_nan=False)) == spec
    altair.Chart.from_dict(spec, validate=True)


@pytest.mark.parametrize(("name", "kind"), EVERY_KIND)
def test_every_chart_shows_its_question_and_source(name: str, kind: str) -> None:
    text = words(drawn(name, kind))
    assert QUESTION in text
    assert any(line.startswith(f"Source: {SOURCE}; 2011 to 2021") for line in text)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("states_mean", ["Figures by state, simple means of rows"]),
        ("state_mean", ["Figures in Ohio, simple means of rows", "31.0 %"]),
        ("best of one", ["Figures: the best state by simple means of", "rows", "Utah"]),
        ("state_diff_from_mean", ["Figures in Ohio, beside the simple mean of", "all rows", "-0.4 points"]),
        ("state_mean_by_category", ["Figures by group in Ohio, simple means of", "rows", "Gender", "Female", "Male"]),
        ("trend", ["Figures in Ohio", "Age (years): 18 - 24", "Slope: 0.50 (0.30 to 0.70) points a year, p < 0.001"]),
        ("compare", ["Ohio minus Utah: 6.0 (4.6 to 7.4) points, p = 0.012", "2019", "Ohio", "Utah"]),
        ("disparity", ["Figures by gender in Ohio", "Absolute gap: 2.0 (0.6 to 3.4) points", "Female"]),
        ("correlate", ["Spearman's rho 0.69 (0.50 to 0.81), p unknown", "OH", "TX"]),
    ],
)
def test_titles_and_findings_describe_the_result(name: str, wanted: list[str]) -> None:
    text = [line.replace("\u00a0", " ") for line in words(drawn(name, RESULTS[name][2][0]))]
    assert [line for line in wanted if line not in text] == []


def test_two_years_are_named_by_their_years() -> None:
    sides = {name: cell(30.0, location="Ohio", years=[year]) for name, year in (("a", 2011), ("b", 2021))}
    difference = {"value": 0.0, "low": -1.0, "high": 1.0, "standard_error": 0.5, "z": 0.0, "p_value": 1.0}
    document = done({"dimension": "year", **sides, "difference": difference})
    assert {"2011", "2021"} <= set(words(svg_of(chart_of("compare", document, ABOUT))))


def test_a_chart_states_modelled_data_and_restrictions_and_wraps_long_questions() -> None:
    context = ChartContext(
        "A " + "long " * 60 + "question", "m.csv", (2011, 2013), True, restrictions=("Age (years): 18 - 24",)
    )
    text = words(drawn("states_mean", "bars", context=context))
    assert "Source: m.csv; 2011, 2013; modelled data, not survey data" in text
    assert "Age (years): 18 - 24" in text
    assert sum("long" in line for line in text) > 3
    assert max(map(len, text)) <= 64


@pytest.mark.parametrize("name", ["estimate by location", "estimate by stratum", "disparity"])
@pytest.mark.parametrize(
    ("theme", "solid", "hollow"), [("light", "#0072b2", "#b84a00"), ("dark", "#56b4e9", "#e69f00")]
)
def test_figures_to_use_with_caution_are_hollow_and_in_the_legend(
    name: str, theme: Theme, solid: str, hollow: str
) -> None:
    picture = drawn(name, RESULTS[name][2][0], theme)
    filled = {item.get("fill") for item in picture.iter(f"{SVG}path")}
    stroked = {item.get("stroke") for item in picture.iter(f"{SVG}path")}
    assert solid in filled
    assert hollow in stroked
    assert hollow not in filled
    assert "interpret with caution" in words(picture)


@pytest.mark.parametrize(("name", "kind"), [("estimate by location", "map"), ("estimate by both", "heatmap")])
def test_coloured_figures_have_a_legend_of_their_states(name: str, kind: str) -> None:
    assert {"interpret with caution", "suppressed"} <= set(words(drawn(name, kind)))


@pytest.mark.parametrize("name", ["states_mean", "best", "state_mean_by_category", "mean_by_category"])
def test_results_without_flags_have_no_legend_of_states(name: str) -> None:
    assert not set(STATES_OF_FIGURES) & set(words(drawn(name, RESULTS[name][2][0])))


def test_each_theme_has_its_own_ground() -> None:
    light, dark = colours(drawn("states_mean", "bars")), colours(drawn("states_mean", "bars", "dark"))
    assert ("#ffffff" in light, "#14181d" in light) == (True, False)
    assert ("#ffffff" in dark, "#14181d" in dark) == (False, True)


def test_estimates_are_ranked_and_missing_values_come_last() -> None:
    text = words(drawn("estimate by location", "dots"))
    assert [line for line in text if line in {"Utah", "Ohio", "Guam", "Texas"}] == ["Texas", "Ohio", "Utah", "Guam"]


def test_dots_note_flags_beside_their_figure_and_cross_the_nation_with_a_rule() -> None:
    data = [*BY_LOCATION["data"], cell(30.0, location="National")]
    picture = svg_of(chart_of("estimate", done(data), ABOUT))
    text = words(picture)
    assert "31.0, interpret with caution: large standard error" in text
    assert {"34.0", "25.0", "30.0", "suppressed"} <= set(text)
    assert marks(picture)["rule"] == 4 + 1


def test_dots_of_a_narrow_chart_have_their_figures_alone() -> None:
    spec = chart_of("estimate", BY_LOCATION, ABOUT)
    spec["config"]["view"]["continuousWidth"] = 300
    text = words(svg_of(spec))
    assert "31.0" in text
    assert not any("large standard error" in line for line in text)


def test_comparisons_have_the_limits_of_their_differences_around_zero_and_are_ranked() -> None:
    others = [
        {**cell(30.0, location=name), "difference": gap, "difference_low": gap - 0.5, "difference_high": gap + 0.5}
        for name, gap in (("Ohio", -2.0), ("Utah", 3.0))
    ]
    data = {"reference": cell(32.0, location="Iowa"), "others": others, "across": "location", "comparisons": 2}
    spec = chart_of("compare_all", done(data), ABOUT)
    assert [(row["location"], row["low"], row["high"]) for row in spec["datasets"]["rows"]] == [
        ("Utah", 2.5, 3.5),
        ("Ohio", -2.5, -1.5),
    ]
    assert marks(svg_of(spec))["rule"] == 2 + 1


def test_differences_of_groups_have_a_rule_at_zero() -> None:
    others = [
        {
            **cell(30.0, category="Income", stratum=name),
            "difference": gap,
            "difference_low": gap,
            "difference_high": gap,
        }
        for name, gap in (("$15,000 - $24,999", -2.0), ("$25,000 - $34,999", 3.0))
    ]
    reference = cell(32.0, category="Income", stratum="Less than $15,000")
    data = {"reference": reference, "others": others, "across": "stratum", "comparisons": 2}
    assert marks(svg_of(chart_of("compare_all", done(data), ABOUT)))["rule"] == 2 + 1


@pytest.mark.parametrize("by", [{}, {"location": "Ohio"}])
def test_strata_are_in_their_natural_order(by: dict[str, str]) -> None:
    amounts = ["$15,000 - $24,999", "Data not reported", "Less than $15,000"]
    keys = [{**by, "category": "Income", "stratum": amount} for amount in amounts]
    more = [{**row, "location": "Utah"} for row in keys] if by else []
    text = words(svg_of(chart_of("estimate", done([cell(30.0, **row) for row in [*keys, *more]]), ABOUT)))
    assert [line for line in text if line in amounts] == ["Less than $15,000", "$15,000 - $24,999", "Data not reported"]


def test_lines_have_their_names_at_their_ends_apart_from_each_other() -> None:
    rows = [cell(30.0 + place / 10, location=f"L{place}", year=year) for place in range(6) for year in (2011, 2012)]
    picture = svg_of(chart_of("estimate", done(rows), ABOUT))
    heights = {
        text.text: float(re.findall(r"[\d.]+", text.get("transform", ""))[1])
        for text in picture.iter(f"{SVG}text")
        if text.text and re.fullmatch(r"L\d", text.text)
    }
    assert sorted(heights, key=lambda name: heights[name]) == ["L5", "L4", "L3", "L2", "L1", "L0"]
    places = sorted(heights.values())
    assert min(high - low for low, high in pairwise(places)) >= 13


def test_names_of_lines_move_apart_and_stay_below_the_top() -> None:
    assert spread([1.0, 1.1, 5.0], 1.0, 10.0) == [1.0, 2.0, 5.0]
    assert spread([9.0, 9.5, 9.6], 1.0, 10.0) == [8.0, 9.0, 10.0]
    assert spread([], 1.0, 10.0) == []


def test_bars_of_means_keep_the_order_of_the_result() -> None:
    text = words(drawn("states_mean", "bars"))
    assert [line for line in text if line in STATES] == list(STATES)


def test_more_lines_than_colours_become_a_heat_map() -> None:
    many = [cell(30.0, location=f"L{number}", year=year) for number in range(7) for year in (2011, 2012)]
    assert kinds_of("estimate", done(many)) == ("heatmap",)


def test_a_heat_map_of_one_group_has_the_years_as_its_columns_and_fills_its_place() -> None:
    years = [
        cell(30.0, location=name, year=year, category="Total", stratum="Total")
        for name in ("Ohio", "Utah")
        for year in (2011, 2012)
    ]
    text = words(svg_of(chart_of("estimate", done(years), ABOUT, kind="heatmap")))
    assert {"Ohio", "Utah", "2011", "2012"} <= set(text)
    assert "Total" not in text
    assert chart_of("estimate", done(years), ABOUT, kind="heatmap")["width"] == "container"


def test_thousands_of_cells_stay_legible() -> None:
    means = {
        repr((f"L{place:02}", "Age", f"S{stratum:02}")): 1.0 * stratum for place in range(60) for stratum in range(28)
    }
    picture = svg_of(chart_of("mean_by_category", done(means), ABOUT))
    assert marks(picture)["rect"] == 60 * 28
    assert float(picture.get("height", 0)) > 60 * 15
    assert float(picture.get("width", 0)) > 28 * 24
    assert {f"L{place:02}" for place in range(60)} | {f"S{stratum:02}" for stratum in range(28)} <= set(words(picture))


def test_columns_stay_in_order_when_the_first_location_has_gaps() -> None:
    gaps = {key: value for key, value in CATEGORIES.items() if key != "('Ohio', 'Gender', 'Female')"}
    text = words(svg_of(chart_of("mean_by_category", done(gaps), ABOUT)))
    assert [line for line in text if line in {"Female", "Male"}] == ["Female", "Male"]


def test_everybody_is_the_first_category_of_a_heat_map() -> None:
    text = words(drawn("mean_by_category", "heatmap"))
    assert [line for line in text if line in {"Total", "Gender"}][:2] == ["Total", "Gender"]


def test_an_unsuitable_kind_or_an_empty_result_is_an_error() -> None:
    with pytest.raises(InvalidRequestError, match="states_mean cannot be drawn as 'pie'; choose bars or map or tiles"):
        chart_of("states_mean", done(STATES), ABOUT, kind="pie")
    with pytest.raises(InvalidRequestError, match="nothing to draw"):
        chart_of("estimate", done([]), ABOUT)


@pytest.mark.parametrize("document", [BY_LOCATION, TREND])
def test_results_without_any_value_are_drawn(document: Any) -> None:
    data = json.loads(json.dumps(document["data"]))
    for each in data if isinstance(data, list) else data["years"]:
        each.update(value=None, low=None, high=None, flags=["suppressed"])
    statistic = "estimate" if isinstance(data, list) else "trend"
    assert "suppressed" in words(svg_of(chart_of(statistic, done(data), ABOUT)))


def test_only_the_first_chart_imports_altair() -> None:
    script = """
import sys, app, app.charts, app.charts.converter
before = "altair" in sys.modules
app.charts.chart_of("best5", {"data": {"Ohio": 1.0, "Utah": 2.0}}, app.charts.ChartContext("q", "s"))
print(before, "altair" in sys.modules, "vl_convert" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True", "False"]
