"""Bodies that the client cuts off, or that are too long in chunks: refused, and no job is accepted."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

import pytest
import requests

from app.web.connections import CLOSE_WAIT, server_ends
from app.web.support import MAX_BATCH_BYTES, MAX_BODY_BYTES
from support.raw_http import RawConnection
from support.real_server import HOST, RealServer, running_server

PATH = "/api/global_mean"
BODY = b'{"question":"Q036"}'
HEAD = b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
END = b"0\r\n\r\n"
DEADLINE_SECONDS = 20.0
BUSY_SECONDS = 0.5


class Cut(NamedTuple):
    """A request that is cut off after its body has become valid JSON."""

    name: str
    data: bytes


def announced(length: int, body: bytes, path: str = PATH) -> bytes:
    """Return a request that announces the length of its body."""
    return HEAD % path.encode() + b"Content-Length: %d\r\n\r\n" % length + body


def chunked(*chunks: bytes, path: str = PATH, end: bytes = END) -> bytes:
    """Return a request with a body in chunks."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return HEAD % path.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + body + end


CUT = [
    Cut("a length that is not reached", announced(500, BODY)),
    Cut("one byte short", announced(len(BODY) + 1, BODY)),
    Cut("no last chunk", chunked(BODY, end=b"")),
    Cut("two chunks and no last one", chunked(BODY[:7], BODY[7:], end=b"")),
    Cut("half a last chunk", chunked(BODY, end=b"0\r\n")),
    Cut("half a further chunk", chunked(BODY, end=b"5\r\n  ")),
    Cut("a batch", chunked(b'[{"statistic":"global_mean","question":"Q036"}]', path="/api/batch", end=b"")),
]
as_cut = pytest.mark.parametrize("cut", CUT, ids=[cut.name for cut in CUT])


@pytest.fixture(scope="module")
def server() -> Iterator[RealServer]:
    with running_server() as started:
        yield started


def jobs(server: RealServer) -> int:
    """Return how many jobs the server has accepted."""
    return len(requests.get(f"{server.address}/api/jobs", timeout=20).json()["data"])


def wait_for_line(server: RealServer, text: str, count: int) -> None:
    """Wait until the log has so many lines with a text."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while server.log_file.read_text(encoding="utf-8").count(text) < count:
        assert time.monotonic() < deadline, text
        time.sleep(0.02)


def wait_until_earlier_clients_are_gone(server: RealServer) -> None:
    """Wait until the server has closed the connections that clients have closed: on a busy machine it may be late."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    host, port = ip_address(HOST), int(server.address.rpartition(":")[2])
    while any(end.state == CLOSE_WAIT for end in server_ends(host, port)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@as_cut
def test_a_body_cut_off_by_a_half_closed_connection_is_refused(server: RealServer, cut: Cut) -> None:
    before = jobs(server)
    with RawConnection(server.address) as connection:
        answer = connection.ask(cut.data, whole=False)
    assert answer is not None
    assert answer.status == 400
    assert "ended before the body did" in json.loads(answer.body)["reason"]
    assert jobs(server) == before


@as_cut
def test_a_body_cut_off_is_refused_by_a_server_that_is_too_busy_to_take_it_at_once(
    server: RealServer, cut: Cut
) -> None:
    before, worker = jobs(server), server.worker()
    with RawConnection(server.address) as connection:
        os.kill(worker, signal.SIGSTOP)
        threading.Timer(BUSY_SECONDS, os.kill, (worker, signal.SIGCONT)).start()
        answer = connection.ask(cut.data, whole=False)
    assert answer is not None
    assert answer.status == 400
    assert jobs(server) == before


@as_cut
def test_a_body_cut_off_by_a_client_that_leaves_is_refused(server: RealServer, cut: Cut) -> None:
    before = jobs(server)
    refusals = server.log_file.read_text(encoding="utf-8").count(" 400 ")
    with RawConnection(server.address) as connection:
        connection.send(cut.data)
        time.sleep(0.1)  # the server is reading the body
    wait_for_line(server, " 400 ", refusals + 1)
    assert jobs(server) == before


@as_cut
def test_a_body_cut_off_on_a_connection_that_was_used_before_is_refused(server: RealServer, cut: Cut) -> None:
    wait_until_earlier_clients_are_gone(server)
    with RawConnection(server.address) as connection:
        for data in (announced(len(BODY), BODY), chunked(BODY), chunked(BODY[:5], BODY[5:])):
            answer = connection.ask(data)
            assert answer is not None
            assert answer.status == 200
        before = jobs(server)
        refused = connection.ask(cut.data, whole=False)
        assert refused is not None
        assert refused.status == 400
    assert jobs(server) == before


def test_whole_bodies_in_chunks_are_accepted_while_others_of_the_client_are_cut_off(server: RealServer) -> None:
    accepted = 0
    with RawConnection(server.address) as whole:
        for _ in range(5):
            with RawConnection(server.address) as leaving:
                leaving.ask(chunked(BODY, end=b""), whole=False)
            answer = whole.ask(chunked(BODY))
            accepted += answer is not None and answer.status == 200
    assert accepted == 5


@pytest.mark.parametrize(("path", "limit"), [(PATH, MAX_BODY_BYTES), ("/api/batch", MAX_BATCH_BYTES)])
@pytest.mark.parametrize("beyond", [1, 5, 200_000])
def test_a_body_in_chunks_over_the_limit_is_refused_and_never_cut(
    server: RealServer, path: str, limit: int, beyond: int
) -> None:
    valid = BODY if path == PATH else b'[{"statistic":"global_mean","question":"Q036"}]'
    body = valid + b" " * (limit - len(valid)) + b"x" * beyond
    before = jobs(server)
    with RawConnection(server.address) as connection:
        chunks = [body[at : at + 8192] for at in range(0, len(body), 8192)]
        answer = connection.ask(chunked(*chunks, path=path))
        assert answer is not None
        assert answer.status == 413
        assert str(limit) in json.loads(answer.body)["reason"]
    assert jobs(server) == before


@pytest.mark.parametrize("data", [chunked, lambda body: announced(len(body), body)], ids=["chunked", "announced"])
def test_a_body_of_exactly_the_limit_is_accepted(server: RealServer, data: object) -> None:
    assert callable(data)
    with RawConnection(server.address) as connection:
        answer = connection.ask(data(BODY + b" " * (MAX_BODY_BYTES - len(BODY))))
    assert answer is not None
    assert answer.status == 200
