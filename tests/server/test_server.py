"""The server as a process: how it starts, refuses to start, serves, and ends."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
import requests

from app.process.cores import CORES, ONE_CORE, OTHER_CORES
from support.real_server import (
    BUNDLED_TABLE,
    PROJECT_ROOT,
    STOP_SECONDS,
    RealServer,
    ServerStartError,
    free_port,
    running_server,
)
from support.small_survey import OBESITY

JOBS = 200


def post(server: RealServer, session: requests.Session, statistic: str = "global_mean") -> requests.Response:
    """Submit a job."""
    return session.post(f"{server.address}/api/{statistic}", json={"question": OBESITY}, timeout=30)


def failed_start(environment: Mapping[str, str]) -> tuple[int, str]:
    """Start a server that cannot start; return its exit code and what it wrote to standard error."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("STATS_", "TP_"))}
    ended = subprocess.run(
        [sys.executable, "api_server.py"],
        cwd=PROJECT_ROOT,
        env={**inherited, "STATS_PORT": str(free_port()), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stderr


def test_the_start_tells_where_what_and_which_routes_to_try_first() -> None:
    with running_server() as server:
        output = server.output()
        assert f"Listening on {server.address}" in output
        assert "modelled rows, not survey data" in output
        for path in ("/api/questions", "/api/dataset"):
            assert f"{server.address}{path}" in output
            assert requests.get(f"{server.address}{path}", timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STATS_PORT", "eighty"),
        ("STATS_PORT", "70000"),
        ("TP_NUM_OF_THREADS", "0"),
        ("STATS_DRAIN_SECONDS", "-1"),
        ("STATS_HOST", "203.0.113.7"),
        ("STATS_HOST", "no such host"),
        ("STATS_LOG_FILE", "Makefile/webserver.log"),
        ("STATS_RESULTS_DIR", "Makefile"),
        ("STATS_DATA", "no-such-file.csv"),
        ("STATS_DATA", "app"),
        ("STATS_DATA", "Makefile"),
    ],
)
def test_a_setting_that_makes_no_sense_stops_the_start_with_one_line_and_exit_code_2(name: str, value: str) -> None:
    code, output = failed_start({name: value})
    assert code == 2
    assert output.startswith("cannot start: ")
    assert len(output.splitlines()) == 1
    assert value in output


def test_a_port_in_use_stops_the_start(tmp_path: Path) -> None:
    with running_server() as server:
        port = server.address.rpartition(":")[2]
        places = {"STATS_RESULTS_DIR": str(tmp_path), "STATS_LOG_FILE": str(tmp_path / "log")}
        code, output = failed_start({"STATS_PORT": port, **places})
    assert code == 2
    assert output.startswith(f"cannot start: setting STATS_PORT='{port}'")


def test_a_misspelt_setting_is_warned_of() -> None:
    with running_server({"STATS_DARIN_SECONDS": "5"}) as server:
        assert (
            "STATS_DARIN_SECONDS is not a setting of this server; did you mean STATS_DRAIN_SECONDS?" in server.output()
        )


@pytest.mark.parametrize(("one_core", "cores"), [("yes", {ONE_CORE, OTHER_CORES}), ("no", {CORES})])
def test_its_threads_are_placed_on_the_cores_unless_told_otherwise(one_core: str, cores: set[frozenset[int]]) -> None:
    with running_server({"STATS_ONE_CORE": one_core}) as server:
        threads = [int(folder.name) for folder in Path(f"/proc/{server.worker()}/task").iterdir()]
        assert {frozenset(os.sched_getaffinity(thread)) for thread in threads} == cores
        assert os.sched_getaffinity(server.process.pid) == CORES


def test_it_listens_where_it_is_told_to() -> None:
    with running_server({"STATS_HOST": "localhost"}) as server:
        assert requests.get(f"{server.address}/api/num_jobs", timeout=10).json() == {"num_jobs": 0}


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this system has no IPv6")
def test_on_every_address_it_serves_both_versions_of_ip() -> None:
    with running_server({"STATS_HOST": "::"}) as server:
        port = server.address.rpartition(":")[2]
        for host in ("127.0.0.1", "[::1]"):
            assert requests.get(f"http://{host}:{port}/healthz", timeout=10).ok


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_lets_the_accepted_jobs_finish_and_exits_0(stop: signal.Signals, tmp_path: Path) -> None:
    results = tmp_path / "results"
    with running_server({"STATS_RESULTS_DIR": str(results), "TP_NUM_OF_THREADS": "1"}) as server:
        with requests.Session() as session:
            accepted = [post(server, session, "mean_by_category").json()["job_id"] for _ in range(JOBS)]
        assert server.stop(stop) == 0
        assert "0 jobs left" in server.log_file.read_text().splitlines()[-1]
    assert {path.stem for path in results.glob("job_id_*.json")} == set(accepted)


def test_a_signal_that_reaches_every_process_twice_ends_it_cleanly_too() -> None:
    """As Ctrl-C in a terminal and a service manager do it."""
    with running_server() as server:
        for _ in range(2):
            os.killpg(server.process.pid, signal.SIGINT)
            os.killpg(server.process.pid, signal.SIGTERM)
        assert server.process.wait(30) == 0


def test_signals_that_go_on_coming_while_it_ends_do_not_make_it_a_failure() -> None:
    """It has no more handlers in its last moments; half a second after the first signal another ends it at once."""
    with running_server() as server:
        while server.process.poll() is None:
            server.process.send_signal(signal.SIGTERM)
        assert server.process.returncode in {0, 128 + signal.SIGTERM}


def test_under_load_a_signal_loses_no_acknowledged_job(tmp_path: Path) -> None:
    results = tmp_path / "results"
    acknowledged: list[str] = []

    def submit_until_it_ends(server: RealServer) -> None:
        with requests.Session() as session:
            try:
                while (answer := post(server, session)).status_code == 200:
                    acknowledged.append(answer.json()["job_id"])
                    if len(acknowledged) == JOBS:
                        enough.set()
            except requests.ConnectionError:
                return

    enough = threading.Event()
    with running_server({"STATS_RESULTS_DIR": str(results)}) as server:
        clients = [threading.Thread(target=submit_until_it_ends, args=(server,)) for _ in range(4)]
        for client in clients:
            client.start()
        assert enough.wait(60)
        assert server.stop() == 0
        for client in clients:
            client.join()
    assert {path.stem for path in results.glob("job_id_*.json")} >= set(acknowledged)


def test_ids_and_results_outlive_a_restart(tmp_path: Path) -> None:
    environment = {"STATS_RESULTS_DIR": str(tmp_path / "results")}
    with running_server(environment) as server, requests.Session() as session:
        assert post(server, session).json() == {"job_id": "job_id_1"}
        before = session.get(f"{server.address}/api/get_results/job_id_1?wait=10", timeout=30).json()
        assert server.stop() == 0
    with running_server(environment) as server, requests.Session() as session:
        assert session.get(f"{server.address}/api/get_results/job_id_1", timeout=30).json() == before
        assert post(server, session).json() == {"job_id": "job_id_2"}


def test_a_thousand_malformed_requests_cost_no_thread() -> None:
    bodies = [b"", b"{", b"[]", b"\xff", b'{"question": 1}', b'{"question": "x"}', b'{"a": {"b": [1]}}', b"[" * 5000]
    with running_server({"TP_NUM_OF_THREADS": "3"}) as server, requests.Session() as session:
        for number in range(1000):
            answer = session.post(
                f"{server.address}/api/best5",
                data=bodies[number % len(bodies)],
                headers={"Content-Type": "application/json"},
                timeout=30,
            )
            assert answer.status_code == 400
        jobs = [post(server, session).json()["job_id"] for _ in range(30)]
        for job_id in jobs:
            url = f"{server.address}/api/get_results/{job_id}?wait=10"
            assert session.get(url, timeout=30).json()["status"] == "done"
        assert server.stop() == 0
        log = server.log_file.read_text()
    assert all(f"[TaskRunner-{number}]" in log for number in (1, 2, 3))


@pytest.mark.parametrize("arguments", [(), ("--app", "api_server")])
def test_flask_run_serves_in_the_project_folder(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    port = free_port()
    places = {
        "STATS_DATA": str(BUNDLED_TABLE),
        "STATS_RESULTS_DIR": str(tmp_path / "results"),
        "STATS_LOG_FILE": str(tmp_path / "log"),
    }
    command = [sys.executable, "-m", "flask", *arguments, "run", "--port", str(port)]
    with subprocess.Popen(
        command,
        cwd=PROJECT_ROOT,
        env={**os.environ, **places},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert any(f":{port}" in line for line in process.stdout)
            answer = requests.post(f"http://127.0.0.1:{port}/api/global_mean", json={"question": OBESITY}, timeout=30)
            assert answer.json() == {"job_id": "job_id_1"}
        finally:
            process.send_signal(signal.SIGINT)
            ended = threading.Timer(STOP_SECONDS, process.kill)  # it ignores the signal if this process does
            ended.start()
            process.stdout.read()
            ended.cancel()
    assert (tmp_path / "results" / "job_id_1.json").exists()
    assert "0 jobs left" in (tmp_path / "log").read_text()


def test_flask_run_says_in_one_line_why_it_cannot_start(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "flask", "run", "--port", str(free_port())],
        cwd=PROJECT_ROOT,
        env={**os.environ, "STATS_RESULTS_DIR": str(tmp_path), "STATS_QUEUE_SIZE": "none"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode != 0
    assert ran.stderr.splitlines()[-1].startswith("cannot start: setting STATS_QUEUE_SIZE='none'")
    assert "Traceback" not in ran.stderr


def test_a_server_that_ends_at_once_is_reported_by_the_tests_own_helper() -> None:
    with pytest.raises(ServerStartError, match="STATS_PORT"), running_server({"STATS_PORT": "0"}):
        pass
