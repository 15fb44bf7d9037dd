"""The first load over HTTP: what the server answers meanwhile, and how it ends."""

import os
import select
import signal
import socket
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
    ServerStartError,
    entry_point_with,
    running_server,
    wait_until_ready,
)
from support.small_survey import OBESITY

TAKE_THE_PORT = """
import socket, sys
sys.path.insert(0, {root!r})
from app import startup as start_checks
check = start_checks.check_start
def check_and_take(settings):
    global taken
    address = check(settings)
    taken = socket.create_server((address, settings.port))
    return address
start_checks.check_start = check_and_take
"""


def ask(server: RealServer, path: str, method: str = "GET", **more: Any) -> requests.Response:
    """Send a request."""
    return requests.request(method, f"{server.address}{path}", timeout=WAIT_SECONDS, **more)


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


@pytest.mark.parametrize("slow", [True, False], ids=["slow load", "fast load"])
def test_a_port_taken_during_the_first_load_ends_the_start(tmp_path: Path, *, slow: bool) -> None:
    source = named_pipe(tmp_path / "table.csv") if slow else BUNDLED_TABLE
    entry_point = entry_point_with(tmp_path, TAKE_THE_PORT.format(root=str(BUNDLED_TABLE.parent)))
    reason = r"exit code 2 at its start; it wrote:\ncannot start: setting STATS_PORT='\d+': cannot listen on .*\n\Z"
    with (
        pytest.raises(ServerStartError, match=reason),
        running_server({"STATS_DATA": str(source)}, entry_point=entry_point, path=ALIVE_PATH),
    ):
        pass


def test_the_server_is_alive_while_the_cluster_has_no_workers() -> None:
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: make dask")
    with distributed.LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address=f"{HOST}:0") as cluster:
        chosen = {"STATS_ENGINE": "dask", "STATS_DASK_SCHEDULER": cluster.scheduler_address}
        with running_server(chosen, path=ALIVE_PATH) as server:
            assert ask(server, "/readyz").json()["load"]["progress"]["rows_read"] == 0
            cluster.scale(1)
            wait_until_ready(server)
            assert server.stop() == 0
