"""Steps of the wall clock remove no result, and no job ends before it was accepted."""

import time
from pathlib import Path

import pytest
import requests

from support.acknowledged import assert_answered, finished_jobs, submit_all
from support.load import CASES
from support.real_server import RealServer, running_server
from support.stepped_clock import LIBRARIES, MISSING, SteppedClock

AWAY_SECONDS = 2.5  # maintenance runs once a second
SAME_RESULT_SECONDS = 2.0

needs_clock = pytest.mark.skipif(not LIBRARIES, reason=MISSING)


@pytest.fixture
def clock(tmp_path: Path) -> SteppedClock:
    """The clock of the servers of a test."""
    return SteppedClock(tmp_path)


@pytest.fixture
def places(clock: SteppedClock, tmp_path: Path) -> dict[str, str]:
    """The clock, and a results folder that outlives a server."""
    return {"STATS_RESULTS_DIR": str(tmp_path / "results"), **clock.environment}


def check_times(server: RealServer) -> None:
    """Check that every job ended after it was accepted."""
    described = requests.get(f"{server.address}/api/job_details?limit=1000", timeout=20).json()["data"]
    assert described
    for job in described:
        assert job["accepted_at"] is None or job["ended_at"] >= job["accepted_at"], job


@needs_clock
def test_a_clock_that_is_eight_days_ahead_for_a_moment_removes_nothing(
    places: dict[str, str], clock: SteppedClock
) -> None:
    with running_server(places) as server:
        accepted = finished_jobs(server)
        clock.step("+8d")
        time.sleep(AWAY_SECONDS)
        accepted |= finished_jobs(server, 10)
        clock.step("+0")
        time.sleep(AWAY_SECONDS)
        accepted |= finished_jobs(server, 10)
        assert_answered(server, accepted)
        check_times(server)
        assert server.stop() == 0
        assert "the clock was set" in server.log_file.read_text(encoding="utf-8")


@needs_clock
def test_a_clock_that_is_decades_behind_at_a_start_removes_nothing(places: dict[str, str], clock: SteppedClock) -> None:
    with running_server(places) as server:
        accepted = finished_jobs(server)
        assert server.stop() == 0
    clock.set("-22y")
    with running_server(places) as server:
        accepted |= finished_jobs(server, 10)
        time.sleep(AWAY_SECONDS)
        clock.step("+0")
        time.sleep(AWAY_SECONDS)
        accepted |= finished_jobs(server, 10)
        assert_answered(server, accepted)
        check_times(server)
        server.kill()
    with running_server(places) as server:
        time.sleep(AWAY_SECONDS)
        assert_answered(server, accepted)
        check_times(server)


@needs_clock
def test_a_first_start_decades_behind_loses_nothing_once_the_clock_is_right(
    places: dict[str, str], clock: SteppedClock
) -> None:
    clock.set("-22y")
    with running_server(places) as server:
        accepted = finished_jobs(server)
        clock.step("+0")
        time.sleep(AWAY_SECONDS)
        assert_answered(server, accepted)
        assert server.stop() == 0


def test_no_job_ended_before_it_was_accepted_after_a_kill(tmp_path: Path) -> None:
    places = {"STATS_RESULTS_DIR": str(tmp_path / "results")}
    with running_server(places) as server:
        accepted = submit_all(server, CASES[:1])
        assert_answered(server, accepted)
        time.sleep(SAME_RESULT_SECONDS)
        accepted |= submit_all(server, CASES[:1] * 10)  # their files are links to the first one
        deadline = time.monotonic() + AWAY_SECONDS
        while len(list(server.results_dir.glob("job_id_*.json"))) < len(accepted):
            assert time.monotonic() < deadline
        server.kill()
    with running_server(places) as server:
        assert_answered(server, accepted)
        check_times(server)
