"""Maps in the page: places lead to their pages by click and by keyboard, and a slider steps through the years."""

import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from support.drawn import NARROW, wait_for_chart, watched_context

BY_YEAR = "/?statistic=estimate&question=Q036&by=location&by=year"
OHIO = "#chart path.place[aria-label^='Ohio']"


def open_map(page: Page, query: str = "statistic=estimate&question=Q036", kind: str = "map") -> None:
    """Open a result, and choose its map."""
    page.goto(f"/?{query}")
    wait_for_chart(page)
    with page.expect_response(lambda answer: f"kind={kind}" in answer.url):
        page.locator(f"[data-kind={kind}][href]").click()
    wait_for_chart(page)


def answer_places(page: Page) -> None:
    """Answer the pages of places, which are not the subject here."""

    def answer(route: Route) -> None:
        route.fulfill(status=200, content_type="text/html", body="<title>A place</title>")

    page.route("**/places/*", answer)


@pytest.mark.parametrize("kind", ["map", "tiles"])
def test_a_click_on_a_state_opens_its_page(page: Page, kind: str) -> None:
    answer_places(page)
    open_map(page, kind=kind)
    page.locator(OHIO).click()
    page.wait_for_url("**/places/OH")


def test_the_map_is_one_stop_for_the_keyboard_and_arrows_visit_the_places(page: Page) -> None:
    answer_places(page)
    open_map(page)
    expect(page.locator("#chart path.place[tabindex='0']")).to_have_count(1)
    page.locator("#chart").focus()
    page.keyboard.press("Tab")
    focused = "document.activeElement.getAttribute('aria-label')"
    assert "Alaska" in page.evaluate(focused)
    page.keyboard.press("ArrowLeft")
    assert "Wyoming" in page.evaluate(focused)
    expect(page.locator("#vg-tooltip-element.visible")).to_contain_text("Wyoming")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url("**/places/AL")


def test_the_slider_and_its_button_step_through_the_years(page: Page) -> None:
    page.goto(BY_YEAR)
    wait_for_chart(page)
    slider, year = page.get_by_label("Year of the map"), page.locator(".years output")
    last = year.inner_text()
    of_ohio = page.locator(OHIO).first
    expect(of_ohio).to_have_attribute("aria-label", re.compile(f"^Ohio in {last}: "))
    page.get_by_role("button", name="Next year").click()  # from the last year to the first
    first = year.inner_text()
    assert int(first) < int(last)
    expect(of_ohio).to_have_attribute("aria-label", re.compile(f"^Ohio in {first}: "))
    slider.press("ArrowRight")
    assert int(year.inner_text()) > int(first)
    expect(page.locator("#chart path.place[tabindex='0']")).to_have_count(1)


def test_the_slider_keeps_its_year_in_the_other_kind_of_map_and_leaves_with_the_map(page: Page) -> None:
    page.goto(BY_YEAR)
    wait_for_chart(page)
    page.get_by_role("button", name="Next year").click()
    first = page.locator(".years output").inner_text()
    with page.expect_response(lambda answer: "kind=tiles" in answer.url):
        page.locator("[data-kind=tiles][href]").click()
    wait_for_chart(page)
    expect(page.locator(".years output")).to_have_text(first)
    with page.expect_response(lambda answer: "kind=heatmap" in answer.url):
        page.locator("[data-kind=heatmap][href]").click()
    wait_for_chart(page)
    expect(page.locator(".years")).to_have_count(0)


def test_the_year_of_the_slider_stands_in_the_address(page: Page) -> None:
    page.goto(BY_YEAR)
    wait_for_chart(page)
    assert "year=" not in page.url.partition("by=year")[2]
    page.get_by_role("button", name="Next year").click()
    first = page.locator(".years output").inner_text()
    page.wait_for_url(f"**&year={first}*")
    assert f"year={first}" in (page.locator(".bar a[href*='format=png']").get_attribute("href") or "")
    page.reload()
    wait_for_chart(page)
    expect(page.locator(".years output")).to_have_text(first)
    expect(page.locator(OHIO).first).to_have_attribute("aria-label", re.compile(f"^Ohio in {first}: "))
    with page.expect_response(lambda answer: "kind=heatmap" in answer.url):
        page.locator("[data-kind=heatmap][href]").click()
    wait_for_chart(page)
    assert "&year=" not in page.url
    with page.expect_response(lambda answer: "kind=map" in answer.url):
        page.locator("[data-kind=map][href]").click()
    wait_for_chart(page)
    assert f"&year={first}" in page.url


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (f"{BY_YEAR}&year=1999", "no year “1999”"),
        ("/?statistic=estimate&question=Q036&year=2015", "no single years"),
    ],
)
def test_a_year_that_the_chart_does_not_have_is_an_error_that_names_it(page: Page, query: str, reason: str) -> None:
    page.goto(query)
    expect(page.locator("#chart")).to_contain_text(reason)


def test_a_map_fits_a_narrow_page(browser: Browser, server: str) -> None:
    with watched_context(browser, server, viewport=NARROW, base_url=server) as context:
        page = context.new_page()
        open_map(page)
        box = page.locator("#chart svg").bounding_box()
        assert box is not None
        assert box["width"] <= NARROW["width"]
        assert box["height"] < 500
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
