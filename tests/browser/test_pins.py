"""Two answers side by side, and the list of what one has asked: kept in the browser alone, whatever its storage is."""

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from support.drawn import NARROW, WIDE, wait_for_chart, watched_context

ESTIMATES = "/?statistic=estimate&question=Q036&from=2021&to=2021"
TREND = "/?statistic=trend&question=Q036&state=OH"
LAPTOP = {"width": 1366, "height": 768}
BLOCKED = """
for (const name of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, name, { get: () => { throw new DOMException("denied", "SecurityError"); } });
}
"""
FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };"
RUBBISH = [
    "no JSON",
    "7",
    '[null, 7, {"title": "x"}, {"title": "y", "address": "javascript:alert(1)", "at": 1}, '
    '{"title": "z", "address": "/?", "at": 1e300}, {"job": "../x", "address": "/?", "view": null}]',
]


def open_answer(page: Page, address: str) -> None:
    """Open an address and wait for the chart of its answer."""
    page.goto(address)
    wait_for_chart(page)


def pin_estimates(page: Page) -> None:
    """Pin the map of the estimates, sorted by their values."""
    open_answer(page, f"{ESTIMATES}&kind=map&sort=-value")
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.locator("#progress")).to_contain_text("The next answer will stand beside it")


def wait_for_pinned(page: Page) -> None:
    """Wait until the chart of the pinned answer is drawn."""
    page.locator("#pinned .chart[aria-busy=false] svg").wait_for()


@pytest.mark.parametrize("size", [LAPTOP, NARROW], ids=["laptop", "narrow"])
def test_a_pinned_answer_stands_beside_the_next_one(browser: Browser, server: str, size: dict[str, int]) -> None:
    with watched_context(browser, server, viewport=size, base_url=server) as context:
        page = context.new_page()
        pin_estimates(page)
        open_answer(page, TREND)
        wait_for_pinned(page)
        own, pinned = (page.locator(f"{part} .pair").bounding_box() for part in ("#answer", "#pinned"))
        assert own is not None
        assert pinned is not None
        if size == NARROW:
            assert own["y"] + own["height"] <= pinned["y"]
        else:
            assert own["y"] == pinned["y"]
            assert own["x"] + own["width"] <= pinned["x"]
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        found = Axe().run(page, context="#main").response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []


def test_a_pin_keeps_how_its_answer_is_shown_until_it_is_unpinned(page: Page) -> None:
    pin_estimates(page)
    open_answer(page, TREND)
    wait_for_pinned(page)
    pinned = page.locator("#pinned")
    expect(pinned.locator("[data-kind=map][href]")).to_have_attribute("aria-current", "true")
    expect(pinned.get_by_role("columnheader", name="Value")).to_have_attribute("aria-sort", "descending")
    pinned.locator("[data-kind=tiles][href]").click()
    page.reload()
    wait_for_pinned(page)
    expect(pinned.locator("[data-kind=tiles][href]")).to_have_attribute("aria-current", "true")
    assert "kind" not in page.url
    page.get_by_role("button", name="Unpin").click()
    expect(pinned).to_be_hidden()
    wait_for_chart(page)
    assert page.locator("#answer article").bounding_box()["width"] > WIDE["width"] / 2  # type: ignore[index]
    page.reload()
    wait_for_chart(page)
    expect(pinned).to_be_hidden()


def test_a_pinned_answer_that_the_server_has_removed_can_be_asked_again(browser: Browser, server: str) -> None:
    page = browser.new_page(base_url=server)  # not watched: it logs the 404
    pin_estimates(page)
    job = page.locator("#answer article").get_attribute("data-job")
    requests.delete(f"{server}/api/jobs/{job}", timeout=30).raise_for_status()
    page.goto("/?statistic=best5&question=Q036")
    wait_for_chart(page)
    expect(page.locator("#pinned")).to_contain_text("The pinned answer")
    expect(page.get_by_role("link", name="Ask it again")).to_have_attribute("href", ESTIMATES)
    page.get_by_role("button", name="Unpin").click()
    expect(page.locator("#pinned")).to_be_hidden()
    page.close()


def test_my_answers_are_listed_newest_first_and_removed(page: Page) -> None:
    for address in (ESTIMATES, TREND, ESTIMATES):
        open_answer(page, address)
    page.locator("#mine summary").click()
    expect(page.locator("#mine")).to_contain_text("kept in this browser only")
    links = page.locator("#mine li a")
    expect(links).to_have_text(["Adult obesity by state, 2021", "Adult obesity in Ohio, 2011 to 2022"])
    expect(page.locator("#mine time")).to_have_count(2)
    links.last.click()
    wait_for_chart(page)
    expect(page.get_by_role("heading", name="Adult obesity in Ohio")).to_be_visible()
    page.locator("#mine summary").click()
    page.get_by_role("button", name="Remove all").click()
    expect(page.locator("#mine")).to_be_hidden()
    assert page.evaluate("localStorage.getItem('answers of /')") == "[]"
    page.goto("/")
    expect(page.locator("#mine")).to_be_hidden()


def test_the_list_of_answers_is_bounded(page: Page) -> None:
    old = "[...Array(40).keys()].map((n) => ({ title: `Question ${n}`, address: `/?n=${n}`, at: n }))"
    page.goto("/")
    page.evaluate(f"localStorage.setItem('answers of /', JSON.stringify({old}))")
    open_answer(page, ESTIMATES)
    expect(page.locator("#mine li")).to_have_count(30)
    assert page.evaluate("JSON.parse(localStorage.getItem('answers of /')).length") == 30


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_rubbish_in_the_storage_breaks_nothing(page: Page, rubbish: str) -> None:
    page.goto("/data")
    page.evaluate("text => localStorage.setItem('answers of /', text)", rubbish)
    page.evaluate("text => sessionStorage.setItem('pin of /', text)", rubbish)
    page.goto("/")
    expect(page.locator("#mine")).to_be_hidden()
    pin_estimates(page)
    expect(page.locator("#mine li")).to_have_count(1)


@pytest.mark.parametrize("storage", [BLOCKED, FULL], ids=["blocked", "full"])
def test_without_storage_pins_and_answers_last_as_long_as_the_page(page: Page, storage: str) -> None:
    page.add_init_script(storage)
    pin_estimates(page)
    expect(page.locator("#mine li")).to_have_count(1)
    page.get_by_label("Statistic").select_option("best5")
    page.get_by_role("button", name="Show the answer").click()
    wait_for_pinned(page)
    expect(page.locator("#mine li")).to_have_count(2)
