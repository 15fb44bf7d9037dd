"""Take screenshots of the pages in Chromium: the README's, or all pages and charts in all sizes and themes.

Usage from the project's root: ``python -m tools.take_screenshots`` writes docs/images/. With a folder as its argument,
it writes every page and every kind of chart there, to be looked at.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from app.charts.context import Theme
from support.real_server import PROJECT_ROOT, running_server

FOLDER = PROJECT_ROOT / "docs" / "images"
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
WIDE, NARROW = (1440, 900), (360, 740)
SIZES = [(360, 740), (1366, 768), (1920, 1080)]
THEMES: tuple[Theme, ...] = ("light", "dark")
PATIENCE_MS = 60_000
OBESITY = "question=Q036"
LATEST = f"{OBESITY}&from=2021&to=2021"
GROUPS = f"{OBESITY}&from=2022&to=2022"  # the only year of the modelled table with all groups
ESTIMATES = f"/?statistic=estimate&{LATEST}"

# The address of every page and of every kind of chart, by the name of its screenshots.
PAGES = {
    "first": "/",
    "places": "/places",
    "place": "/places/OH",
    "jobs": "/jobs",
    "data": "/data",
    "versions": "/tables",
    "changes": "/tables/current/changes",
    "api": "/docs",
    "unknown": "/nothing",
    "error": "/?statistic=trend&question=Q036&state=Ohoi",
    "dots": ESTIMATES,
    "map": f"{ESTIMATES}&kind=map",
    "tiles": f"{ESTIMATES}&kind=tiles",
    "map-of-years": f"/?statistic=estimate&{OBESITY}&by=location&by=year&kind=map&year=2015",
    "heatmap-of-years": f"/?statistic=estimate&{OBESITY}&by=location&by=year&kind=heatmap",
    "dots-of-groups": f"/?statistic=estimate&{GROUPS}&by=category&by=stratum&locations=OH",
    "heatmap-of-groups": f"/?statistic=estimate&{GROUPS}&by=location&by=stratum&stratification=Income",
    "figure": f"/?statistic=estimate&{LATEST}&by=location&locations=OH",
    "lines": f"/?statistic=estimate&{OBESITY}&by=location&by=year&locations=OH,UT,TX,National,WV,CO&kind=lines",
    "lines-of-groups": f"/?statistic=estimate&{OBESITY}&by=year&by=stratum&stratification=Gender&locations=OH",
    "dots-of-a-category": f"/?statistic=estimate&{GROUPS}&by=stratum&stratification=Education&locations=OH",
    "trend": f"/?statistic=trend&{OBESITY}&state=OH",
    "trends": f"/?statistic=trends&{OBESITY}&locations=OH,UT,TX,National,WV,CO",
    "comparison": f"/?statistic=compare&{LATEST}&between=location&a=OH&b=UT",
    "comparison-of-years": f"/?statistic=compare&{OBESITY}&between=year&a=2011&b=2021&state=OH",
    "comparisons": f"/?statistic=compare_all&{LATEST}&reference=OH",
    "comparisons-map": f"/?statistic=compare_all&{LATEST}&reference=OH&kind=map",
    "ranks": f"/?statistic=rank&{LATEST}",
    "disparity": f"/?statistic=disparity&{GROUPS}&state=OH&stratification=Education",
    "scatter": f"/?statistic=correlate&{LATEST}&other_question=Q047",
    "bars": f"/?statistic=states_mean&{LATEST}",
    "bars-from-mean": f"/?statistic=diff_from_mean&{LATEST}",
    "map-from-mean": f"/?statistic=diff_from_mean&{LATEST}&kind=map",
    "best": f"/?statistic=best5&{LATEST}",
    "mean": f"/?statistic=global_mean&{LATEST}",
    "heatmap-of-means": f"/?statistic=mean_by_category&{GROUPS}",
    "dots-of-means": f"/?statistic=state_mean_by_category&{GROUPS}&state=OH",
}


@dataclass(frozen=True, slots=True)
class Shot:
    """A screenshot: name of the file, size of the window, theme, address; ``whole``: below the window too."""

    name: str
    size: tuple[int, int]
    theme: Theme
    address: str
    whole: bool = False


OF_README = [
    Shot("dashboard", WIDE, "light", ESTIMATES),
    Shot("trend", WIDE, "light", f"/?statistic=trends&{OBESITY}&locations=OH,UT,TX,National,WV,CO"),
    Shot("map-dark", WIDE, "dark", f"{ESTIMATES}&kind=map"),
    Shot("jobs", WIDE, "light", "/jobs"),
    Shot("data", WIDE, "light", "/data"),
    Shot("narrow", NARROW, "light", f"/?statistic=disparity&{OBESITY}&state=OH&stratification=Education"),
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the screenshots and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="where to write every page, size and theme")
    parser.add_argument("--only", nargs="+", choices=PAGES, default=list(PAGES), metavar="NAME", help="pages to write")
    options = parser.parse_args(arguments)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("screenshots need Chromium: apt-get install chromium", file=sys.stderr)
        return 1
    folder = options.folder or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    shots = list(_every_shot(options.only)) if options.folder else OF_README
    with running_server() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        for shot in shots:
            with _tab(browser, shot) as page:
                _open(page, server.address + shot.address)
                page.screenshot(path=folder / f"{shot.name}.png", animations="disabled", full_page=shot.whole)
        browser.close()
    return 0


def _every_shot(names: Sequence[str]) -> Iterator[Shot]:
    """Yield a screenshot of each page in each size and theme."""
    for name, size, theme in product(names, SIZES, THEMES):
        yield Shot(f"{name}-{size[0]}-{theme}", size, theme, PAGES[name], whole=True)


@contextmanager
def _tab(browser: Browser, shot: Shot) -> Iterator[Page]:
    """Yield a page in a new browser context."""
    width, height = shot.size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=shot.theme)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def _open(page: Page, address: str) -> None:
    """Open a page and wait until its answer, if it asks something, is drawn or refused."""
    page.goto(address)
    if "statistic=" in address:
        page.locator("#chart[aria-busy=false] svg, #problem:not([hidden])").first.wait_for()
    page.wait_for_load_state("networkidle")
    page.evaluate("scrollTo(0, scrollY - 12)")  # leave a margin above the scroll position


if __name__ == "__main__":
    sys.exit(main())
