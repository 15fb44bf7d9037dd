"""The first load over HTTP: what the server answers meanwhile, and how it ends."""

import errno
import os
import select
import signal
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from signal import Signals
from typing import Any

import pytest
import requests

from support.held_source import FIRST, ROWS, WAIT_SECONDS, gated_entry_point, named_pipe, opened, table_of_two_files
from support.real_server import (
    ALIVE_PATH,
    BUNDLED_TABLE,
    HOST,
    RealServer,
    running_server,
    wait_until_ready,
)
from support.small_survey import OBESITY


def ask(server: RealServer, path: str, method: str = "GET", **more: Any) -> requests.Response:
    """Send a request."""
    return requests.request(method, f"{server.address}{path}", timeout=WAIT_SECONDS, **more)


def cannot_be_taken(server: RealServer) -> bool:
    """Return whether nobody else can listen on the server's port, not even by sharing it."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            other.bind((HOST, int(server.address.rpartition(":")[2])))
            other.listen()
        except OSError as error:
            return error.errno == errno.EADDRINUSE
        return False


def connect_again_and_again(server: RealServer, refused: list[OSError], ended: threading.Event) -> None:
    """Open connections until ``ended`` is set, and record those that are refused."""
    while not ended.wait(0.002):
        try:
            socket.create_connection((HOST, int(server.address.rpartition(":")[2])), WAIT_SECONDS).close()
        except OSError as error:
            refused.append(error)


def test_the_server_is_alive_but_not_ready_during_the_first_load(tmp_path: Path) -> None:
    pipe = named_pipe(tmp_path / "table.csv")
    with ExitStack() as stack:
        server = stack.enter_context(running_server({"STATS_DATA": str(pipe)}, path=ALIVE_PATH))
        assert ask(server, "/healthz").json() == {"status": "done"}
        for method, path in (("GET", "/readyz"), ("GET", "/api/questions"), ("POST", "/api/best5"), ("GET", "/")):
            answer = ask(server, path, method, json={"question": "Q036"})
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert answer.json()["reason"] == "the table is being read: 0 rows read; ask again"
        port = int(server.address.rpartition(":")[2])
        for _ in range(10):  # idle clients that stay connected
            stack.enter_context(socket.create_connection((HOST, port), WAIT_SECONDS))
        assert ask(server, "/healthz").ok
        with opened(pipe) as writing:
            writing.write(BUNDLED_TABLE.read_bytes())
        wait_until_ready(server)
        assert ask(server, "/readyz").json() == {"status": "done"}
        location = ask(server, "/api/best5", "POST", json={"question": OBESITY}).headers["Location"]
        assert next(iter(ask(server, f"{location}?wait=10").json()["data"])) == "Colorado"
        assert server.stop() == 0
        lines = server.output().splitlines()
    assert lines[0] == f"Reading the table; {server.address}/readyz reports progress"
    assert [line for line in lines if "HTTP/" in line] == []


def test_readyz_has_the_progress_of_the_first_load(tmp_path: Path) -> None:
    table, gate = table_of_two_files(tmp_path), named_pipe(tmp_path / "gate")
    entry_point = gated_entry_point(tmp_path, gate)
    with running_server({"STATS_DATA": str(table)}, entry_point=entry_point, path=ALIVE_PATH) as server:
        with opened(gate):
            deadline = time.monotonic() + WAIT_SECONDS
            while not (told := ask(server, "/readyz").json())["load"]["progress"]["rows_read"]:
                assert time.monotonic() < deadline  # progress arrives by another pipe, perhaps after the gate
            size = (table / FIRST).stat().st_size
            seconds_left = told["load"]["progress"].pop("seconds_left")
            assert told["load"]["progress"] == {"rows_read": ROWS, "bytes_read": size, "share": 0.5}
            expected = f"the table is being read: {ROWS} rows read, 50% done, {seconds_left:.0f} s left; ask again"
            assert told["reason"] == expected
        wait_until_ready(server)
        assert ask(server, "/api/dataset").json()["data"]["rows_read"] == 2 * ROWS


def test_a_source_that_is_not_a_table_ends_a_slow_start_too(tmp_path: Path) -> None:
    pipe = named_pipe(tmp_path / "table.csv")
    with running_server({"STATS_DATA": str(pipe)}, path=ALIVE_PATH) as server:
        with opened(pipe) as writing:
            writing.write(b"a,b\n1,2\n")
        assert server.process.wait(WAIT_SECONDS) == 2
        last = server.output().splitlines()[-1]
    assert last.startswith(f"cannot start: {pipe}: missing needed columns")


@pytest.mark.parametrize(
    ("stop", "code"), [(signal.SIGINT, 128 + signal.SIGINT), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -1)]
)
def test_a_signal_during_the_first_load_ends_both_processes_at_once(tmp_path: Path, stop: Signals, code: int) -> None:
    pipe = named_pipe(tmp_path / "table.csv")
    with running_server({"STATS_DATA": str(pipe)}, path=ALIVE_PATH) as server:
        reader = os.pidfd_open(server.worker())
        try:
            assert server.stop(stop, WAIT_SECONDS) == code
            assert select.select([reader], [], [], WAIT_SECONDS)[0], "the reading process still runs"
        finally:
            os.close(reader)
        assert "Traceback" not in server.output()


def test_the_port_is_the_servers_own_from_the_start_on(tmp_path: Path) -> None:
    """Nobody can take it before, while or after the waiting room serves, and no client is refused meanwhile."""
    pipe = named_pipe(tmp_path / "table.csv")
    with running_server({"STATS_DATA": str(pipe)}, path=ALIVE_PATH) as server:
        assert cannot_be_taken(server)
        refused: list[OSError] = []
        ended = threading.Event()
        clients = threading.Thread(target=connect_again_and_again, args=(server, refused, ended))
        clients.start()
        with opened(pipe) as writing:
            writing.write(BUNDLED_TABLE.read_bytes())
        wait_until_ready(server)
        ended.set()
        clients.join()
        assert refused == []
        assert cannot_be_taken(server)
        assert server.stop() == 0


def test_the_server_is_alive_while_the_cluster_has_no_workers() -> None:
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: make dask")
    with distributed.LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address=f"{HOST}:0") as cluster:
        chosen = {"STATS_ENGINE": "dask", "STATS_DASK_SCHEDULER": cluster.scheduler_address}
        with running_server(chosen, path=ALIVE_PATH) as server:
            assert ask(server, "/readyz").json()["load"]["progress"]["rows_read"] == 0
            cluster.scale(1)
            wait_until_ready(server)
            assert server.stop() == 0
            first = server.output().splitlines()[0]
    assert first.startswith(f"warning: setting STATS_DASK_SCHEDULER='{cluster.scheduler_address}': without TLS, ")
