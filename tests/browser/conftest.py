"""A real browser and a real server for the tests of the pages: one of each for all of them.

The server begins with a long history of jobs. Its one runner rests after a job for as long as a gate is shut, so that
the next one can be seen waiting.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from real_server import entry_point_with, running_server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
OLD_JOBS = 10_000
PATIENCE_MS = 20_000  # a busy machine draws its first chart slowly
REFUSED = "Failed to load resource: the server responded with a status of 400"  # which the page tells in its own words
WIDE, NARROW = {"width": 1920, "height": 1080}, {"width": 360, "height": 740}


@pytest.fixture(scope="package")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that keeps the runner from its next job for as long as it is there."""
    return tmp_path_factory.mktemp("gate") / "shut"


@pytest.fixture(scope="package")
def server(browser: Browser, gate: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with a long history, started only where there is a browser."""
    folder = tmp_path_factory.mktemp("browser")
    results = folder / "results"
    results.mkdir()
    (results / "journal.jsonl").write_bytes(b"".join(_history()))
    prelude = f"import os, time\nimport sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
    prelude += "from app.metrics import Metrics\nended = Metrics.ended\ndef rest():\n"
    prelude += f"    while os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
    prelude += "Metrics.ended = lambda *of_job: (ended(*of_job), rest())"
    settings = {"STATS_RESULTS_DIR": str(results), "TP_NUM_OF_THREADS": "1", "STATS_RETENTION_HOURS": "1000000"}
    with running_server(settings, entry_point=entry_point_with(folder, prelude)) as real:
        yield real.address


def _history() -> Iterator[bytes]:
    """Give the journal of jobs that have ended long ago."""
    for number in range(1, OLD_JOBS + 1):
        asked = {"accepted": number, "statistic": "best5", "body": {"question": "Q036"}, "at": 1.7e9 + number}
        ended = {"ended": number, "status": "done", "checksum": None, "reason": None, "at": 1.7e9 + number}
        yield orjson.dumps(asked) + b"\n" + orjson.dumps(ended) + b"\n"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The browser."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


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


@pytest.fixture
def context(browser: Browser, server: str) -> Iterator[BrowserContext]:
    """A wide window in which scripts run."""
    with watched_context(browser, server, viewport=WIDE, base_url=server) as context:
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab of that window."""
    return context.new_page()
