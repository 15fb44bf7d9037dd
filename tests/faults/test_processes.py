"""The worker process dies, again and again, or is stopped while a job takes longer than the drain."""

import os
import signal
import time
from pathlib import Path

import pytest
import requests

from support.load import scaled
from support.real_server import PROJECT_ROOT, RealServer, entry_point_with, running_server, slow_entry_point

WAIT_SECONDS = 30.0
DRAIN_SECONDS = scaled(4, 12)
MARGIN_SECONDS = 4.0
QUESTION = {"question": "Q036"}
DIES_AT_ONCE = f"""
import os, sys
sys.path.insert(0, {str(PROJECT_ROOT)!r})
from app.process import respawn
from app import factory
respawn.LONGEST_PAUSE_SECONDS = 0.2
build_app = factory.build_app
def die(*arguments):
    if os.path.exists({{mark!r}}):
        os._exit(7)
    return build_app(*arguments)
factory.build_app = die
"""


def submit(server: RealServer) -> str:
    """Submit a job; return its id."""
    response = requests.post(f"{server.address}/api/best5", json=QUESTION, timeout=WAIT_SECONDS)
    response.raise_for_status()
    job_id: str = response.json()["job_id"]
    return job_id


def test_deaths_of_the_worker_in_quick_succession_do_not_end_the_server() -> None:
    deaths = 4
    with running_server() as server:
        started = time.monotonic()
        for death in range(1, deaths + 1):
            worker = server.worker()
            assert submit(server) == f"job_id_{death}"
            os.kill(worker, signal.SIGKILL)
            # No connection is refused meanwhile: the parent holds the socket, and requests wait in its queue.
            assert requests.get(f"{server.address}/readyz", timeout=WAIT_SECONDS).ok
        assert server.process.poll() is None
        print(f"\n{deaths} deaths in {time.monotonic() - started:.1f} s")
        for number in range(1, deaths + 1):
            result = f"{server.address}/api/get_results/job_id_{number}?wait=10"
            assert requests.get(result, timeout=WAIT_SECONDS).json()["status"] == "done"
        assert "the worker died with exit code -9; another one starts and resumes" in server.output()
        assert "the worker died with exit code -9; another one starts in 0.2 s and resumes" in server.output()
        assert server.stop() == 0
        assert "this one replaces it and resumes its jobs" in server.log_file.read_text()


def test_a_worker_that_dies_at_once_ten_times_in_a_row_ends_the_server_with_one_line(tmp_path: Path) -> None:
    mark = tmp_path / "die"
    entry_point = entry_point_with(tmp_path, DIES_AT_ONCE.format(mark=str(mark)))
    with running_server(entry_point=entry_point) as server:
        mark.touch()
        os.kill(server.worker(), signal.SIGKILL)
        assert server.process.wait(WAIT_SECONDS) == 1
        lines = server.output().splitlines()
    assert lines[-1] == "the server ends: 10 workers in a row died at once, the last with exit code 7"
    assert "Traceback" not in "\n".join(lines)


def test_a_worker_that_starts_again_after_nine_deaths_serves(tmp_path: Path) -> None:
    mark = tmp_path / "die"
    entry_point = entry_point_with(tmp_path, DIES_AT_ONCE.format(mark=str(mark)))
    with running_server(entry_point=entry_point) as server:
        mark.touch()
        os.kill(server.worker(), signal.SIGKILL)
        deadline = time.monotonic() + WAIT_SECONDS
        while server.output().count("the worker died") < 4:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        mark.unlink()
        assert requests.get(f"{server.address}/readyz", timeout=WAIT_SECONDS).ok
        assert server.stop() == 0


def test_a_stop_signal_during_the_pause_before_the_next_worker_ends_the_server(tmp_path: Path) -> None:
    mark = tmp_path / "die"
    prelude = (
        DIES_AT_ONCE.format(mark=str(mark))
        .replace("0.2", "60")
        .replace("\nbuild_app", "\nrespawn.FIRST_PAUSE_SECONDS = 60\nbuild_app")
    )
    with running_server(entry_point=entry_point_with(tmp_path, prelude)) as server:
        mark.touch()
        os.kill(server.worker(), signal.SIGKILL)
        deadline = time.monotonic() + WAIT_SECONDS
        while "starts in 60 s" not in server.output():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < MARGIN_SECONDS


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_drain_that_times_out_is_not_repeated(tmp_path: Path, stop: signal.Signals) -> None:
    """A second one would outlast the patience of the parent, which kills the worker before the journal is flushed."""
    results = {"STATS_RESULTS_DIR": str(tmp_path / "results")}
    entry_point = slow_entry_point(tmp_path, seconds=120)
    settings = {**results, "STATS_DRAIN_SECONDS": str(DRAIN_SECONDS), "TP_NUM_OF_THREADS": "1"}
    with running_server(settings, entry_point=entry_point) as server:
        ids = [submit(server) for _ in range(3)]
        started = time.monotonic()
        code = server.stop(stop)
        took = time.monotonic() - started
        log = server.log_file.read_text()
    print(f"\na drain of {DRAIN_SECONDS} s that timed out: the server ended in {took:.1f} s with exit code {code}")
    assert code == 0
    assert "2 jobs left" in log.splitlines()[-1]
    assert took < DRAIN_SECONDS + MARGIN_SECONDS
    assert '"ended":1' in (tmp_path / "results" / "journal.jsonl").read_text()
    with running_server(results) as server:
        for job_id in ids:
            answer = requests.get(f"{server.address}/api/get_results/{job_id}?wait=10", timeout=WAIT_SECONDS)
            assert answer.json()["status"] == "done"
