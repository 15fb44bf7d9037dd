"""A web server for the download tests: it serves, stalls, breaks the connection or sends wrong headers on demand."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.served import served

WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class Act:
    """The response to one request; every default is what a correct server does.

    ``sends`` is the number of body bytes sent before the connection closes, or before it ``stalls``; ``silent`` leaves
    out the response headers as well. ``length_off`` is added to the announced length.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    sends: int | None = None
    stalls: bool = False
    silent: bool = False
    length_off: int = 0
    chunked: bool = False
    knows_ranges: bool = True
    heeds_if_range: bool = True
    content_range: str | None = None


class TableServer(ThreadingHTTPServer):
    """Serves ``content`` with the validators in ``marks``; plays the acts in order, then serves correctly."""

    daemon_threads = False  # closing it waits for them

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = b""
        self.marks: dict[str, str] = {"ETag": '"first"'}
        self.acts: list[Act] = []
        self.requests: list[Message] = []
        self.stalled = threading.Event()
        self.released = threading.Event()

    @property
    def url(self) -> str:
        """The address of the table."""
        return f"http://127.0.0.1:{self.server_port}/rows.csv?accessType=DOWNLOAD"

    def ranges(self) -> list[str | None]:
        """Return the Range header of each request."""
        return [headers["Range"] for headers in self.requests]

    def next_act(self, headers: Message) -> Act:
        """Record the request and return the act for it."""
        self.requests.append(headers)
        return self.acts.pop(0) if self.acts else Act()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: TableServer

    def do_GET(self) -> None:
        with suppress(ConnectionError):  # the client may have disconnected
            self._play(self.server.next_act(self.headers))

    def log_message(self, *_: object) -> None:
        pass

    def _play(self, act: Act) -> None:
        if not act.silent:
            self._send(act)
        if act.stalls:
            self.server.stalled.set()
            self.server.released.wait(WAIT_SECONDS)
        self.close_connection = True

    def _send(self, act: Act) -> None:
        status, headers, body = self._answer(act)
        self.send_response(status)
        for name, value in {**self.server.marks, **headers, **dict(act.headers)}.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")  # because it closes: otherwise the client's next request fails
        self.end_headers()
        sent = body if act.sends is None else body[: act.sends]
        self.wfile.write(b"%x\r\n%b\r\n" % (len(sent), sent) if act.chunked and sent else sent)
        if act.chunked and act.sends is None:
            self.wfile.write(b"0\r\n\r\n")

    def _answer(self, act: Act) -> tuple[int, dict[str, str], bytes]:
        if act.status != 200 or act.body is not None:
            body = act.body or b""
            return act.status, {"Content-Length": str(len(body))}, body
        start = self._start(act)
        total = len(self.server.content) + act.length_off
        if start and start >= total:
            return 416, {"Content-Range": f"bytes */{total}", "Content-Length": "0"}, b""
        length = {"Transfer-Encoding": "chunked"} if act.chunked else {"Content-Length": str(total - (start or 0))}
        if start is None:
            return 200, length, self.server.content[:total]
        content_range = act.content_range or f"bytes {start}-{total - 1}/{total}"
        return 206, {**length, "Content-Range": content_range}, self.server.content[start:total]

    def _start(self, act: Act) -> int | None:
        """Return the first byte requested, None if the response is the whole file."""
        requested = self.headers["Range"]
        same = self.headers["If-Range"] in self.server.marks.values()
        if requested is None or not act.knows_ranges or (act.heeds_if_range and not same):
            return None
        return int(requested.removeprefix("bytes=").removesuffix("-"))


@contextmanager
def table_server() -> Iterator[TableServer]:
    """Run the server on a free port; close it afterwards."""
    server = TableServer()
    with served(server):
        try:
            yield server
        finally:
            server.released.set()
