"""The budget of the pages: bytes of the first view, and no layout shift. Times are printed (`-s`): load adds much."""

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route

from support.drawn import NARROW, WIDE, wait_for_chart, watched_context
from support.halting_page import halting

FIRST_VIEW_BYTES = 300_000
MOST_SHIFT = 0.01
LAPTOP = {"width": 1366, "height": 768}
SIZES = pytest.mark.parametrize("size", [NARROW, LAPTOP, WIDE], ids=["narrow", "laptop", "wide"])
ESTIMATES = "/?statistic=estimate&question=Q036&from=2021&to=2021"
LATER_SECONDS = 0.7  # browsers excuse shifts within half a second after a click
DRAWN = "#chart[data-drawn] svg, .first-picture img"
# Shifts that no click excuses, as Core Web Vitals count them.
SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) {
    shifts.push([entry.value, ...entry.sources.map(({ node }) => node?.className || node?.id || node?.nodeName)]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
SETTLED_MS = 300


def transferred(context: BrowserContext, visit: Callable[[Page], None]) -> dict[str, float]:
    """Return the bytes over the network, as they were compressed, by address of what a visit loads."""
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    addresses: dict[str, str] = {}
    sizes: dict[str, float] = {}

    def note_request(event: dict[str, dict[str, str] | str]) -> None:
        request = event["request"]
        assert isinstance(request, dict)
        addresses[str(event["requestId"])] = request["url"]

    def note_size(event: dict[str, float]) -> None:
        sizes[addresses[str(event["requestId"])]] = event["encodedDataLength"]

    network.on("Network.requestWillBeSent", note_request)
    network.on("Network.loadingFinished", note_size)
    visit(page)
    return sizes


def open_whole(page: Page, address: str) -> None:
    """Open an address and wait until its map or chart is drawn and nothing more is loaded."""
    begun = time.monotonic()
    page.goto(address)
    page.locator(DRAWN).first.wait_for()
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    print(f"{address}: drawn after {time.monotonic() - begun:.2f} s")
    page.wait_for_load_state("networkidle")


def total_shift(page: Page) -> float:
    """Return the sum of the layout shifts of a page so far, and print them."""
    page.wait_for_timeout(SETTLED_MS)
    shifts: list[list[float]] = page.evaluate("shifts")
    print(shifts)
    return sum(value for value, *_ in shifts)


def test_the_first_view_with_its_map_is_small(browser: Browser, server: str) -> None:
    for _ in range(3):  # a new context has an empty cache; the later ones show the time of a server that is warm
        with watched_context(browser, server, viewport=LAPTOP, base_url=server) as context:
            sizes = transferred(context, lambda page: open_whole(page, "/"))
    print(f"first view: {sum(sizes.values()):,.0f} bytes in {len(sizes)} responses")
    assert any("format=svg" in address for address in sizes)
    assert any(address.endswith(".css") for address in sizes)
    assert not [address for address in sizes if "charts.js?" in address]
    assert sum(sizes.values()) < FIRST_VIEW_BYTES, sizes


@SIZES
@pytest.mark.parametrize("address", ["/", ESTIMATES, f"{ESTIMATES}&kind=map", "/?statistic=best5&question=Q036"])
def test_nothing_moves_while_a_page_loads(browser: Browser, server: str, size: dict[str, int], address: str) -> None:
    with watched_context(browser, server, viewport=size, base_url=server) as context:
        page = context.new_page()
        page.add_init_script(SHIFTS)
        open_whole(page, address)
        assert total_shift(page) < MOST_SHIFT


@SIZES
def test_nothing_moves_while_the_first_screen_arrives_in_parts(
    browser: Browser, server: str, size: dict[str, int]
) -> None:
    with (
        halting(server, b'<div class="result">') as address,
        browser.new_context(viewport=size) as context,  # type: ignore[arg-type]
    ):
        page = context.new_page()
        page.add_init_script(SHIFTS)
        open_whole(page, f"{address}/")
        assert total_shift(page) < MOST_SHIFT


@SIZES
@pytest.mark.parametrize("before", ["/", "/?statistic=best5&question=Q036"], ids=["first", "answer"])
def test_nothing_moves_when_the_answer_comes(browser: Browser, server: str, size: dict[str, int], before: str) -> None:
    with watched_context(browser, server, viewport=size, base_url=server) as context:
        page = context.new_page()
        page.add_init_script(SHIFTS)
        open_whole(page, before)
        page.route("**/results/*part=answer*", _later)
        page.get_by_label("Statistic").select_option("rank")
        page.wait_for_timeout(SETTLED_MS)
        page.evaluate("shifts.length = 0")
        page.get_by_role("button", name="Show the answer").click()
        page.locator("article[data-address*=rank]").wait_for()
        wait_for_chart(page)
        assert total_shift(page) < MOST_SHIFT


def _later(route: Route) -> None:
    time.sleep(LATER_SECONDS)
    route.continue_()
