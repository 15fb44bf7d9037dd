"""The waiting room: a small HTTP server that answers on the port while the table loads for the first time.

Without it, a server that loads a large table would look down. The waiting room returns 503 with the progress and a
Retry-After.
"""

import base64
import hashlib
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from math import ceil
from typing import TYPE_CHECKING, Any, Self

import orjson
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Request, Response

from app.data_ingestor import LoadReport
from app.errors import ErrorEnvelope, UnavailableError
from app.table.sources.progress import NOTHING_READ, Progress, Throttle
from app.web.guard import PAGE_HEADERS, page_headers, with_security_headers
from app.web.support import HTML_TYPE, JSON_TYPE, Finished, json_response, prefers_html

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

OPEN_AFTER_SECONDS = 1.0  # a table that loads faster needs no waiting room
SHUTDOWN_POLL_SECONDS = 0.05  # the longest that closing waits for serve_forever to notice
END_SECONDS = 1.0  # for all client threads to end, once their connections are cut
MOST_CLIENTS = 64  # at a time; each has a thread
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 5, 30  # if the time left is unknown; if it is very long
PAGE_TYPE, PAGE_REFRESH_SECONDS = f"{HTML_TYPE}; charset=utf-8", 2
# Asks for the page itself, which works under a path prefix too; a proxy may have no server for a moment.
PAGE_SCRIPT = f"""
const progress = document.getElementById("progress");
async function look() {{
  const response = await fetch(location.href, {{ headers: {{ Accept: "text/html" }} }});
  if (![502, 503, 504].includes(response.status)) location.reload();
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  progress.textContent = page.getElementById("progress")?.textContent ?? progress.textContent;
}}
const fail = () => progress.textContent = "The server does not respond. Check that it is running.";
const wait = () => setTimeout(() => look().catch(fail).finally(wait), {PAGE_REFRESH_SECONDS * 1000});
wait();
"""
PAGE_SCRIPT_HASH = base64.b64encode(hashlib.sha256(PAGE_SCRIPT.encode()).digest()).decode()
PAGE_POLICY = (
    f"default-src 'none'; script-src 'sha256-{PAGE_SCRIPT_HASH}'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
ALIVE, READY = "/healthz", "/readyz"


@dataclass(frozen=True, slots=True)
class NotLoaded(ErrorEnvelope):
    """Why no job is accepted: the table is loading, and this is the progress."""

    load: LoadReport


NotReady = NotLoaded | ErrorEnvelope  # what /readyz returns with 503, here and once the table is loaded


class WaitingRoom:
    """Answer every client with the loading progress. A context manager: leaving it closes the socket.

    The server starts with the first report after ``open_after_seconds``; before, there is neither a socket nor a
    thread. Only the thread that waits for the table calls the methods.

    Parameters
    ----------
    listen: returns a listening socket, which the waiting room closes; called once, when the room opens
    open_after_seconds: counted from now
    """

    def __init__(self, listen: Callable[[], socket.socket], open_after_seconds: float = OPEN_AFTER_SECONDS) -> None:
        self._listen = listen
        self._due = Throttle(open_after_seconds)
        self._started_at = datetime.now(UTC)
        self._lock = threading.Lock()  # guards _progress
        self._progress = NOTHING_READ
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect all clients and close the socket. Blocks for a moment, whatever the clients do."""
        if self._server is not None:
            self._server.end()

    def report(self, progress: Progress) -> None:
        """Store the loading progress, and start the server when it is due."""
        with self._lock:
            self._progress = progress
        if self._server is None and self._due():
            self._server = _Server(self._listen(), with_security_headers(Request.application(self._respond)))

    def _respond(self, request: Request) -> Response:
        """Answer one request. Runs on the client's thread."""
        if request.path == ALIVE and request.method in {"GET", "HEAD"}:
            return json_response(Finished())
        with self._lock:
            progress = self._progress
        reason = f"the table is being read: {progress}; ask again"
        response: Response
        if request.path == READY:
            load = LoadReport("running", self._started_at, progress=progress)
            response = json_response(NotLoaded(reason, load), UnavailableError.status)
        elif prefers_html(request.accept_mimetypes):
            request.environ[PAGE_HEADERS] = page_headers(PAGE_POLICY)
            response = Response(_page(progress), UnavailableError.status, content_type=PAGE_TYPE)
        else:
            response = json_response(ErrorEnvelope(reason), UnavailableError.status)
        response.vary.add("Accept")
        response.headers["Retry-After"] = str(_retry_seconds(progress))
        return response


def _page(progress: Progress) -> str:
    """Return a page that shows the progress and loads itself again once the server is ready, without a script too."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Starting · Health statistics</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<noscript><meta http-equiv="refresh" content="{PAGE_REFRESH_SECONDS}"></noscript></head>'
        "<body><main><h1>The server is starting</h1>"
        f'<p id="progress">It is reading the table: {escape(str(progress))}.</p>'
        "<p>This page opens by itself as soon as the table is read.</p></main>"
        f"<script>{PAGE_SCRIPT}</script></body></html>"
    )


def _retry_seconds(progress: Progress) -> int:
    """Return the seconds until a client should try again."""
    if progress.seconds_left is None:
        return RETRY_SECONDS
    return min(max(1, ceil(progress.seconds_left)), LONGEST_RETRY_SECONDS)


class _Handler(WSGIRequestHandler):
    """Answer malformed HTTP with the error envelope, and log nothing to standard error."""

    error_content_type = JSON_TYPE
    error_message_format = orjson.dumps(ErrorEnvelope("the request is malformed")).decode()

    def log(self, type: str, message: str, *args: Any) -> None:
        """Drop the line."""


class _Server(ThreadedWSGIServer):
    """Serve each client on a thread of its own, and end all threads together, even those of idle clients.

    Parameters
    ----------
    listening: the listening socket; closed here, because the server works on a duplicate
    """

    def __init__(self, listening: socket.socket, application: "WSGIApplication") -> None:
        host, port = listening.getsockname()[:2]
        with listening:
            super().__init__(host, port, application, _Handler, fd=listening.fileno())
        self._clients: dict[threading.Thread, socket.socket] = {}  # used by _thread and, after its end, by end()
        self._thread = threading.Thread(
            target=self.serve_forever, args=(SHUTDOWN_POLL_SECONDS,), name="WaitingRoom", daemon=True
        )
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for the client. Above MOST_CLIENTS, disconnect the one that came first."""
        self._clients = {thread: connection for thread, connection in self._clients.items() if thread.is_alive()}
        if len(self._clients) >= MOST_CLIENTS:
            first = next(iter(self._clients))
            _disconnect(self._clients.pop(first))
            first.join(END_SECONDS)
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), name="WaitingClient", daemon=True
        )
        self._clients[thread] = request
        thread.start()

    def end(self) -> None:
        """Close the socket, disconnect every client, and wait for all threads."""
        # Accepting ends first, so that no client comes in after the disconnecting.
        self.shutdown()
        self._thread.join()
        for connection in self._clients.values():
            _disconnect(connection)
        deadline = time.monotonic() + END_SECONDS
        for thread in self._clients:
            thread.join(max(0.0, deadline - time.monotonic()))


def _disconnect(connection: socket.socket) -> None:
    """Shut a connection down in both directions, which wakes the thread that blocks on it."""
    with suppress(OSError):  # closed already
        connection.shutdown(socket.SHUT_RDWR)
