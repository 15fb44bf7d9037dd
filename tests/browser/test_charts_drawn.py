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
AXES = frozenset({"axis", "legend", "title", "x-axis", "y-axis", "header", "visualization"})
MAPS = ("map", "tiles")
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
