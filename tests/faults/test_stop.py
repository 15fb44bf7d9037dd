"""A stop signal loses no acknowledged job, however short the drain time."""

import os
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import requests

from support.load import Case, check_acknowledged, load, scaled
from support.real_server import PROJECT_ROOT, RealServer, free_port, running_server, slow_entry_point

pytestmark = pytest.mark.alone

LONG_QUEUE = 300
SETTLE_SECONDS = 0.8  # a second signal that comes sooner is taken for the same one
MARGIN_SECONDS = 4.0


def fill_queue(server: RealServer, jobs: int) -> list[str]:
    """Submit jobs faster than a slow server can finish them."""
    with requests.Session() as session:
        url = f"{server.address}/api/mean_by_category"
        return [session.post(url, json={"question": "Q036"}, timeout=30).json()["job_id"] for _ in range(jobs)]


def slow_server(folder: Path, **more: str) -> AbstractContextManager[RealServer]:
    """Start a server with one runner that takes 20 ms per job, and a results folder that outlives it."""
    settings = {"STATS_RESULTS_DIR": str(folder / "results"), "TP_NUM_OF_THREADS": "1", **more}
    return running_server(settings, entry_point=slow_entry_point(folder, seconds=0.02))


def test_a_stop_under_load_ends_in_time_and_loses_nothing(tmp_path: Path) -> None:
    places = {"STATS_RESULTS_DIR": str(tmp_path / "results"), "STATS_DRAIN_SECONDS": "10"}
    acknowledged: dict[str, Case] = {}
    longest, stops = 0.0, scaled(3, 20)
    for stop in range(stops):
        with running_server(places) as server, load(server.address, seed=stop * 10) as seen:
            time.sleep(0.5)
            started = time.monotonic()
            assert server.stop() == 0
            longest = max(longest, time.monotonic() - started)
        acknowledged |= seen.acknowledged
    with running_server(places) as server:
        problems = check_acknowledged(server.address, acknowledged)
    print(f"\n{stops} stops, {len(acknowledged)} ids, {len(problems)} lost, slowest stop {longest:.2f} s")
    assert problems == []
    assert longest < 10 + MARGIN_SECONDS


def test_jobs_that_a_drain_leaves_are_finished_after_the_next_start(tmp_path: Path) -> None:
    with slow_server(tmp_path, STATS_DRAIN_SECONDS="0") as server:
        ids = fill_queue(server, LONG_QUEUE)
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < MARGIN_SECONDS
    with running_server({"STATS_RESULTS_DIR": str(tmp_path / "results")}) as server, requests.Session() as session:
        for job_id in ids:
            answer = session.get(f"{server.address}/api/get_results/{job_id}?wait=30", timeout=60)
            assert answer.json()["status"] == "done"


def test_a_second_signal_ends_the_server_immediately_and_loses_nothing(tmp_path: Path) -> None:
    with slow_server(tmp_path) as server:
        ids = fill_queue(server, LONG_QUEUE)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(SETTLE_SECONDS)
        assert server.process.poll() is None, "the queue was too short for this test"
        started = time.monotonic()
        assert server.stop() == 128 + signal.SIGTERM
        assert time.monotonic() - started < 2.0
    with running_server({"STATS_RESULTS_DIR": str(tmp_path / "results")}) as server, requests.Session() as session:
        found = session.get(f"{server.address}/api/jobs", timeout=30).json()["data"]
        assert [job_id for job in found for job_id in job] == ids
        last = session.get(f"{server.address}/api/get_results/{ids[-1]}?wait=30", timeout=60).json()
        assert last["status"] == "done"


def test_during_a_drain_results_are_served_and_submissions_rejected(tmp_path: Path) -> None:
    with slow_server(tmp_path) as server, requests.Session() as session:
        ids = fill_queue(server, 100)
        server.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 10
        while session.get(f"{server.address}/readyz", timeout=10).status_code == 200:
            assert time.monotonic() < deadline
        refused = session.post(f"{server.address}/api/global_mean", json={"question": "Q036"}, timeout=10)
        assert (refused.status_code, refused.json()["reason"]) == (503, "shutting down")
        assert session.get(f"{server.address}/api/get_results/{ids[0]}", timeout=10).status_code == 200
        assert server.process.wait(40) == 0


def test_the_shutdown_route_under_load_loses_nothing() -> None:
    with running_server() as server:
        with load(server.address) as seen:
            time.sleep(0.5)
            deadline = time.monotonic() + 20
            while requests.get(f"{server.address}/api/graceful_shutdown", timeout=10).json() != {"status": "done"}:
                assert time.monotonic() < deadline
            time.sleep(0.2)  # long enough for a submission after the end
        assert set(seen.statuses) == {200, 503}
        assert check_acknowledged(server.address, seen.acknowledged) == []


def test_a_second_server_on_the_same_results_folder_does_not_start() -> None:
    with running_server() as server:
        environment = {**os.environ, "STATS_RESULTS_DIR": str(server.results_dir), "STATS_PORT": str(free_port())}
        ended = subprocess.run(
            [sys.executable, "api_server.py"],
            cwd=PROJECT_ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert ended.returncode == 2
    assert ended.stderr.endswith("another server uses this folder; choose another one\n")
