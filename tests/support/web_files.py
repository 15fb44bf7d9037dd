"""A file server for the tests of table addresses: with or without ranges and lengths, or broken on demand."""

import gzip
import io
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pytest

from app.table.survey_table import SurveyTable
from support.served import served
from support.survey_files import CDC_COLUMNS, csv_text, many_rows

WAIT_SECONDS = 30.0
RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class WebFiles(ThreadingHTTPServer):
    """Serves ``files`` by path, correctly unless configured otherwise.

    Parameters
    ----------
    ranges: whether it supports range requests
    lengths: how it delimits a body: by ``length``, ``chunked``, or ``close`` of the connection
    refused: error status by method; unknown paths get 404
    sends: number of body bytes before the connection breaks
    stalls: whether it then stalls instead of closing the connection
    before: called before each response with the method and the Range header
    """

    daemon_threads = False  # closing it waits for them

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.ranges, self.lengths, self.stalls = True, "length", False
        self.refused: dict[str, int] = {}
        self.sends: int | None = None
        self.before: Callable[[str, str | None], None] = lambda method, part: None
        self.requests: list[tuple[str, str, str | None]] = []
        self.released = threading.Event()

    def address(self, path: str) -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.server_port}{path}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WebFiles

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        with suppress(ConnectionError):  # the client may have disconnected
            self._send(self._answer())

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> bytes:
        """Send the response's head and return its body."""
        part = self.headers["Range"]
        self.server.before(self.command, part)
        self.server.requests.append((self.command, self.path, part))
        content = self.server.files.get(urlsplit(self.path).path)
        status = self.server.refused.get(self.command, 200 if content is not None else 404)
        if content is None or status != 200:
            return self._head(status, {}, b"")
        marks = {"ETag": f'"{sha256(content).hexdigest()[:8]}"'}
        found = RANGE.fullmatch(part or "") if self.server.ranges else None
        if found is None:
            return self._head(200, marks, content)
        start, stop = int(found[1]), min(int(found[2]) + 1, len(content))
        content_range = f"bytes {start}-{stop - 1}/{len(content)}"
        return self._head(206, {**marks, "Content-Range": content_range}, content[start:stop])

    def _head(self, status: int, headers: dict[str, str], body: bytes) -> bytes:
        self.send_response(status)
        lengths = {
            "length": {"Content-Length": str(len(body))},
            "chunked": {"Transfer-Encoding": "chunked"},
            "close": {},
        }
        for name, value in {**headers, **lengths[self.server.lengths], "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        return body

    def _send(self, body: bytes) -> None:
        sent = body[: self.server.sends]
        chunked = self.server.lengths == "chunked"
        self.wfile.write(b"%x\r\n%b\r\n" % (len(sent), sent) if chunked and sent else sent)
        if len(sent) < len(body) and self.server.stalls:
            self.wfile.flush()
            self.server.released.wait(WAIT_SECONDS)
        elif chunked and len(sent) == len(body):
            self.wfile.write(b"0\r\n\r\n")


@contextmanager
def web_files() -> Iterator[WebFiles]:
    """Run a file server on a free port while the block runs."""
    server = WebFiles()
    with served(server):
        try:
            yield server
        finally:
            server.released.set()


CSV = csv_text(many_rows(), CDC_COLUMNS).encode()


OTHER_CSV = csv_text(many_rows(500), CDC_COLUMNS).encode()


def as_parquet(content: bytes) -> bytes:
    written = io.BytesIO()
    pd.read_csv(io.BytesIO(content)).to_parquet(written, row_group_size=70)
    return written.getvalue()


WRITTEN = {"/t.csv": CSV, "/t.csv.gz": gzip.compress(CSV), "/t.parquet": as_parquet(CSV)}


def means_of(table: SurveyTable) -> list[Any]:
    return [(data.question, pytest.approx(data.means.global_mean, rel=1e-12)) for data in table.questions]
