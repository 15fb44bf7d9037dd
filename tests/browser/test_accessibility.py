"""axe-core finds nothing of any level on the pages, light and dark, narrow and wide."""

from collections.abc import Iterator

import pytest
import requests
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from support.drawn import wait_for_chart

SIZES = {"width": 1366, "height": 768}, {"width": 360, "height": 740}
THEMES = ("light", "dark")
ASK = "/?question=Q036&statistic="
LATEST, FEW = "&from=2021&to=2021", "&locations=OH,UT,TX"
ANSWERS = [
    *(f"{ASK}estimate{LATEST}{FEW}&kind={kind}" for kind in ("dots", "map", "tiles")),
    f"{ASK}estimate{LATEST}&locations=OH",
    f"{ASK}trend&state=OH",
    f"{ASK}compare{LATEST}&between=location&a=OH&b=UT",
    f"{ASK}states_mean{FEW}&kind=bars",
]
OTHERS = [
    "/",
    "/jobs",
    "/data",
    "/tables",
    "/tables/current/changes",
    "/places",
    "/places/OH",
    "/places/nowhere",
    "/nowhere",
    f"{ASK}trend&state=Ohoi",
    f"{ASK}estimate&locations=Ohoi",
    "/?foo=bar",
]
DIALOGS = ["confirm", "token"]


@pytest.fixture
def still(browser: Browser, server: str) -> Iterator[Page]:
    """A tab in which nothing moves, so that colors are final as soon as the theme has changed."""
    context = browser.new_context(base_url=server, reduced_motion="reduce")
    yield context.new_page()
    context.close()


def findings(page: Page, *, drawn: bool = False, leaving_out: str = "") -> list[tuple[object, ...]]:
    """Return what axe-core finds on the page that is open, and where the page is wider than its window.

    All rules run in the wide light and the narrow dark window; in the other two those of colors, as nothing else
    depends on the theme.
    """
    page.evaluate(AXE_SCRIPT)
    found: list[tuple[object, ...]] = []
    for size in SIZES:
        for theme in THEMES:
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            if drawn:
                wait_for_chart(page)
            is_whole = (size, theme) in ((SIZES[0], "light"), (SIZES[1], "dark"))
            rules = {} if is_whole else {"runOnly": ["color-contrast"]}
            part = {"include": ["html"], "exclude": [leaving_out]} if leaving_out else {"include": ["html"]}
            result = page.evaluate("([part, rules]) => axe.run(part, rules)", [part, rules])
            assert result["passes"] or not is_whole
            found += [(theme, size["width"], each["id"], each["nodes"][0]["html"]) for each in result["violations"]]
            if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
                found.append((theme, size["width"], "wider than the window"))
    return found


def test_answers_are_accessible(still: Page) -> None:
    for address in ANSWERS:
        still.goto(address)
        wait_for_chart(still)
        assert findings(still, drawn=True) == [], address


def test_the_other_pages_are_accessible(still: Page) -> None:
    for address in OTHERS:
        still.goto(address)
        assert findings(still) == [], address


def test_the_questions_before_a_removal_and_for_the_token_are_accessible(still: Page, server: str) -> None:
    job = requests.post(f"{server}/api/best5", json={"question": "Q036", "years": [2015]}, timeout=30).json()["job_id"]
    requests.get(f"{server}/api/get_results/{job}?wait=20", timeout=30)
    still.goto(f"/jobs/{job}/remove")
    assert findings(still) == []
    still.goto("/jobs")
    for name in DIALOGS:
        still.locator(f"#{name}").evaluate("dialog => dialog.showModal()")
        assert findings(still) == [], name
        still.keyboard.press("Escape")


def test_the_frame_of_the_page_of_the_api_is_accessible(still: Page) -> None:
    still.goto("/docs")
    expect(still.locator(".opblock").first).to_be_visible()
    assert findings(still, leaving_out="#swagger-ui") == []  # that part is Swagger UI's own
