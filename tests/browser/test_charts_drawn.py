"""Every chart kind in the page: its marks match the rows of the table and the marks of its picture."""

import re
from collections import Counter
from typing import Any

import pytest
import requests
from playwright.sync_api import Page

from app.table.survey_table import NATION
from support.drawn import rows_of, wait_for_chart

ROLE = re.compile('aria-roledescription="([^"]+)"')
AXES = frozenset({"axis", "legend", "title", "subtitle", "x-axis", "y-axis", "header", "visualization"})
MAPS = ("map", "tiles")
# The texts of a picture that reach beyond it.
BEYOND = """() => {
  const frame = document.querySelector("svg").getBoundingClientRect();
  const texts = [...document.querySelectorAll("svg text")];
  const inside = ({ left, right, top, bottom }) =>
    left >= frame.left && right <= frame.right && top >= frame.top && bottom <= frame.bottom;
  return texts.filter((text) => !inside(text.getBoundingClientRect())).map((text) => text.textContent);
}"""
Marks = Counter[str]

# The query, the chart kind, and the mark that stands for one row of the table.
CHARTS = [
    ("statistic=estimate&question=Q036", "dots", "point"),
    ("statistic=estimate&question=Q036", "map", "text mark"),
    ("statistic=estimate&question=Q036", "tiles", "rect mark"),
    ("statistic=states_mean&question=Q036", "bars", "bar"),
    ("statistic=best5&question=Q036", "tiles", "rect mark"),
    ("statistic=diff_from_mean&question=Q036", "bars", "bar"),
    ("statistic=mean_by_category&question=Q036", "heatmap", "rect mark"),
    ("statistic=state_mean_by_category&question=Q036&state=OH", "dots", "point"),
    ("statistic=estimate&question=Q036&by=location&by=year&locations=OH,UT", "lines", "point"),
    ("statistic=trend&question=Q036&state=OH", "trend", "point"),
    ("statistic=trends&question=Q036&locations=OH,UT,TX", "trend", "point"),
    ("statistic=trends&question=Q036&locations=OH,UT,TX", "lines", "point"),
    ("statistic=compare&question=Q036&between=location&a=OH&b=UT", "comparison", "point"),
    ("statistic=disparity&question=Q036&state=OH&stratification=Education", "dots", "point"),
    ("statistic=correlate&question=Q036&other_question=Q047", "scatter", "point"),
    ("statistic=global_mean&question=Q036", "figure", "text mark"),
]


def marks(svg: str) -> Marks:
    """Count the marks of a drawing by their role."""
    return Counter(role for role in ROLE.findall(svg) if role not in AXES)


@pytest.mark.parametrize(("query", "kind", "mark"), CHARTS, ids=[f"{q[10:25]}-{k}" for q, k, _ in CHARTS])
def test_a_chart_has_a_mark_for_each_row_and_equals_its_picture(
    page: Page, server: str, query: str, kind: str, mark: str
) -> None:
    page.goto(f"/?{query}")
    wait_for_chart(page)
    if page.locator(f"[data-kind={kind}][href]").count():
        with page.expect_response(lambda answer: f"kind={kind}" in answer.url):
            page.locator(f"[data-kind={kind}][href]").click()
        wait_for_chart(page)
    drawn = marks(page.locator("#chart").inner_html())
    valued = [row for row in rows_of(page) if row[-1] != "\N{EM DASH}" and not (kind in MAPS and NATION in row)]
    assert drawn[mark] >= len(valued) > 0, drawn
    job = page.locator("article").get_attribute("data-job")
    picture: Any = requests.get(f"{server}/api/get_results/{job}?format=svg&kind={kind}", timeout=60)
    assert picture.headers["Content-Type"].startswith("image/svg+xml")
    assert marks(picture.text) == drawn


def test_the_colours_follow_the_theme(page: Page) -> None:
    page.goto("/?statistic=best5&question=Q036")
    wait_for_chart(page)
    ground = "getComputedStyle(document.querySelector('#chart svg')).backgroundColor"
    light = page.evaluate(ground)
    with page.expect_response(lambda answer: "theme=dark" in answer.url):
        page.emulate_media(color_scheme="dark")
    wait_for_chart(page)
    assert page.evaluate(ground) != light


@pytest.mark.parametrize("kind", ["dots", "map", "tiles"])
def test_a_picture_says_the_title_and_the_finding_of_the_page_and_the_chart_of_the_page_does_not_repeat_them(
    page: Page, server: str, kind: str
) -> None:
    page.goto(f"/?statistic=estimate&question=Q036&from=2021&to=2021&kind={kind}")
    wait_for_chart(page)
    said = [page.locator("article h2").inner_text(), page.locator(".finding").inner_text()]
    assert not any(text in (page.locator("#chart svg").text_content() or "") for text in said)
    job = page.locator("article").get_attribute("data-job")
    picture = requests.get(f"{server}/api/get_results/{job}?format=svg&kind={kind}", timeout=60)
    page.goto("about:blank")  # whose policy is not that of the server's pages
    page.set_content(picture.text)
    lines = page.locator("svg .role-title tspan, svg .role-title text:not(:has(tspan))").all_text_contents()
    assert " ".join(" ".join(lines).split()).startswith(" ".join(" ".join(said).split()))


@pytest.mark.parametrize("width", ["wide", "narrow"])
@pytest.mark.parametrize(
    "query",
    ["trends&question=Q036&locations=CO,UT,NC", "correlate&question=Q036&other_question=Q047", "rank&question=Q036"],
)
def test_no_line_of_a_picture_is_cut(page: Page, server: str, query: str, width: str) -> None:
    page.goto(f"/?statistic={query}")
    wait_for_chart(page)
    job = page.locator("article").get_attribute("data-job")
    picture = requests.get(f"{server}/api/get_results/{job}?format=svg&width={width}", timeout=60)
    page.goto("about:blank")
    page.set_content(f"<body style='margin: 0'>{picture.text}")
    assert page.evaluate(BEYOND) == []
