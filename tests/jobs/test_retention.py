"""Retention by age under clocks that jump."""

import time
from pathlib import Path

import pytest

from app.jobs.job import Job, done_document
from app.jobs.job_store import JobStore
from app.jobs.retention import SETTLE_SECONDS, JobClock, Retention
from support.pool_parts import echo_request, make_store

DAY = 86400.0
WEEK = Retention(jobs=1000, seconds=7 * DAY)


class Clocks:
    """A wall clock that can be set, and a monotonic one that only runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.monotonic = time.time(), time.monotonic()
        monkeypatch.setattr("app.jobs.retention.time.time", lambda: self.wall)
        monkeypatch.setattr("app.jobs.retention.time.monotonic", lambda: self.monotonic)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def run(store: JobStore) -> Job:
    """Accept a job and end it as a runner does."""
    job = store.accept([(echo_request(), lambda: done_document({}))])[0]
    assert store.map.claim(job)
    store.finish(job, done_document({}))
    return job


def test_a_step_forward_removes_no_job_of_this_run(tmp_path: Path, clocks: Clocks) -> None:
    store = make_store(tmp_path, retention=WEEK)
    run(store)
    clocks.wall += 8 * DAY
    store.expire_old()
    assert store.map.size() == 1
    clocks.run(7.1 * DAY)
    store.expire_old()
    assert store.map.size() == 0


def test_a_clock_set_back_still_removes_what_is_old(tmp_path: Path, clocks: Clocks) -> None:
    store = make_store(tmp_path, retention=WEEK)
    run(store)
    clocks.wall -= 22 * 365 * DAY
    clocks.run(7.1 * DAY)
    store.expire_old()
    assert store.map.size() == 0


def test_a_start_with_a_clock_22_years_back_costs_nothing_once_it_is_right(tmp_path: Path, clocks: Clocks) -> None:
    first = make_store(tmp_path, retention=WEEK)
    run(first)
    first.close()
    clocks.wall -= 22 * 365 * DAY
    second = make_store(tmp_path, retention=WEEK)
    job = run(second)
    second.expire_old()
    assert job.ended_at >= job.accepted_at
    second.close()
    clocks.wall += 22 * 365 * DAY
    third = make_store(tmp_path, retention=WEEK)
    third.expire_old()
    assert third.map.size() == 2


def test_jobs_of_an_earlier_run_are_removed_for_their_age(tmp_path: Path, clocks: Clocks) -> None:
    first = make_store(tmp_path, retention=WEEK)
    run(first)
    first.close()
    clocks.run(8 * DAY)
    second = make_store(tmp_path, retention=WEEK)
    second.expire_old()
    assert second.map.size() == 0


def test_a_clock_set_back_while_the_server_runs_makes_no_job_look_old_after_a_restart(
    tmp_path: Path, clocks: Clocks
) -> None:
    first = make_store(tmp_path, retention=WEEK)
    clocks.wall -= 22 * 365 * DAY
    run(first)
    first.close()
    clocks.wall += 22 * 365 * DAY
    second = make_store(tmp_path, retention=WEEK)
    second.expire_old()
    assert second.map.size() == 1


def test_a_short_step_forward_is_not_recorded_and_a_lasting_one_is(clocks: Clocks) -> None:
    clock = JobClock()
    before = clock.now()
    clocks.wall += 8 * DAY
    assert not clock.is_steady()
    assert clock.now() == pytest.approx(before)
    clocks.run(SETTLE_SECONDS + 1)
    assert clock.is_steady()
    assert clock.now() == pytest.approx(clocks.wall)


def test_the_clock_is_steady_only_some_time_after_it_was_set(clocks: Clocks, caplog: pytest.LogCaptureFixture) -> None:
    clock = JobClock()
    assert clock.is_steady()
    clocks.run(3)
    clocks.wall += 8 * DAY
    assert not clock.is_steady()
    assert "was set by +691200 s" in caplog.text
    clocks.wall -= 8 * DAY
    assert not clock.is_steady()
    clocks.run(SETTLE_SECONDS - 1)
    assert not clock.is_steady()
    clocks.run(2)
    assert clock.is_steady()


def test_after_a_start_with_earlier_jobs_the_clock_must_prove_steady(clocks: Clocks) -> None:
    clock = JobClock(not_before=clocks.wall - 1)
    assert not clock.is_steady()
    clocks.run(SETTLE_SECONDS + 1)
    assert clock.is_steady()
