"""axe-core finds nothing of any level on the pages, light and dark, narrow and wide."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from support.drawn import wait_for_chart
from support.held_source import named_pipe
from support.real_server import ALIVE_PATH, running_server

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
# The theme of the API's page is a class too, which a script sets in the next frame.
THEME_FOLLOWED = """theme => !document.getElementById("swagger-ui")
    || document.documentElement.classList.contains("dark-mode") === (theme === "dark")"""


@pytest.fixture
def still(browser: Browser, server: str) -> Iterator[Page]:
    """A tab in which nothing moves, so that colors are final as soon as the theme has changed."""
    context = browser.new_context(base_url=server, reduced_motion="reduce")
    yield context.new_page()
    context.close()


def findings(page: Page, *, drawn: bool = False) -> list[tuple[object, ...]]:
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
            page.wait_for_function(THEME_FOLLOWED, arg=theme)
            if drawn:
                wait_for_chart(page)
            is_whole = (size, theme) in ((SIZES[0], "light"), (SIZES[1], "dark"))
            rules = {} if is_whole else {"runOnly": ["color-contrast"]}
            result = page.evaluate("rules => axe.run(rules)", rules)
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


def test_the_page_while_the_table_loads_is_accessible(still: Page, tmp_path: Path) -> None:
    pipe = named_pipe(tmp_path / "table.csv")
    with running_server({"STATS_DATA": str(pipe)}, path=ALIVE_PATH) as server:
        still.goto(server.address)
        expect(still.get_by_role("heading", name="The server is starting")).to_be_visible()
        assert findings(still) == []


def test_the_page_of_a_place_is_accessible_while_figures_are_computed(still: Page, gate: Path) -> None:
    gate.touch()
    try:
        still.goto("/places/VT")
        expect(still.locator("#missing")).to_be_visible()
        assert findings(still) == []
    finally:
        gate.unlink()


def test_the_page_of_the_api_is_accessible_with_routes_open_and_tried(still: Page) -> None:
    still.goto("/docs")
    tried = still.locator("#operations-statistics-post_api_best5")
    listed = still.locator("#operations-jobs-get_api_jobs")
    for route in (tried, listed):
        route.locator(".opblock-summary-control").click()
    tried.get_by_role("button", name="Execute").click()
    expect(tried.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
    listed.get_by_role("tab", name="Schema").first.click()
    assert findings(still) == []


def test_the_field_for_the_token_on_the_page_of_the_api_is_accessible(still: Page) -> None:
    still.goto("/docs")
    still.get_by_role("button", name="Authorize").click()
    assert findings(still) == []
