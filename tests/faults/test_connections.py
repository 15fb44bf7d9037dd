"""Connections that stand still: they cost honest clients little, and those that Granian can end are ended."""

import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from support.load import load, scaled
from support.nginx import NGINX, NO_NGINX, running_nginx
from support.raw_http import get_bytes
from support.real_server import PROJECT_ROOT, RealServer, entry_point_with, running_server

CONNECTIONS = scaled(400, 4_000)
NGINX_CONNECTIONS, SOURCES = scaled(600, 10_000), 200
BEHIND_NGINX = {"STATS_TRUSTED_PROXIES": "127.0.0.1", "STATS_ADMIN_TOKEN": "correct-horse-battery"}
MEASURED_SECONDS = scaled(2, 10)
SETTLE_SECONDS = 60.0  # at most, until the worker has nothing to do
IDLE_SHARE = 0.1  # of a core
LEAST_RATE = 0.5
SPARE_FILES = 500
ENDED_AFTER_SECONDS = 2  # the server's limits, for the tests of them
END_SECONDS = 15.0
HALF_BODIES = 100
FEW_FILES = 256  # leaves room for 108 connections
TOO_MANY = 150
RECEIVED_BYTES = 4096
FEW_UNREAD = 20
MOST_BUFFERED_BYTES = 256 * 1024  # of a connection, by the system
UNREAD_REQUESTS = 20  # of 240 kB each; more than the buffers of a connection hold

HEAD = b"POST /api/global_mean HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
SILENT, HALF_HEAD, HALF_BODY = b"", HEAD, HEAD + b"Content-Length: 60000\r\n\r\n{"
IDLE, UNREAD = get_bytes("/healthz"), get_bytes("/api/get_results/job_id_1") * UNREAD_REQUESTS
LARGE = {"question": "Q036", "by": ["location", "category", "stratum"]}  # the job that is not read
STANDING_STILL = {"silent": SILENT, "half a head": HALF_HEAD, "idle": IDLE, "reading nothing": UNREAD}


@contextmanager
def standing_still(address: str, number: int, *sent: bytes, sources: int = 0) -> Iterator[None]:
    """Open connections, send each one of ``sent``, and then do nothing.

    Parameters
    ----------
    sources: how many addresses of the loopback network they come from; 0 leaves it to the system
    """
    parts = urlsplit(address)
    with ExitStack() as stack:
        for place in range(number):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_BYTES)
            connection.settimeout(END_SECONDS)
            if sources:
                connection.bind((f"127.0.1.{place % sources + 1}", 0))
            connection.connect((parts.hostname, parts.port))
            connection.sendall(sent[place % len(sent)])
        yield


def impatient_server(folder: Path, files: int | None = None) -> Path:
    """Write a script that runs the server with short limits, and return its path."""
    prelude = f"import resource, sys\nsys.path.insert(0, {str(PROJECT_ROOT)!r})\nfrom app.web import http_server\n"
    prelude += f"http_server.HEADER_SECONDS = http_server.UNREAD_SECONDS = {ENDED_AFTER_SECONDS}\n"
    if files is not None:
        prelude += f"resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}))\n"
    return entry_point_with(folder, prelude)


def finish_large_job(server: RealServer) -> None:
    """Let the server compute the result that is not read."""
    assert requests.post(f"{server.address}/api/estimate", json=LARGE, timeout=30).json()["job_id"] == "job_id_1"
    answer = requests.get(f"{server.address}/api/get_results/job_id_1?wait=30", timeout=40)
    assert answer.json()["status"] == "done"


def open_sockets(server: RealServer) -> int:
    """Return how many sockets the worker has open."""
    files = Path(f"/proc/{server.worker()}/fd")
    return sum(path.is_socket() for path in list(files.iterdir()))


def buffered_bytes(address: str) -> int:
    """Return how many bytes the system holds that clients of an address have not read."""
    port = int(address.rpartition(":")[2])
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()
    queues = [line.split()[4] for line in lines if line.split()[1].endswith(f":{port:04X}")]
    return sum(int(queue.partition(":")[0], 16) for queue in queues)


def processor_seconds(server: RealServer) -> float:
    """Return the processor time that the worker has taken."""
    fields = Path(f"/proc/{server.worker()}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_until_idle(server: RealServer) -> float:
    """Wait until the worker has nothing to do; return the seconds that took."""
    started = time.monotonic()
    while time.monotonic() < started + SETTLE_SECONDS:
        before = processor_seconds(server)
        time.sleep(1)
        if processor_seconds(server) - before < IDLE_SHARE:
            break
    return time.monotonic() - started


def jobs_per_second(address: str) -> float:
    """Return how many jobs per second the honest clients finish; each result is checked."""
    with load(address, read_back=True) as seen:
        time.sleep(MEASURED_SECONDS)
    assert seen.wrong == []
    assert seen.broken == 0
    return len(seen.acknowledged) / MEASURED_SECONDS


@pytest.fixture
def many_open_files() -> Iterator[None]:
    """Raise this process's limit of open files for all the connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(CONNECTIONS, NGINX_CONNECTIONS) + SPARE_FILES
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this system lets a process open {hard} files, the test needs {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.alone
@pytest.mark.usefixtures("many_open_files")
def test_honest_clients_keep_at_least_half_their_rate() -> None:
    with running_server() as server:
        finish_large_job(server)
        jobs_per_second(server.address)  # the first seconds are slower
        before = jobs_per_second(server.address)
        with standing_still(server.address, CONNECTIONS, SILENT, HALF_HEAD, HALF_BODY, UNREAD):
            settled = wait_until_idle(server)  # the buffers of those that read nothing are full
            meanwhile = jobs_per_second(server.address)
        after = jobs_per_second(server.address)
    share = 2 * meanwhile / (before + after)
    rates = f"{meanwhile:.0f} jobs/s, {before:.0f} before, {after:.0f} after: {share:.2f}"
    print(f"\n{CONNECTIONS} still, settled after {settled:.0f} s: {rates}")
    assert settled < SETTLE_SECONDS
    assert share >= LEAST_RATE


@pytest.mark.alone
@pytest.mark.skipif(NGINX is None, reason=NO_NGINX)
@pytest.mark.usefixtures("many_open_files")
def test_behind_nginx_connections_that_stand_still_do_not_reach_the_server(tmp_path: Path) -> None:
    every = (*STANDING_STILL.values(), HALF_BODY)
    with running_server(BEHIND_NGINX) as server, running_nginx(tmp_path, server.address) as address:
        finish_large_job(server)
        jobs_per_second(address)
        before = jobs_per_second(address)
        with standing_still(address, NGINX_CONNECTIONS, *every, sources=SOURCES):
            wait_until_idle(server)
            reached, buffered = open_sockets(server), buffered_bytes(address)
            meanwhile = jobs_per_second(address)
        after = jobs_per_second(address)
    share = 2 * meanwhile / (before + after)
    rates = f"{meanwhile:.0f} jobs/s, {before:.0f} before, {after:.0f} after: {share:.2f}"
    print(
        f"\n{NGINX_CONNECTIONS} still behind nginx, {reached} reach the server, {buffered >> 10} KiB buffered: {rates}"
    )
    assert share >= LEAST_RATE
    assert reached < NGINX_CONNECTIONS / 2  # connections that nginx keeps open between requests
    assert 0 < buffered < NGINX_CONNECTIONS / len(every) * MOST_BUFFERED_BYTES


def test_the_system_buffers_little_for_clients_that_read_nothing() -> None:
    with running_server() as server:
        finish_large_job(server)
        with standing_still(server.address, FEW_UNREAD, UNREAD):
            wait_until_idle(server)
            held = buffered_bytes(server.address)
    print(f"\n{held / FEW_UNREAD / 1024:.0f} KiB are buffered for each client that reads nothing")
    assert 0 < held <= FEW_UNREAD * MOST_BUFFERED_BYTES


def test_connections_that_stand_still_are_ended(tmp_path: Path) -> None:
    took = {}
    with running_server(entry_point=impatient_server(tmp_path)) as server:
        finish_large_job(server)
        for name, sent in STANDING_STILL.items():
            before = open_sockets(server)
            with standing_still(server.address, 20, sent):
                started = time.monotonic()
                time.sleep(ENDED_AFTER_SECONDS / 4)
                assert open_sockets(server) > before
                while open_sockets(server) > before and time.monotonic() < started + END_SECONDS:
                    time.sleep(0.1)
                took[name] = time.monotonic() - started
                print(f"\n{name}: {open_sockets(server) - before} of 20 open after {took[name]:.1f} s", end="")
    assert max(took.values()) < END_SECONDS


def test_more_idle_connections_than_the_server_takes_do_not_keep_honest_clients_out(tmp_path: Path) -> None:
    with running_server(entry_point=impatient_server(tmp_path, FEW_FILES)) as server:
        with standing_still(server.address, TOO_MANY, SILENT, HALF_HEAD, IDLE):
            started = time.monotonic()
            assert requests.get(f"{server.address}/healthz", timeout=60).status_code == 200
            took = time.monotonic() - started
        print(f"\nserved after {took:.1f} s beside {TOO_MANY} idle connections")
    assert took < END_SECONDS


def test_half_sent_bodies_do_not_delay_other_bodies() -> None:
    with running_server() as server, standing_still(server.address, HALF_BODIES, HALF_BODY):
        started = time.monotonic()
        response = requests.post(f"{server.address}/api/best5", json={"question": "Q036"}, timeout=END_SECONDS)
        took = time.monotonic() - started
    print(f"\na job was accepted after {took:.2f} s beside {HALF_BODIES} half-sent bodies")
    assert response.status_code == 200
