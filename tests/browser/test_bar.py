"""The bar above the chart: link, files, citation and code; by mouse, by keyboard, narrow, and without scripts."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.drawn import NARROW, wait_for_chart, watched_context

ESTIMATES = "/?statistic=estimate&question=Q036&from=2021&to=2021"
NO_CLIPBOARD = "Object.defineProperty(Navigator.prototype, 'clipboard', { get: () => undefined })"


@pytest.fixture
def without_scripts(browser: Browser, server: str) -> Iterator[Page]:
    """A narrow tab in which no script runs."""
    with watched_context(browser, server, viewport=NARROW, base_url=server, java_script_enabled=False) as context:
        yield context.new_page()


def result_of(server: str) -> str:
    """Return the path of a finished result's page."""
    job = requests.post(f"{server}/api/estimate", json={"question": "Q036", "years": [2021]}, timeout=30).json()
    requests.get(f"{server}/api/get_results/{job['job_id']}?wait=20", timeout=30)
    return f"/results/{job['job_id']}"


def test_the_link_is_the_address_with_the_kind_of_chart_and_the_sort_order(
    page: Page, context: BrowserContext, server: str
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{ESTIMATES}&kind=map&sort=-value")
    wait_for_chart(page)
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("[data-copy=link]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    page.goto(result_of(server))
    wait_for_chart(page)
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("[data-copy=link]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == server + ESTIMATES


def test_nothing_is_copied_where_the_browser_has_no_clipboard(page: Page) -> None:
    page.add_init_script(NO_CLIPBOARD)
    page.goto(ESTIMATES)
    wait_for_chart(page)
    expect(page.get_by_role("link", name="CSV", exact=True)).to_be_visible()
    expect(page.locator(".copy").first).to_be_hidden()


def test_the_files_are_the_answer_on_the_page(page: Page) -> None:
    page.goto(ESTIMATES)
    wait_for_chart(page)
    job = page.locator("article").get_attribute("data-job")
    with page.expect_download() as table:
        page.get_by_role("link", name="CSV", exact=True).click()
    assert table.value.suggested_filename == f"estimate-Q036-{job}.csv"
    page.locator("[data-kind=tiles][href]").click()
    wait_for_chart(page)
    for name in ("SVG", "PNG"):
        page.locator("summary", has_text="Picture").click()
        with page.expect_download() as picture:
            page.get_by_role("link", name=name).click()
        assert picture.value.suggested_filename == f"estimate-Q036-{job}.{name.lower()}"
        assert "kind=tiles" in picture.value.url
        page.keyboard.press("Escape")


def test_a_sheet_opens_and_closes_by_the_keyboard_and_moves_nothing(page: Page) -> None:
    page.goto(ESTIMATES)
    wait_for_chart(page)
    top = page.locator("#chart").bounding_box()
    cite = page.locator("summary", has_text="Cite")
    cite.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Copy BibTeX")).to_be_visible()
    assert page.locator("#chart").bounding_box() == top
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Copy BibTeX")).to_be_hidden()
    expect(cite).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("h2").first.click()
    expect(page.get_by_role("button", name="Copy BibTeX")).to_be_hidden()


def test_without_scripts_the_sheets_open_and_fit_a_narrow_window(without_scripts: Page, server: str) -> None:
    page = without_scripts
    page.goto(result_of(server))
    for name, content in (("Picture", "SVG"), ("Cite", "@misc{estimate-"), ("Code", "import requests")):
        page.locator("summary", has_text=name).click()
        expect(page.get_by_text(content).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    expect(page.locator("[data-copy=link]")).to_be_hidden()
    job = page.locator("article").get_attribute("data-job")
    assert page.locator(f"a[href='/api/get_results/{job}?format=csv']").is_visible()
