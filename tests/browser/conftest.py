"""One real browser and one real server for all browser tests.

The server starts with a long history of jobs. A gate holds its only runner after a job, so that the next job is seen
waiting.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from support.drawn import OLD_JOBS, WIDE, watched_context
from support.real_server import entry_point_with, running_server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
expect.set_options(timeout=60_000)  # milliseconds, as pages wait for other things: other tests run beside them


@pytest.fixture(scope="package")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that holds the runner back from its next job while it exists."""
    return tmp_path_factory.mktemp("gate") / "shut"


@pytest.fixture(scope="package")
def server(browser: Browser, gate: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server with a long history, started only if there is a browser."""
    folder = tmp_path_factory.mktemp("browser")
    results = folder / "results"
    results.mkdir()
    (results / "journal.jsonl").write_bytes(b"".join(_history()))
    prelude = f"import os, time\nimport sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
    prelude += "from app.metrics import Metrics\nended = Metrics.ended\ndef hold():\n"
    prelude += f"    while os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
    prelude += "Metrics.ended = lambda *of_job: (ended(*of_job), hold())"
    settings = {"STATS_RESULTS_DIR": str(results), "TP_NUM_OF_THREADS": "1", "STATS_RETENTION_HOURS": "1000000"}
    with running_server(settings, entry_point=entry_point_with(folder, prelude)) as real:
        yield real.address


def _history() -> Iterator[bytes]:
    """Yield the journal lines of jobs that ended long ago."""
    for number in range(1, OLD_JOBS + 1):
        asked = {"accepted": number, "statistic": "best5", "body": {"question": "Q036"}, "at": 1.7e9 + number}
        ended = {"ended": number, "status": "done", "checksum": None, "reason": None, "at": 1.7e9 + number}
        yield orjson.dumps(asked) + b"\n" + orjson.dumps(ended) + b"\n"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The browser."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser, server: str) -> Iterator[BrowserContext]:
    """A wide window that runs scripts."""
    with watched_context(browser, server, viewport=WIDE, base_url=server) as context:
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab of that window."""
    return context.new_page()
