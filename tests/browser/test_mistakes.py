"""A mistake in the form: shown at its field, announced, and corrected by one button, with and without scripts."""

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from support.drawn import NARROW, WIDE, wait_for_chart, watched_context

OBESITY = "Percent of adults aged 18 years and older who have obesity"
TREND = "/?statistic=trend&question=Q036&state="


def expect_mistake(field: Locator, words: str) -> None:
    """Check that a field is marked, and that it is described by some words."""
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(words)


def test_a_mistake_is_at_its_field_and_a_button_corrects_it(page: Page) -> None:
    page.goto(f"{TREND}OH")
    wait_for_chart(page)
    state = page.get_by_label("Location", exact=True)
    state.fill("Ohoi")
    page.get_by_role("button", name="Show the answer").click()
    expect_mistake(state, "'Ohoi' is not a known state. Did you mean: Ohio")
    expect(state).to_be_focused()
    expect(page.get_by_role("alert")).to_have_text("'Ohoi' is not a known state. Go to the field")
    page.get_by_role("button", name="Ohio", exact=True).click()
    wait_for_chart(page)
    assert page.url.endswith(f"{TREND}Ohio")
    expect(state).not_to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("alert")).to_be_hidden()
    page.go_back()
    expect_mistake(state, "'Ohoi' is not a known state. Did you mean: Ohio")


def test_an_address_with_a_mistake_marks_its_field_and_asks_nothing(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/ask") else None)
    page.goto("/?statistic=estimate&question=adult+obesity&locations=Ohio,Uta")
    question = page.get_by_label("Question", exact=True)
    expect_mistake(question, f"'adult obesity' is not a known question. Did you mean: {OBESITY}")
    expect(question).to_be_focused()
    page.wait_for_load_state("networkidle")
    assert asked == []
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # on the first correction; the next mistake is in a filter that is opened
    locations = page.get_by_label("Only these locations")
    expect_mistake(locations, "'Uta' is not a known state. Did you mean: Utah")
    page.get_by_role("button", name="Utah", exact=True).click()
    wait_for_chart(page)
    assert locations.input_value() == "Ohio, Utah"


def test_a_mistake_is_forgotten_when_its_field_changes_and_enter_asks_again(page: Page) -> None:
    page.goto(f"{TREND}Ohoi")
    state = page.get_by_label("Location", exact=True)
    expect_mistake(state, "'Ohoi' is not a known state. Did you mean: Ohio")
    state.fill("Utah")
    expect(page.locator(".wrong")).to_have_count(0)
    expect(state).not_to_have_attribute("aria-describedby", "state-wrong")
    state.press("Enter")
    wait_for_chart(page)
    assert page.url.endswith(f"{TREND}Utah")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_without_scripts_a_button_corrects_the_mistake(browser: Browser, server: str, size: dict[str, int]) -> None:
    with watched_context(browser, server, viewport=size, base_url=server, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{TREND}Ohoi")
        expect_mistake(page.get_by_label("Location", exact=True), "'Ohoi' is not a known state. Did you mean: Ohio")
        page.get_by_role("button", name="Ohio", exact=True).click()
        assert "/results/job_id_" in page.url
        expect(page.get_by_role("heading", name="Adult obesity in Ohio")).to_be_visible()
