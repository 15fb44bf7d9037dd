"""Requests of a hostile client: none of them may get anything but a refusal."""

import json
import random
from collections import deque
from typing import NamedTuple

from app.web.support import MAX_BODY_BYTES
from support.raw_http import RawConnection

CONNECTIONS_HELD = 12
VALID = b'{"question":"Q036"}'
OWN_HOST = "127.0.0.1"


class Hostile(NamedTuple):
    """A request that must be refused; ``whole`` is false if the client closes its side after the bytes."""

    name: str
    data: bytes
    whole: bool = True


def post(body: bytes, *headers: str, path: str = "/api/global_mean", host: str = OWN_HOST, length: int = -1) -> bytes:
    """Return a request that posts JSON; it announces the length of the body, or another one."""
    announced = len(body) if length < 0 else length
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", f"Content-Length: {announced}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body


def get(path: str, *headers: str, method: str = "GET", host: str = OWN_HOST) -> bytes:
    """Return a request without a body."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode("latin-1")


def chunked(body: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Return a request with a body in one chunk."""
    head = get("/api/global_mean", "Content-Type: application/json", "Transfer-Encoding: chunked", method="POST")
    return head + b"%x\r\n%b\r\n%b" % (len(body), body, end)


FLOOD = json.dumps([{"statistic": "global_mean", "question": "Q036"}] * 900).encode()
REQUESTS = [
    Hostile("a body over the limit", post(b"x" * (MAX_BODY_BYTES + 1))),
    Hostile("a body over the limit in chunks", chunked(VALID + b" " * MAX_BODY_BYTES + b"x")),
    Hostile("a body of a terabyte, announced", post(VALID, length=10**12)),
    Hostile("a batch larger than the client's share", post(FLOOD, path="/api/batch")),
    Hostile("a body that ends early", post(VALID, length=500), whole=False),
    Hostile("a body in chunks that ends early", chunked(VALID, end=b""), whole=False),
    Hostile("bytes that are not HTTP", bytes(range(256)) * 4),
    Hostile("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200),
    Hostile("half a head", b"POST /api/global_mean HTTP/1.1\r\nHost: 127.0", whole=False),
    Hostile("a head of a megabyte", get("/api/num_jobs", "X-Padding: " + "y" * 1_000_000)),
    Hostile("broken JSON", post(b'{"question": "Q036"')),
    Hostile("deep JSON", post(b"[" * 30_000)),
    Hostile("binary JSON", post(bytes(range(256)))),
    Hostile("a million digits", post(b'{"question":' + b"9" * 60_000 + b"}")),
    Hostile("an unknown question", post(b'{"question":"\' OR 1=1 --"}')),
    Hostile("another type", get("/api/global_mean", "Content-Type: text/xml", method="POST")),
    Hostile("a foreign host", get("/api/jobs", host="rebound.example")),
    Hostile("a foreign host that submits", post(VALID, host="rebound.example")),
    Hostile("a page of another site", post(VALID, "Origin: https://evil.example", "Sec-Fetch-Site: cross-site")),
    Hostile("a shutdown without a token", get("/api/graceful_shutdown")),
    Hostile("a shutdown with a wrong token", get("/api/graceful_shutdown", "Authorization: Bearer guessed-token")),
    Hostile("a removal without a token", get("/api/jobs/job_id_1", method="DELETE")),
    Hostile("a traversal", get("/api/get_results/..%2f..%2f..%2fetc%2fpasswd")),
    Hostile("a traversal among the static files", get("/static/../../app/settings.py")),
    Hostile("a null byte", get("/api/get_results/job_id_1%00")),
    Hostile("a number of a thousand digits", get(f"/api/get_results/job_id_{'9' * 1000}")),
    Hostile("an unknown route", get("/admin/config.php")),
    Hostile("an unknown method", get("/api/jobs", method="PROPFIND")),
    Hostile("a wrong method", get("/api/num_jobs", method="DELETE")),
    Hostile("a page of minus one job", get("/api/jobs?limit=-1")),
    Hostile("a wait that is not a number", get("/api/get_results?ids=job_id_1&wait=nan")),
    Hostile("a huge list of ids", get(f"/api/get_results?ids={','.join(['job_id_1'] * 1001)}")),
]
# Left open: the head or the body never ends.
UNFINISHED = [b"", b"GET /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", post(VALID, length=500)]


class HostileClient:
    """Sends hostile requests from one address, and keeps a few connections open that never finish a request.

    Parameters
    ----------
    address: base address of the server
    chance: chooses the requests
    """

    def __init__(self, address: str, chance: random.Random) -> None:
        self._address = address
        self._chance = chance
        self._connection = RawConnection(address)
        self._held: deque[RawConnection] = deque()

    def attack(self) -> tuple[str, int | None]:
        """Send a hostile request; return its name and the status, None if the server closed the connection."""
        chosen = self._chance.choice(REQUESTS)
        answer = self._connection.ask(chosen.data, whole=chosen.whole)
        return chosen.name, None if answer is None else answer.status

    def hold(self) -> None:
        """Open a connection that never finishes its request; close the oldest of too many."""
        if len(self._held) == CONNECTIONS_HELD:
            self._held.popleft().close()
        self._held.append(RawConnection(self._address))
        self._held[-1].send(self._chance.choice(UNFINISHED))

    def close(self) -> None:
        """Close all connections."""
        for connection in (self._connection, *self._held):
            connection.close()
