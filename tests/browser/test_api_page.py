"""The page of the API: its fields have names, and it follows the theme."""

import re
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect


def test_the_fields_of_a_route_are_found_by_their_names(page: Page) -> None:
    page.goto("/docs")
    page.get_by_role("button", name="/api/estimate").first.click()
    for name in ("Prefer", "Idempotency-Key", "Request body"):
        expect(page.get_by_role("textbox", name=name, exact=True)).to_be_visible()


def test_a_route_that_is_opened_is_in_the_address(page: Page) -> None:
    page.goto("/docs")
    page.get_by_role("button", name="/api/questions").first.press("Enter")
    expect(page.get_by_role("button", name="Execute")).to_be_visible()
    assert page.url.endswith("/docs#/survey/get_api_questions")


@pytest.mark.parametrize(
    ("preferred", "named", "shown"),
    [("dark", "", "dark"), ("light", "?theme=dark", "dark"), ("dark", "?theme=light", "light")],
)
def test_the_theme_is_that_of_the_address_or_the_browser(
    browser: Browser, server: str, preferred: Literal["dark", "light"], named: str, shown: str
) -> None:
    context = browser.new_context(color_scheme=preferred)
    page = context.new_page()
    page.goto(f"{server}/docs{named}")
    classes = re.compile("dark-mode") if shown == "dark" else ""
    expect(page.locator("html")).to_have_class(classes)
    context.close()
