"""The first screen answers at once and leads on in a click; the profile of a place is a click away from a table."""

import pytest
from playwright.sync_api import Browser, Page, expect

from support.drawn import NARROW, WIDE, wait_for_chart, watched_context


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_first_screen_shows_a_finding_and_its_picture(
    browser: Browser, server: str, size: dict[str, int], scripts: bool
) -> None:
    with watched_context(browser, server, viewport=size, base_url=server, java_script_enabled=scripts) as context:
        page = context.new_page()
        page.goto("/", wait_until="load")
        expect(page.get_by_role("heading", name="Adult obesity by state")).to_be_in_viewport()
        expect(page.locator(".finding")).to_contain_text("Highest in")
        picture = page.get_by_role("img", name="Adult obesity by state")
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.complete && image.naturalWidth > 0")


@pytest.mark.parametrize(
    ("label", "title"),
    [
        ("Where is it highest?", "Adult obesity by state"),
        ("How has my state changed?", "Adult obesity in Ohio"),
        ("How do two states differ?", "Adult obesity in Ohio and in Utah"),
        ("Which groups differ most?", "Adult obesity by income in the nation"),
        ("What goes together?", "Adult obesity and no leisure-time physical activity by state"),
    ],
)
def test_a_question_leads_to_its_answer_in_a_click(page: Page, label: str, title: str) -> None:
    page.goto("/")
    page.get_by_role("link", name=label).click()
    wait_for_chart(page)
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.locator(".finding")).not_to_be_empty()


def test_a_table_leads_to_the_profile_of_a_place(page: Page) -> None:
    page.goto("/?statistic=estimate&question=Q036&from=2021&to=2021")
    wait_for_chart(page)
    page.locator("#answer table").get_by_role("link", name="Ohio").click()
    expect(page.get_by_role("heading", name="Ohio")).to_be_visible()
    expect(page.locator(".profile tbody tr")).to_have_count(9)
    page.get_by_role("row", name="Adult obesity").get_by_role("link").last.click()
    wait_for_chart(page)
    expect(page.get_by_role("heading", name="Adult obesity in Ohio, 2022 and 2011")).to_be_visible()
