"""A small HTTP server that answers what a test tells it to, broken answers too, and keeps what it was asked."""

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
class Answer:
    """What is answered: ``content`` as JSON, or as it is where it is bytes.

    ``cut_off`` breaks the connection before the whole of it is sent, ``unanswered`` before anything is.
    """

    content: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut_off: bool = False
    unanswered: bool = False

    def body(self) -> bytes:
        """Return the bytes that are sent."""
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


@dataclass(frozen=True)
class Asked:
    """What was asked: ``route`` is the method and the path, such as ``GET /api/jobs``."""

    route: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


NO_ROUTE = Answer({"status": "error", "reason": "there is no such route"}, 404)


class StubServer:
    """Answers each route with what is set for it, one after the other, and with the last of them from then on."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: list[Asked] = []
        self._answers: dict[str, list[Answer]] = {}

    def on(self, route: str, *answers: Any) -> None:
        """Set the answers of a route; what is no ``Answer`` is the JSON of one."""
        self._answers[route] = [given if isinstance(given, Answer) else Answer(given) for given in answers]

    def routes(self) -> list[str]:
        """Return the routes that were asked, in order."""
        return [asked.route for asked in self.asked]

    def bodies(self, route: str) -> list[Any]:
        """Return the bodies that were sent to a route."""
        return [asked.body for asked in self.asked if asked.route == route]

    def next_answer(self, asked: Asked) -> Answer:
        """Note what is asked and return what is answered."""
        self.asked.append(asked)
        answers = self._answers.get(asked.route, [NO_ROUTE])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def stub_server() -> Iterator[StubServer]:
    """Start a stub on a free port, and end it on the way out."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub = StubServer(f"http://127.0.0.1:{server.server_port}")
    server.stub = stub  # type: ignore[attr-defined]
    with served(server):
        yield stub


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    def answer(self) -> None:
        """Ask the stub and send what it says."""
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        stub: StubServer = self.server.stub  # type: ignore[attr-defined]
        answer = stub.next_answer(Asked(f"{self.command} {parts.path}", query, dict(self.headers), body))
        if answer.unanswered:
            return
        content = answer.body()
        self.send_response(answer.status)
        headers = {"Content-Type": "application/json", **answer.headers}
        headers["Content-Length"] = str(len(content) + (MISSING_BYTES if answer.cut_off else 0))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
