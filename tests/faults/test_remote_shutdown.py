"""Shutting down from a non-loopback address requires the operator's token."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest
import requests

from support.real_server import HOST, RealServer, running_server, slow_entry_point

TOKEN = "correct-horse-battery"
ELSEWHERE = ("192.0.2.1", 9)  # an address reserved for documentation; nothing is sent to it
OTHER_USER = 65534
STOPPED_SECONDS = 1.5  # longer than the server looks back
ASKING = """
import socket, struct, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
peer.sendall(b"POST /api/graceful_shutdown HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nConnection: close\\r\\n\\r\\n")
"""
SHUTTING_DOWN = ASKING + "print(peer.recv(1000).decode())"
LEAVING = ASKING + "peer.close()"
RESETTING = ASKING + "peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); peer.close()"


@pytest.fixture
def own_address() -> str:
    """A non-loopback address of this machine; connections to it also come from it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
        except OSError:
            pytest.skip("this machine has only the loopback address")
        address = str(probe.getsockname()[0])
    if address.startswith("127."):
        pytest.skip("this machine has only the loopback address")
    return address


def shut_down(server: RealServer, host: str, authorization: str | None = None, path: str = "") -> requests.Response:
    """Call a protected route from an address."""
    headers = {"Authorization": authorization} if authorization else {}
    url = server.address.replace(HOST, host) + (path or "/api/graceful_shutdown")
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, headers=headers, timeout=20)


def takes_jobs(server: RealServer) -> bool:
    """Return whether the server accepts jobs."""
    return requests.get(f"{server.address}/readyz", timeout=20).status_code == 200


def test_only_the_right_token_shuts_down_the_server(own_address: str) -> None:
    with running_server({"STATS_HOST": "0.0.0.0", "STATS_ADMIN_TOKEN": TOKEN}) as server:  # noqa: S104
        for host in (own_address, HOST):
            assert shut_down(server, host).status_code == 401
            assert shut_down(server, host, "Bearer wrong").status_code == 403
            assert takes_jobs(server)
        assert shut_down(server, own_address, f"Bearer {TOKEN}").json() == {"status": "done"}
        assert not takes_jobs(server)
        assert server.stop() == 0


@pytest.mark.parametrize("path", ["/api/graceful_shutdown", "/api/dataset/reload"])
def test_without_a_token_nobody_is_an_operator_of_a_server_that_others_reach(own_address: str, path: str) -> None:
    with running_server({"STATS_HOST": "0.0.0.0"}) as server:  # noqa: S104
        for host in (own_address, HOST):
            refused = shut_down(server, host, f"Bearer {TOKEN}", path)
            assert refused.status_code == 403
            assert "STATS_ADMIN_TOKEN" in refused.json()["reason"]
        assert takes_jobs(server)


@pytest.fixture
def stranger() -> int:
    """The id of another user of this machine."""
    if os.geteuid() != 0:
        pytest.skip("only the superuser can act as another user")
    return OTHER_USER


def run_as(user: int, program: str, server: RealServer) -> str:
    """Run a Python program with the server's port as another user, and return what it prints."""
    port = server.address.rpartition(":")[2]
    command = ["/usr/bin/env", "python3", "-c", program, port]
    return subprocess.run(command, user=user, cwd="/", capture_output=True, check=True, text=True, timeout=60).stdout


def test_without_a_token_another_user_of_the_machine_is_not_an_operator(stranger: int) -> None:
    with running_server() as server:
        assert run_as(stranger, SHUTTING_DOWN, server).startswith("HTTP/1.1 403 ")
        assert takes_jobs(server)
        assert run_as(os.geteuid(), SHUTTING_DOWN, server).startswith("HTTP/1.1 200 ")
        assert not takes_jobs(server)


def test_a_request_whose_client_has_left_does_not_shut_down(stranger: int) -> None:
    with running_server() as server, requests.Session() as session:
        for program in (LEAVING, RESETTING):
            for _ in range(4):
                run_as(stranger, program, server)
                time.sleep(0.1)
                # The server still looks for the client; a request that comes now is not the one it looks for.
                assert session.get(f"{server.address}/readyz", timeout=20).status_code == 200
                time.sleep(0.5)
        time.sleep(0.5)
        assert takes_jobs(server)


@contextmanager
def stopped(worker: int, seconds: float = STOPPED_SECONDS) -> Iterator[None]:
    """Stop a worker for a while, as a busy machine does; requests sent meanwhile wait in the system's buffers."""
    os.kill(worker, SIGSTOP)
    try:
        yield
        time.sleep(seconds)
    finally:
        os.kill(worker, SIGCONT)


@pytest.mark.parametrize("program", [LEAVING, RESETTING], ids=["closes", "resets"])
def test_a_request_whose_client_has_left_is_not_taken_for_another_that_waited_too(stranger: int, program: str) -> None:
    with running_server() as server, ThreadPoolExecutor(1) as sender:
        for _ in range(4):
            with stopped(server.worker(), seconds=0.2):
                run_as(stranger, program, server)
                other = sender.submit(takes_jobs, server)
            assert other.result()
            time.sleep(0.3)
            assert takes_jobs(server)


def test_a_request_that_waited_long_for_the_server_is_still_its_users() -> None:
    with running_server() as server, ThreadPoolExecutor(1) as sender:
        with stopped(server.worker()):
            response = sender.submit(shut_down, server, HOST)
        assert response.result().status_code == 200


def test_a_request_of_another_user_that_waited_long_does_not_shut_down(stranger: int, tmp_path: Path) -> None:
    entry_point = slow_entry_point(tmp_path, seconds=60)
    with running_server({"TP_NUM_OF_THREADS": "1"}, entry_point=entry_point) as server, ThreadPoolExecutor(2) as sender:
        for _ in range(2):  # the first keeps the runner busy
            job = requests.post(f"{server.address}/api/best5", json={"question": "Q036"}, timeout=20).json()["job_id"]
        poll = sender.submit(requests.get, f"{server.address}/api/get_results/{job}?wait=10", timeout=20)
        time.sleep(STOPPED_SECONDS)
        with stopped(server.worker()):
            answer = sender.submit(run_as, stranger, SHUTTING_DOWN, server)
        assert answer.result().startswith("HTTP/1.1 403 ")
        with stopped(server.worker()):
            run_as(stranger, RESETTING, server)
        time.sleep(STOPPED_SECONDS)
        assert takes_jobs(server)
        assert poll.result().json() == {"status": "running"}  # so it waited all the time


def test_by_default_the_server_listens_on_the_loopback_address_only(own_address: str) -> None:
    with running_server() as server:
        with pytest.raises(requests.ConnectionError):
            shut_down(server, own_address)
        assert takes_jobs(server)


def test_head_does_not_shut_down_and_get_does() -> None:
    with running_server() as server:
        url = f"{server.address}/api/graceful_shutdown"
        refused = requests.head(url, timeout=20)
        assert (refused.status_code, sorted(refused.headers["Allow"].split(", "))) == (405, ["GET", "POST"])
        assert takes_jobs(server)
        assert requests.get(url, timeout=20).json() == {"status": "done"}
        assert not takes_jobs(server)
        assert server.stop() == 0
