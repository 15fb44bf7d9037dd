"""The table of an answer: all its columns fit, its rows are filtered by a text, and where they come from is folded."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from app.queries.form_fields import address_of, fields_of
from app.statistics import STATISTICS
from support.drawn import wait_for_chart, watched_context

ESTIMATES = "/?statistic=estimate&question=Q036&from=2021&to=2021"
LAPTOP = {"width": 1366, "height": 768}
WIDEST = ["estimate", "compare", "compare_all", "rank", "disparity", "correlate", "trend", "trends"]
ALL_DIMENSIONS = f"{ESTIMATES}&by=location&by=year&by=category&by=stratum&stratification=Total"


@pytest.mark.parametrize("name", [*WIDEST, "all dimensions"])
def test_every_column_is_seen_on_a_laptop(browser: Browser, server: str, name: str) -> None:
    statistic = STATISTICS.get(name)
    address = address_of(fields_of(name, statistic.example)) if statistic else ALL_DIMENSIONS
    with watched_context(browser, server, viewport=LAPTOP, base_url=server) as context:
        page = context.new_page()
        page.goto(address)
        page.locator("#answer table.sortable").wait_for()
        assert page.locator("#answer .tall").evaluate("box => box.scrollWidth - box.clientWidth") == 0


def test_numbers_are_aligned_at_the_right(page: Page) -> None:
    page.goto(ESTIMATES)
    wait_for_chart(page)
    aligned = (
        page.locator("#answer tbody tr")
        .first.locator("td")
        .evaluate_all("cells => cells.map(cell => getComputedStyle(cell).textAlign)")
    )
    assert aligned == ["left", *["right"] * 4]


def test_rows_are_filtered_by_a_text_that_the_address_holds(page: Page) -> None:
    page.goto(ESTIMATES)
    wait_for_chart(page)
    total = page.locator("#answer tbody tr").count()
    page.get_by_label("Filter rows").fill("new ")
    shown = page.locator("#answer tbody tr:visible")
    expect(shown).to_have_count(4)
    assert all("New " in text for text in shown.all_text_contents())
    expect(page.get_by_role("status").filter(has_text="rows")).to_have_text(f"4 of {total} rows")
    page.get_by_role("columnheader", name="Value").get_by_role("button").click()
    expect(shown).to_have_count(4)
    assert parse_qs(urlsplit(page.url).query)["filter"] == ["new"]
    page.reload()
    wait_for_chart(page)
    expect(shown).to_have_count(4)
    page.get_by_label("Filter rows").fill("")
    expect(shown).to_have_count(total)
    assert "filter" not in page.url


def test_a_short_table_has_no_filter(page: Page) -> None:
    page.goto("/?statistic=best5&question=Q036")
    wait_for_chart(page)
    expect(page.get_by_label("Filter rows")).to_have_count(0)


def test_where_the_figures_come_from_is_folded(page: Page) -> None:
    page.goto(ESTIMATES)
    wait_for_chart(page)
    expect(page.get_by_text("Rows used")).to_be_hidden()
    page.get_by_text("Where the figures come from").click()
    expect(page.get_by_text("Rows used")).to_be_visible()
