"""Retention by age under clocks that jump."""

import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.jobs.job import Job, done_document
from app.jobs.job_store import JobStore
from app.jobs.journal import checked_line
from app.jobs.retention import SETTLE_SECONDS, JobClock, Retention
from support.pool_parts import echo_request, journal_of, make_store

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


def finish_with(store: JobStore, characters: int) -> Job:
    """Run a job whose result has so many characters, and a hundred or so bytes around them."""
    job = store.accept([(echo_request(), lambda: done_document({}))])[0]
    assert store.map.claim(job)
    store.finish(job, done_document({"text": "x" * characters, "job": job.number}))
    return job


def ids(store: JobStore) -> list[str]:
    """Return the ids of the jobs that are kept."""
    return [job_id for job_id, _ in store.map.statuses()]


def without(record: dict[str, Any], *fields: str) -> dict[str, Any]:
    """Return a record without some of its fields."""
    return {name: value for name, value in record.items() if name not in fields}


def test_results_beyond_the_bytes_to_keep_are_removed_the_earliest_first(tmp_path: Path) -> None:
    store = make_store(tmp_path, retention=Retention(jobs=1000, seconds=7 * DAY, bytes=10_000))
    for _ in range(9):
        finish_with(store, 3000)
    assert ids(store) == ["job_id_7", "job_id_8", "job_id_9"]
    store.flush()
    assert len(list(tmp_path.glob("job_id_*"))) == 3


def test_the_last_result_is_kept_however_long_it_is(tmp_path: Path) -> None:
    store = make_store(tmp_path, retention=Retention(jobs=1000, seconds=7 * DAY, bytes=10_000))
    finish_with(store, 10)
    finish_with(store, 50_000)
    assert ids(store) == ["job_id_2"]


@pytest.mark.parametrize("recorded", [True, False])
def test_results_of_an_earlier_run_count(tmp_path: Path, recorded: bool) -> None:
    """Journals of earlier versions do not record the length of results; then the length of the file counts."""
    first = make_store(tmp_path)
    for _ in range(3):
        finish_with(first, 3000)
    first.close()
    journal = journal_of(tmp_path)
    if not recorded:
        lines = [orjson.loads(line) for line in journal.read_bytes().splitlines()]
        journal.write_bytes(b"".join(checked_line(without(line, "size", "crc")) for line in lines))
    store = make_store(tmp_path, retention=Retention(jobs=1000, seconds=7 * DAY, bytes=10_000))
    assert store.map.size() == 3
    finish_with(store, 3000)
    assert ids(store) == ["job_id_2", "job_id_3", "job_id_4"]


def test_removed_and_old_results_do_not_count(tmp_path: Path) -> None:
    store = make_store(tmp_path, retention=Retention(jobs=1000, seconds=50, bytes=10_000))
    old, removed = finish_with(store, 4000), finish_with(store, 4000)
    old.ended_monotonic -= 60
    store.expire_old()
    store.cancel(removed.id)
    finish_with(store, 4000)
    finish_with(store, 4000)
    assert ids(store) == ["job_id_3", "job_id_4"]
