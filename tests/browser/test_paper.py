"""Results without scripts and on paper."""

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from support.drawn import wait_for_chart

ESTIMATE = {"question": "Q036", "years": [2021]}


@pytest.fixture
def result(server: str) -> str:
    """The address of a finished result's page."""
    job = requests.post(f"{server}/api/estimate", json=ESTIMATE, timeout=30).json()["job_id"]
    requests.get(f"{server}/api/get_results/{job}?wait=20", timeout=30)
    return f"{server}/results/{job}"


@pytest.mark.parametrize("width", [360, 1366, 1920])
def test_without_scripts_the_chart_is_an_image_that_fits_its_box(browser: Browser, result: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, java_script_enabled=False)
    page = context.new_page()
    page.goto(result)
    image, box = page.locator(".chart img").bounding_box(), page.locator(".chart").bounding_box()
    assert image is not None
    assert box is not None
    assert 200 < image["width"] <= box["width"] + 1
    context.close()


def test_on_paper_the_result_is_whole_and_light_and_the_form_is_gone(page: Page, result: str) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(result)
    wait_for_chart(page)
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("#chart svg").first).to_be_visible()
    for hidden in ("#ask", "nav[aria-label=Pages]", ".bar"):
        expect(page.locator(hidden).first).to_be_hidden()
    expect(page.get_by_text("Rows used")).to_be_visible()
    table = page.locator(".scroll.tall")
    assert table.evaluate("box => box.scrollHeight <= box.clientHeight + 1")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(245, 246, 248)"
