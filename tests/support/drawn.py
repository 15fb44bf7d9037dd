"""What the tests of the pages do on them."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request


def wait_for_chart(page: Page) -> None:
    """Wait until the chart is drawn."""
    page.locator("#chart[aria-busy=false] svg").wait_for()


def rows_of(page: Page) -> list[list[str]]:
    """Return what the cells of the answer's table show, by row."""
    rows: list[list[str]] = page.locator("#answer table.sortable tbody").evaluate(
        "body => [...body.rows].map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return rows


WIDE, NARROW = {"width": 1920, "height": 1080}, {"width": 360, "height": 740}


WIDE, NARROW = {"width": 1920, "height": 1080}, {"width": 360, "height": 740}


@contextmanager
def watched_context(browser: Browser, server: str, **options: object) -> Iterator[BrowserContext]:
    """Give a window of its own; in the end nothing may have been complained of, nor asked of another server."""
    complaints: list[str] = []
    elsewhere: list[str] = []

    def note_request(request: Request) -> None:
        if not request.url.startswith((server, "data:", "blob:")):
            elsewhere.append(request.url)

    def note_message(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(REFUSED):
            complaints.append(message.text)

    context = browser.new_context(**options)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    context.on("request", note_request)
    context.on("console", note_message)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    try:
        yield context
    finally:
        context.close()
    assert elsewhere == []
    assert complaints == []


OLD_JOBS = 10_000


REFUSED = "Failed to load resource: the server responded with a status of 400"  # which the page tells in its own words


PATIENCE_MS = 20_000  # a busy machine draws its first chart slowly
