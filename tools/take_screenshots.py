"""Take the README's screenshots: start a server, open its pages in Chromium, write docs/images/."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from support.real_server import PROJECT_ROOT, running_server

FOLDER = PROJECT_ROOT / "docs" / "images"
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
WIDE, NARROW = (1440, 900), (360, 740)
PATIENCE_MS = 60_000
ESTIMATES = "/?statistic=estimate&question=Q036&from=2021&to=2021&exclude=National"

# File name, window size, theme and path of each screenshot.
SHOTS = [
    ("dashboard", WIDE, "light", ESTIMATES),
    ("trend", WIDE, "light", "/?statistic=trend&question=Q036&state=OH"),
    ("map-dark", WIDE, "dark", ESTIMATES),
    ("jobs", WIDE, "light", "/jobs"),
    ("data", WIDE, "light", "/data"),
    ("narrow", NARROW, "light", "/?statistic=disparity&question=Q036&state=OH&stratification=Education"),
]


def main() -> int:
    """Take every screenshot and return the exit code."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("screenshots need Chromium: apt-get install chromium", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    with running_server() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        for name, size, theme, address in SHOTS:
            with _tab(browser, size, theme) as page:
                _open(page, server.address + address, wants_map="map" in name)
                page.evaluate("scrollTo(0, scrollY - 12)")  # leave a margin above the scroll position
                page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")
        browser.close()
    return 0


@contextmanager
def _tab(browser: Browser, size: tuple[int, int], theme: str) -> Iterator[Page]:
    """Yield a page in a new browser context."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if theme == "dark" else "light"
    )
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def _open(page: Page, address: str, *, wants_map: bool) -> None:
    """Open a page and wait until its chart is drawn."""
    page.goto(address)
    chart = page.locator("#chart[aria-busy=false] svg")
    if "statistic=" in address:
        chart.wait_for()
    if wants_map:
        with page.expect_response(lambda response: "kind=map" in response.url):
            page.locator("[data-kind=map][href]").click()
        chart.wait_for()


if __name__ == "__main__":
    sys.exit(main())
