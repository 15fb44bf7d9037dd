"""A small HTTP server with scripted responses, broken ones too, that records its requests."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.served import served

MISSING_BYTES = 100


@dataclass(frozen=True)
class Response:
    """A response: ``content`` is sent as JSON, or unchanged if it is bytes.

    ``cut_off`` closes the connection before the end of the body, ``dropped`` before the first byte.
    """

    content: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut_off: bool = False
    dropped: bool = False

    def body(self) -> bytes:
        """Return the bytes of the body."""
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


@dataclass(frozen=True)
class Request:
    """A received request: ``route`` is its method and path, such as ``GET /api/jobs``."""

    route: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


NOT_FOUND = Response({"status": "error", "reason": "there is no such route"}, 404)


class StubServer:
    """Sends the scripted responses of each route in order, and repeats the last one."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.requests: list[Request] = []
        self._responses: dict[str, list[Response]] = {}

    def on(self, route: str, *responses: Any) -> None:
        """Set the responses of a route; anything but a ``Response`` is the JSON of one."""
        self._responses[route] = [one if isinstance(one, Response) else Response(one) for one in responses]

    def routes(self) -> list[str]:
        """Return the routes of the received requests, in order."""
        return [request.route for request in self.requests]

    def bodies(self, route: str) -> list[Any]:
        """Return the bodies that a route has received."""
        return [request.body for request in self.requests if request.route == route]

    def respond(self, request: Request) -> Response:
        """Record a request and return its response."""
        self.requests.append(request)
        responses = self._responses.get(request.route, [NOT_FOUND])
        return responses.pop(0) if len(responses) > 1 else responses[0]


@contextmanager
def stub_server() -> Iterator[StubServer]:
    """Run a stub on a free port while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub = StubServer(f"http://127.0.0.1:{server.server_port}")
    server.stub = stub  # type: ignore[attr-defined]
    with served(server):
        yield stub


class Handler(BaseHTTPRequestHandler):
    """Handles one request."""

    def handle_request(self) -> None:
        """Send the scripted response."""
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        stub: StubServer = self.server.stub  # type: ignore[attr-defined]
        response = stub.respond(Request(f"{self.command} {parts.path}", query, dict(self.headers), body))
        if response.dropped:
            return
        content = response.body()
        self.send_response(response.status)
        headers = {"Content-Type": "application/json", **response.headers}
        headers["Content-Length"] = str(len(content) + (MISSING_BYTES if response.cut_off else 0))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = handle_request  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log."""
