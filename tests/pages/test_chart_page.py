"""The chart script in a real browser, under a strict Content-Security-Policy, draws the same marks as the pictures."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.charts import chart_of
from app.charts.converter import Converter
from support.chart_documents import ABOUT, RESULTS
from support.served import served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
BROWSER_SECONDS = 120
STRICT = "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'"
PAGE = b"""<!doctype html><meta charset="utf-8"><title>Charts</title>
<script src="/vega.js" defer></script><script src="/page.js" defer></script>"""
PAGE_SCRIPT = """
const draw = async ([name, spec]) => {
  const place = document.createElement("div");
  document.body.append(place);
  await drawChart(place, spec);
  place.id = name;
};
Promise.all(Object.entries(SPECS).map(draw)).then(() => { document.title = "drawn"; });
"""
MARK = re.compile(r'aria-roledescription="(bar|point|text mark|line mark|area mark|rect mark|rule mark|rect|rule)"')

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")


class Pages(BaseHTTPRequestHandler):
    """Serves a few files from memory under the strict policy."""

    files: Mapping[str, tuple[str, bytes]] = {}

    def do_GET(self) -> None:
        kind, content = self.files.get(self.path, ("text/plain", b""))
        self.send_response(200 if content else 204)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Security-Policy", STRICT)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def specs() -> dict[str, object]:
    """A chart of every kind."""
    return {
        f"{name}-{kind}".replace(" ", "-"): chart_of(statistic, document, ABOUT, kind=kind)
        for name, (statistic, document, kinds) in RESULTS.items()
        for kind in kinds
    }


@pytest.fixture(scope="module")
def converter() -> Iterator[Converter]:
    converter = Converter()
    yield converter
    converter.close()


@pytest.fixture(scope="module")
def address(specs: dict[str, object], converter: Converter) -> Iterator[str]:
    """Address of a page that draws every chart."""
    own = f"const SPECS = {json.dumps(specs)};{PAGE_SCRIPT}".encode()
    Pages.files = {
        "/": ("text/html", PAGE),
        "/vega.js": ("text/javascript", converter.page_script()),
        "/page.js": ("text/javascript", own),
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    with served(server):
        yield f"http://127.0.0.1:{server.server_port}/"


def test_every_chart_is_drawn_as_in_its_picture_under_a_strict_policy(
    address: str, specs: dict[str, dict[str, object]], converter: Converter, tmp_path: Path
) -> None:
    switches = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--virtual-time-budget=20000"]
    command = [str(CHROMIUM), *switches, f"--user-data-dir={tmp_path}", "--dump-dom", address]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=BROWSER_SECONDS)
    console = [line for line in ran.stderr.splitlines() if "CONSOLE" in line]
    assert [line for line in console if "faceted independent scales" not in line] == []
    assert "<title>drawn</title>" in ran.stdout
    for name, spec in specs.items():
        in_page = ran.stdout.partition(f'id="{name}"')[2].partition("</svg>")[0]
        in_picture = converter.picture(spec, "svg").decode()
        assert MARK.findall(in_page) == MARK.findall(in_picture), name
        assert MARK.findall(in_page), name
