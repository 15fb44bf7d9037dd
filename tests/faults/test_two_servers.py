"""Two servers never share a port or a results folder, whatever happens to the folder."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from support.load import scaled
from support.real_server import (
    BUNDLED_TABLE,
    HOST,
    PROJECT_ROOT,
    RealServer,
    ServerStartError,
    entry_point_with,
    free_port,
    running_server,
)

LISTENING = "Listening on "
TAKEN_FOLDER = "another server uses this folder"
WAIT_SECONDS = 30.0
SHORT_PAUSES = f"""
import sys
sys.path.insert(0, {str(PROJECT_ROOT)!r})
from app.process import respawn
respawn.LONGEST_PAUSE_SECONDS = 0.2
"""
QUESTION = {"question": "Q036"}


@dataclass(frozen=True)
class Start:
    """A server that has been started; ``output`` and ``errors`` are what it has written so far."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text()

    @property
    def errors(self) -> str:
        return (self.folder / "errors").read_text()

    def has_decided(self) -> bool:
        """Return whether the server listens or has ended."""
        return LISTENING in self.output or self.process.poll() is not None


@contextmanager
def started(folder: Path, **settings: str) -> Iterator[Start]:
    """Start a server without waiting for it; kill its process group when the block ends."""
    folder.mkdir()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("STATS_", "TP_"))}
    places = {
        "STATS_HOST": HOST,
        "STATS_DATA": str(BUNDLED_TABLE),
        "STATS_RESULTS_DIR": str(folder / "results"),
        "STATS_LOG_FILE": str(folder / "log"),
    }
    with (folder / "output").open("wb") as output, (folder / "errors").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "api_server.py"],
            cwd=PROJECT_ROOT,
            env={**inherited, **places, **settings},
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
    try:
        yield Start(process, folder)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def decided_pair(stack: ExitStack, folder: Path, first: dict[str, str], second: dict[str, str]) -> list[Start]:
    """Start two servers at the same moment; return them once each one listens or has ended, listening ones first."""
    folder.mkdir()
    pair = [stack.enter_context(started(folder / name, **settings)) for name, settings in (("a", first), ("b", second))]
    wait_until(lambda: all(start.has_decided() for start in pair))
    return sorted(pair, key=lambda start: start.process.poll() is not None)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def submit(server: RealServer) -> requests.Response:
    """Submit a job."""
    return requests.post(f"{server.address}/api/best5", json=QUESTION, timeout=WAIT_SECONDS)


def reason_of(response: requests.Response) -> str:
    """Return the reason of an error response with status 503."""
    assert response.status_code == 503
    reason: str = response.json()["reason"]
    return reason


def test_of_two_servers_started_together_on_one_port_one_serves_and_the_other_exits_with_2(tmp_path: Path) -> None:
    pairs = scaled(2, 12)
    both = 0
    for number in range(pairs):
        port = {"STATS_PORT": str(free_port())}
        with ExitStack() as stack:
            serving, refused = decided_pair(stack, tmp_path / str(number), port, port)
            both += refused.process.poll() is None
            if refused.process.poll() is not None:
                assert serving.process.poll() is None
                assert refused.process.returncode == 2
                assert refused.errors.startswith(f"cannot start: setting STATS_PORT='{port['STATS_PORT']}'")
                assert len(refused.errors.splitlines()) == 1
    print(f"\n{pairs} pairs on one port: both servers listened in {both}")
    assert both == 0


def test_nobody_can_take_the_port_of_a_running_server(tmp_path: Path) -> None:
    with running_server() as server:
        port = server.address.rpartition(":")[2]
        with started(tmp_path / "second", STATS_PORT=port) as second:
            assert second.process.wait(WAIT_SECONDS) == 2
        os.kill(server.worker(), signal.SIGKILL)
        with started(tmp_path / "third", STATS_PORT=port) as third:
            assert third.process.wait(WAIT_SECONDS) == 2


def test_the_lock_follows_a_folder_that_is_removed_and_recreated(tmp_path: Path) -> None:
    with running_server() as server:
        ids = [submit(server).json()["job_id"] for _ in range(3)]
        server.remove_results()
        ids.append(submit(server).json()["job_id"])
        folder = {"STATS_RESULTS_DIR": str(server.results_dir), "STATS_PORT": str(free_port())}
        with started(tmp_path / "second", **folder) as other:
            assert other.process.wait(WAIT_SECONDS) == 2, "two servers give ids for one folder"
            assert TAKEN_FOLDER in other.errors
        assert ids == [f"job_id_{number}" for number in range(1, 5)]


def test_an_idle_server_recreates_its_folder_and_locks_it() -> None:
    with running_server() as server:
        server.remove_results()
        wait_until(server.results_dir.exists)
        environment = {"STATS_RESULTS_DIR": str(server.results_dir)}
        with pytest.raises(ServerStartError, match=TAKEN_FOLDER), running_server(environment):
            pass
        assert submit(server).status_code == 200


def test_a_worker_killed_after_the_folder_was_recreated_does_not_lose_the_lock(tmp_path: Path) -> None:
    with running_server() as server:
        for _ in range(2):  # the second worker takes over what the first has locked
            server.remove_results()
            acknowledged = submit(server).json()["job_id"]
            worker = server.worker()
            os.killpg(server.process.pid, signal.SIGSTOP)  # so that no new worker can take the lock
            os.kill(worker, signal.SIGKILL)
            folder = tmp_path / acknowledged
            with started(folder, STATS_RESULTS_DIR=str(server.results_dir), STATS_PORT=str(free_port())) as other:
                assert other.process.wait(WAIT_SECONDS) == 2
                assert TAKEN_FOLDER in other.errors
            os.killpg(server.process.pid, signal.SIGCONT)
            wait_until(lambda: requests.get(f"{server.address}/readyz", timeout=WAIT_SECONDS).ok)
            assert requests.get(f"{server.address}/api/get_results/{acknowledged}", timeout=WAIT_SECONDS).ok


def test_a_server_whose_folder_another_one_has_taken_accepts_no_jobs(tmp_path: Path) -> None:
    folder = {"STATS_RESULTS_DIR": str(tmp_path / "results")}
    with running_server(folder) as server:
        for _ in range(5):
            submit(server).raise_for_status()
        os.killpg(server.process.pid, signal.SIGSTOP)
        shutil.rmtree(server.results_dir)
        with running_server(folder) as successor:
            ids = [submit(successor).json()["job_id"] for _ in range(20)]
            os.killpg(server.process.pid, signal.SIGCONT)
            refusals = [reason_of(submit(server)) for _ in range(20)]
            assert all("another server uses the results folder" in reason for reason in refusals)
            ready = requests.get(f"{server.address}/readyz", timeout=WAIT_SECONDS)
            assert "another server uses the results folder" in reason_of(ready)
            for job_id in ids:
                answer = requests.get(f"{successor.address}/api/get_results/{job_id}?wait=10", timeout=WAIT_SECONDS)
                assert answer.json()["status"] == "done"
            assert successor.stop() == 0
        assert "another server uses the results folder" in reason_of(submit(server)), "it must not come back by itself"
        assert server.stop() == 0
    with running_server(folder) as successor:
        assert submit(successor).json() == {"job_id": "job_id_21"}


def test_a_new_worker_does_not_serve_a_folder_that_another_server_has_taken(tmp_path: Path) -> None:
    folder = {"STATS_RESULTS_DIR": str(tmp_path / "results")}
    with running_server(folder, entry_point=entry_point_with(tmp_path, SHORT_PAUSES)) as server:
        os.killpg(server.process.pid, signal.SIGSTOP)
        shutil.rmtree(server.results_dir)
        with running_server(folder) as successor:
            os.kill(server.worker(), signal.SIGKILL)
            os.killpg(server.process.pid, signal.SIGCONT)
            assert server.process.wait(WAIT_SECONDS) == 1
            assert "the worker cannot start: another server uses the results folder" in server.output()
            assert submit(successor).json() == {"job_id": "job_id_1"}


def test_of_two_servers_started_together_on_a_recreated_folder_one_serves(tmp_path: Path) -> None:
    with running_server() as server:
        os.killpg(server.process.pid, signal.SIGSTOP)
        shutil.rmtree(server.results_dir)
        folder = {"STATS_RESULTS_DIR": str(server.results_dir)}
        with ExitStack() as stack:
            first, second = ({**folder, "STATS_PORT": str(free_port())} for _ in range(2))
            serving, refused = decided_pair(stack, tmp_path / "pair", first, second)
            assert serving.process.poll() is None
            assert refused.process.poll() == 2
            assert TAKEN_FOLDER in refused.errors
            os.killpg(server.process.pid, signal.SIGCONT)
            assert "another server uses the results folder" in reason_of(submit(server))
