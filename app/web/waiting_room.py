"""The waiting room: what answers on the server's port while the table is read for the first time.

A reading that takes long would look like a server that is not there. Whoever asks meanwhile is told that it goes on,
how far it has come, and when to ask again.
"""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Any, Self

import orjson
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Request, Response

from app.data_ingestor import LoadReport
from app.errors import UnavailableError, envelope
from app.table.sources.progress import NOTHING_READ, Progress, Throttle
from app.web.guard import with_security_headers
from app.web.support import JSON_TYPE, json_answer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

OPEN_AFTER_SECONDS = 1.0  # a reading that takes less is over before anybody asks twice
LOOK_FOR_END_SECONDS = 0.05  # so much longer may the change-over take
END_SECONDS = 1.0  # for the threads of all clients to end, once their connections are cut
MOST_CLIENTS = 64  # at a time; each has a thread
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 5, 30  # where it is not known how long it takes; where it takes very long
ALIVE, READY = "/healthz", "/readyz"


class WaitingRoom:
    """Tell whoever asks that the table is being read, until the end of the block that this is entered for.

    It opens with the first news after some time: until then there is neither a socket nor a thread of it, and none is
    left when the block has ended. Everything here is called by the one thread that waits for the table.

    Parameters
    ----------
    listen: opens the socket that is to be served
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
        """Cut off who is being answered and free the port. Blocks for a moment, whatever the clients do."""
        if self._server is not None:
            self._server.end()

    def tell(self, progress: Progress) -> None:
        """Take note of how far the reading has come, and open the room when it is time.

        Raises
        ------
        StartError: as ``listen``, most often because another process has taken the port
        """
        with self._lock:
            self._progress = progress
        if self._server is None and self._due():
            self._server = _Server(self._listen(), with_security_headers(Request.application(self._answer)))

    def _answer(self, request: Request) -> Response:
        """Answer a client. Runs on a thread of its own."""
        if request.path == ALIVE and request.method in {"GET", "HEAD"}:
            return json_answer({"status": "done"})
        with self._lock:
            progress = self._progress
        told: dict[str, Any] = {**envelope(f"the table is being read: {progress}; ask again")}
        if request.path == READY:
            told["load"] = asdict(LoadReport("running", self._started_at, progress=progress))
        answer = json_answer(told, UnavailableError.status)
        answer.headers["Retry-After"] = str(_retry_seconds(progress))
        return answer


def _retry_seconds(progress: Progress) -> int:
    """Return after how many seconds it is worth while to ask again."""
    if progress.seconds_left is None:
        return RETRY_SECONDS
    return min(max(1, ceil(progress.seconds_left)), LONGEST_RETRY_SECONDS)


class _Handler(WSGIRequestHandler):
    """Answers without a line for each request on standard error; what is no HTTP in the one envelope too."""

    error_content_type = JSON_TYPE
    error_message_format = orjson.dumps(envelope("the request cannot be understood")).decode()

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadedWSGIServer):
    """Serves on threads that all end with it, whatever their clients do or leave undone.

    Parameters
    ----------
    listening: the socket to be served, which is closed in the end
    """

    def __init__(self, listening: socket.socket, application: "WSGIApplication") -> None:
        host, port = listening.getsockname()[:2]
        with listening:  # what is served is a duplicate
            super().__init__(host, port, application, _Handler, fd=listening.fileno())
        self._clients: dict[threading.Thread, socket.socket] = {}  # used by _thread, and when that has ended
        self._thread = threading.Thread(
            target=self.serve_forever, args=(LOOK_FOR_END_SECONDS,), name="WaitingRoom", daemon=True
        )
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer on a thread of its own. Where very many clients are there, the one that came first is cut off."""
        self._clients = {thread: connection for thread, connection in self._clients.items() if thread.is_alive()}
        if len(self._clients) >= MOST_CLIENTS:
            first = next(iter(self._clients))
            _cut_off(self._clients.pop(first))
            first.join(END_SECONDS)
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), name="WaitingClient", daemon=True
        )
        self._clients[thread] = request
        thread.start()

    def end(self) -> None:
        """Free the port, cut off every client, and wait for the end of all threads."""
        self.shutdown()
        self._thread.join()
        for connection in self._clients.values():
            _cut_off(connection)
        deadline = time.monotonic() + END_SECONDS
        for thread in self._clients:
            thread.join(max(0.0, deadline - time.monotonic()))


def _cut_off(connection: socket.socket) -> None:
    """End a connection in both directions, so that whoever waits for it goes on."""
    with suppress(OSError):  # it has ended already
        connection.shutdown(socket.SHUT_RDWR)
