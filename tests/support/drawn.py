"""Helpers of the browser tests: contexts that fail on console errors, the chart and the table of a result."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

WIDE, NARROW = {"width": 1920, "height": 1080}, {"width": 360, "height": 740}
OLD_JOBS = 10_000
TIMEOUT_MS = 60_000  # the first chart is slow on a busy machine
BAD_REQUEST = "Failed to load resource: the server responded with a status of 400"  # the page shows the reason itself


def wait_for_chart(page: Page) -> None:
    """Wait until the chart is drawn."""
    page.locator("#chart[aria-busy=false] svg").wait_for()


def rows_of(page: Page) -> list[list[str]]:
    """Return the texts of the result's table, by row."""
    rows: list[list[str]] = page.locator("#answer table.sortable tbody").evaluate(
        "body => [...body.rows].map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return rows


@contextmanager
def watched_context(browser: Browser, server: str, **options: object) -> Iterator[BrowserContext]:
    """Yield a browser context, and fail if it logged an error or sent a request to another server."""
    complaints: list[str] = []
    elsewhere: list[str] = []

    def note_request(request: Request) -> None:
        if not request.url.startswith((server, "data:", "blob:")):
            elsewhere.append(request.url)

    def note_message(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(BAD_REQUEST):
            complaints.append(message.text)

    context = browser.new_context(**options)  # type: ignore[arg-type]
    context.set_default_timeout(TIMEOUT_MS)
    context.on("request", note_request)
    context.on("console", note_message)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    try:
        yield context
    finally:
        context.close()
    assert elsewhere == []
    assert complaints == []
