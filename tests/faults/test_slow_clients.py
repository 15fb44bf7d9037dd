"""Silent or very slow clients block neither the other clients nor a shutdown."""

import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import pytest

from support.load import check_acknowledged, load, scaled
from support.real_server import RealServer, running_server

pytestmark = pytest.mark.alone

CONNECTIONS = scaled(400, 2_000)
MEASURED_SECONDS = scaled(2, 10)
LEAST_RATE = 0.5
SPARE_FILES = 500
HEAD = b"POST /api/global_mean HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
SILENT, SLOW_HEAD, SLOW_BODY = b"", HEAD, HEAD + b"Content-Length: 60000\r\n\r\n{"


@pytest.fixture(autouse=True)
def many_open_files() -> Iterator[None]:
    """Raise this process's limit of open files for all the connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + SPARE_FILES
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this system lets a process open {hard} files, the test needs {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def slow_clients(server: RealServer) -> Iterator[list[socket.socket]]:
    """Hold connections open: a third silent, a third sending the head and a third the body byte by byte."""
    parts = urlsplit(server.address)
    ended = threading.Event()
    with ExitStack() as stack:
        connections = []
        for number in range(CONNECTIONS):
            connection = stack.enter_context(socket.create_connection((parts.hostname, parts.port), 20))
            connection.sendall((SILENT, SLOW_HEAD, SLOW_BODY)[number % 3])
            connections.append(connection)
        thread = threading.Thread(target=drip, args=(connections, ended))
        thread.start()
        try:
            yield connections
        finally:
            ended.set()
            thread.join()


def drip(connections: list[socket.socket], ended: threading.Event) -> None:
    """Send one byte per second on each connection with a started request, until ``ended`` is set."""
    talking = [connection for number, connection in enumerate(connections) if number % 3]
    while not ended.wait(1.0):
        for connection in talking:
            with suppress(OSError):  # the server may have closed it
                connection.sendall(b"x")


def jobs_per_second(server: RealServer) -> float:
    """Return how many jobs per second the honest clients finish; each result is checked."""
    with load(server.address, read_back=True) as seen:
        time.sleep(MEASURED_SECONDS)
    assert seen.wrong == []
    assert seen.broken == 0
    assert set(seen.statuses) == {200}
    assert check_acknowledged(server.address, seen.acknowledged) == []
    return len(seen.acknowledged) / MEASURED_SECONDS


def test_honest_clients_keep_at_least_half_their_rate() -> None:
    with running_server() as server:
        jobs_per_second(server)  # the first seconds are slower
        before = jobs_per_second(server)
        with slow_clients(server):
            meanwhile = jobs_per_second(server)
        after = jobs_per_second(server)
        assert server.stop() == 0
    ratio = 2 * meanwhile / (before + after)
    print(f"\n{CONNECTIONS} slow clients: {meanwhile:.0f} jobs/s, {before:.0f} before, {after:.0f} after: {ratio:.2f}")
    assert ratio >= LEAST_RATE


def test_slow_clients_do_not_delay_a_shutdown() -> None:
    with running_server({"STATS_DRAIN_SECONDS": "5"}) as server, slow_clients(server):
        started = time.monotonic()
        assert server.stop() == 0
        took = time.monotonic() - started
    print(f"\nended in {took:.2f} s with {CONNECTIONS} slow clients connected")
    assert took < 10


def test_a_slow_client_that_finishes_its_request_gets_a_response() -> None:
    with running_server() as server, slow_clients(server) as connections:
        body = connections[2]
        body.sendall(b"x" * 60_000)
        assert body.recv(100).startswith(b"HTTP/1.1 400 ")
