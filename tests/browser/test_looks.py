"""Accessibility of the pages: narrow and wide, light and dark, without scripts, for screen readers, on slow links."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from support.drawn import NARROW, WIDE, rows_of, wait_for_chart, watched_context

ANSWER = "/?statistic=estimate&question=Q036"


def visit(page: Page, address: str) -> None:
    """Open a page and wait until it has loaded completely."""
    page.goto(address)
    if address == ANSWER:
        wait_for_chart(page)
    page.wait_for_load_state("networkidle")


@pytest.fixture
def without_scripts(browser: Browser, server: str) -> Iterator[Page]:
    """A tab in which no script runs."""
    with watched_context(browser, server, viewport=WIDE, base_url=server, java_script_enabled=False) as context:
        yield context.new_page()


@pytest.mark.parametrize(
    "query", ["statistic=mean_by_category&question=Q036", "statistic=trend&question=Q036&state=OH"]
)
def test_wide_charts_and_tables_scroll_inside_a_narrow_window(browser: Browser, server: str, query: str) -> None:
    with watched_context(browser, server, viewport=NARROW, base_url=server) as context:
        page = context.new_page()
        page.goto(f"/?{query}")
        wait_for_chart(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_every_page_has_the_banner_of_modelled_data(page: Page, server: str) -> None:
    job = requests.post(f"{server}/api/best5", json={"question": "Q036"}, timeout=30).json()["job_id"]
    for address in ("/", "/jobs", "/data", "/tables", f"/results/{job}"):
        page.goto(address)
        expect(page.get_by_role("note")).to_contain_text("modelled")


def test_without_scripts_a_query_shows_its_result(without_scripts: Page) -> None:
    page = without_scripts
    page.goto("/?statistic=worst5&question=Q036")
    assert page.locator("#statistic").input_value() == "worst5"
    page.get_by_role("button", name="Show the answer").click()
    assert "/results/job_id_" in page.url
    assert len(rows_of_page(page)) == 5
    picture = page.locator("noscript img")
    assert picture.get_attribute("alt")
    address = picture.get_attribute("src")
    answer = page.request.get(address or "")
    assert answer.headers["content-type"].startswith("image/svg+xml")


def test_without_scripts_the_citation_is_plain_text(without_scripts: Page) -> None:
    page = without_scripts
    page.goto("/?statistic=estimate&question=Q036")
    page.get_by_role("button", name="Show the answer").click()
    page.get_by_text("Cite", exact=True).click()
    expect(page.get_by_text("@misc{estimate-")).to_be_visible()
    expect(page.locator("[data-copy=Text]")).to_be_hidden()


def test_without_scripts_an_error_is_shown(without_scripts: Page) -> None:
    page = without_scripts
    page.goto("/?statistic=state_mean&question=Q036&state=Ohoi")
    page.get_by_role("button", name="Show the answer").click()
    expect(page.get_by_role("alert")).to_contain_text("'Ohoi' is not a known state")
    assert page.locator("#state").input_value() == "Ohoi"


def test_without_scripts_a_waiting_job_is_shown_and_cancelled(without_scripts: Page, gate: Path) -> None:
    page = without_scripts
    gate.touch()
    try:
        for year in (2011, 2012):  # two questions: one that is asked twice is one job
            page.goto(f"/?statistic=worst5&question=Q037&from={year}&to={year}")
            page.get_by_role("button", name="Show the answer").click()
        expect(page.get_by_role("status")).to_contain_text("being computed")
        job = page.url.rpartition("/")[2]
        page.goto("/jobs")
        page.get_by_role("button", name=f"Cancel {job}").click()
        expect(page.locator(f"#{job} .badge")).to_have_text("error")
    finally:
        gate.unlink()


def test_without_scripts_a_removal_is_asked_about(without_scripts: Page, server: str) -> None:
    page = without_scripts
    sent = requests.post(f"{server}/api/best5", json={"question": "Q036", "years": [2013]}, timeout=30)
    job = sent.json()["job_id"]
    requests.get(f"{server}/api/get_results/{job}?wait=20", timeout=30)
    page.goto("/jobs")
    page.get_by_role("button", name=f"Remove {job}", exact=True).click()
    expect(page.get_by_role("heading", name=f"Remove the result of {job}?")).to_be_visible()
    page.get_by_role("link", name="Back").click()
    page.get_by_role("button", name=f"Remove {job}", exact=True).click()
    page.get_by_role("button", name="Remove").click()
    assert page.url.endswith("/jobs")
    expect(page.locator(f"#{job}")).to_have_count(0)


def rows_of_page(page: Page) -> list[str]:
    """Return the rows of the result's table when no script runs."""
    return page.locator("#answer table.sortable tbody tr").all_text_contents()


def test_the_button_reloads_the_table(page: Page) -> None:
    page.goto("/data")
    page.get_by_role("button", name="Reload the table").click()
    expect(page.get_by_text("Last reload").locator("xpath=following-sibling::dd")).to_have_text("done")


def test_column_headings_state_the_sort_order(page: Page) -> None:
    visit(page, ANSWER)
    value = page.get_by_role("columnheader", name="Value")
    assert value.get_attribute("aria-sort") == "none"
    value.get_by_role("button").click()
    assert value.get_attribute("aria-sort") == "ascending"
    values = [float(row[1]) for row in rows_of(page)]
    assert values == sorted(values)
