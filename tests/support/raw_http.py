"""Raw HTTP, so that a test can send requests that a well-behaved client would not."""

import http.client
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class Answer:
    """A response: status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes


def post_bytes(path: str, body: bytes) -> bytes:
    """Return the bytes of a request that posts JSON."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def get_bytes(path: str) -> bytes:
    """Return the bytes of a request that gets a path."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


class RawConnection:
    """A connection that sends raw bytes, and reconnects if the server has closed it.

    Parameters
    ----------
    address: base address of the server, such as ``http://127.0.0.1:5000``
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._place = (parts.hostname or "", parts.port or 80)
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask(self, request: bytes, *, method: str = "GET", whole: bool = True) -> Answer | None:
        """Send bytes and return the first response, None if the server closes without one.

        Parameters
        ----------
        method: the request's method; a response to HEAD has no body
        whole: whether the bytes are a complete request; otherwise the connection is closed after them
        """
        reused = self._socket is not None
        try:
            answer = self._exchange(request, method, whole)
        except OSError:
            answer = None
        if answer is None and reused:  # the server had closed the idle connection before this request
            self.close()
            return self.ask(request, method=method, whole=whole)
        if answer is None or not whole:
            self.close()
        return answer

    def send(self, request: bytes) -> None:
        """Send bytes without waiting for a response.

        Raises
        ------
        OSError: the server cannot be reached
        """
        self._open().sendall(request)

    def _open(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(self._place, TIMEOUT_SECONDS)
        return self._socket

    def _exchange(self, request: bytes, method: str, whole: bool) -> Answer | None:
        opened = self._open()
        opened.sendall(request)
        if not whole:
            opened.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(opened, method=method)
        try:
            response.begin()
            body = response.read()
        except (http.client.HTTPException, ConnectionResetError):
            self.close()
            return None
        if response.will_close:
            self.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, body)
