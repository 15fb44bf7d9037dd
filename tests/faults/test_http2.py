"""HTTP/1 only: nobody gets HTTP/2 without TLS, whose half-sent requests would hold every thread."""

import socket
import struct
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import requests

from support.load import scaled
from support.raw_http import RawConnection
from support.real_server import RealServer, running_server

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CONNECTIONS, STREAMS = 30, 150
TIMEOUT_SECONDS = 20.0
HEADERS, SETTINGS = 1, 4  # types of frames
END_HEADERS = 4
REQUESTS = scaled(20, 100)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return an HTTP/2 frame."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name: bytes, value: bytes) -> bytes:
    """Return a header field in HPACK, without indexing or compression."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def half_a_request(stream: int) -> bytes:
    """Return a POST on a stream, with a body that never comes."""
    fields = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/api/best5"),
        (b":authority", b"127.0.0.1"),
        (b"content-type", b"application/json"),
        (b"content-length", b"60000"),
    ]
    return frame(HEADERS, END_HEADERS, stream, b"".join(literal(name, value) for name, value in fields))


def connected(server: RealServer) -> socket.socket:
    """Return a connection to the server."""
    parts = urlsplit(server.address)
    return socket.create_connection((parts.hostname, parts.port), TIMEOUT_SECONDS)


def test_a_client_that_begins_with_http2_gets_none() -> None:
    with running_server() as server, connected(server) as connection:
        connection.sendall(PREFACE + frame(SETTINGS, 0, 0))
        answer = b""
        with suppress(ConnectionResetError):
            answer = connection.recv(100)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def test_a_client_that_asks_for_an_upgrade_is_answered_in_http1() -> None:
    upgrade = (
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"
    )
    with running_server() as server, RawConnection(server.address) as connection:
        answer = connection.ask(upgrade)
    assert answer is not None
    assert answer.status == 200
    assert "upgrade" not in answer.headers


def test_half_sent_requests_over_http2_do_not_keep_honest_clients_out() -> None:
    with running_server() as server, ExitStack() as stack:
        streams = b"".join(half_a_request(1 + 2 * number) for number in range(STREAMS))
        for _ in range(CONNECTIONS):
            connection = stack.enter_context(connected(server))
            with suppress(ConnectionError):  # the server may have closed it already
                connection.sendall(PREFACE + frame(SETTINGS, 0, 0) + streams)
        served = 0
        for _ in range(REQUESTS):
            response = requests.post(f"{server.address}/api/best5", json={"question": "Q036"}, timeout=TIMEOUT_SECONDS)
            served += response.status_code == 200
        assert served == REQUESTS
        assert server.stop() == 0
