"""A batch of tasks is accepted as a whole, with consecutive job numbers, or rejected as a whole."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from app.errors import NotRecordedError, QueueFullError, ShuttingDownError
from app.jobs.job import done_document
from app.jobs.job_store import JobStore, Task
from support.pool_parts import (
    WAIT_SECONDS,
    add,
    answer_of,
    blocked_by,
    echo_request,
    make_pool,
    make_store,
    wait_until_taken,
)

SUBMITTERS, BATCHES_EACH = 8, 20


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return make_store(tmp_path / "results")


def echo_tasks(*contents: int) -> list[Task]:
    """Return tasks that answer with the contents."""
    return [(echo_request(content), partial(done_document, {"n": content})) for content in contents]


def test_tasks_become_jobs_in_their_order(store: JobStore) -> None:
    pool = make_pool(store)
    assert add(pool, dict).number == 1
    jobs = pool.add_tasks(echo_tasks(10, 11, 12))
    assert [job.id for job in jobs] == ["job_id_2", "job_id_3", "job_id_4"]
    assert [answer_of(store, job)["data"] for job in jobs] == [{"n": 10}, {"n": 11}, {"n": 12}]
    assert pool.drain(WAIT_SECONDS)
    assert b'stats_jobs_accepted_total{statistic="echo"} 4.0' in pool._observer.text()  # type: ignore[attr-defined]


def test_no_tasks_become_no_jobs(store: JobStore) -> None:
    pool = make_pool(store)
    assert pool.add_tasks([]) == []
    assert store.map.last_number() == 0
    assert pool.drain(WAIT_SECONDS)


def test_all_lines_go_to_the_journal_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(tmp_path)
    append, written = store._journal.append, []

    def note_and_append(lines: bytes = b"") -> None:
        written.append(lines.count(b"\n"))
        append(lines)

    monkeypatch.setattr(store._journal, "append", note_and_append)
    pool = make_pool(store)
    pool.add_tasks(echo_tasks(1, 2, 3))
    assert written == [3]
    assert pool.drain(WAIT_SECONDS)
    assert [job_id for job_id, _ in make_store(tmp_path).map.statuses()] == ["job_id_1", "job_id_2", "job_id_3"]


def test_a_queue_without_room_for_all_takes_none(store: JobStore) -> None:
    pool = make_pool(store, threads=1, queue_size=3)
    gate = threading.Event()
    held = add(pool, blocked_by(gate))
    wait_until_taken(pool)
    waiting = pool.add_tasks(echo_tasks(1, 2))
    with pytest.raises(QueueFullError, match="the queue is full, 2 jobs wait"):
        pool.add_tasks(echo_tasks(3, 4))
    assert store.map.last_number() == 3
    assert pool.waiting() == 2
    fits = pool.add_tasks(echo_tasks(5))
    gate.set()
    assert [answer_of(store, job)["status"] for job in (held, *waiting, *fits)] == ["done"] * 4
    assert pool.drain(WAIT_SECONDS)


def test_a_pool_that_shuts_down_takes_none_and_finishes_the_accepted_ones(store: JobStore) -> None:
    pool = make_pool(store, threads=1)
    gate = threading.Event()
    accepted = [add(pool, blocked_by(gate)), *pool.add_tasks(echo_tasks(1, 2, 3))]
    assert pool.graceful_shutdown() is False
    with pytest.raises(ShuttingDownError):
        pool.add_tasks(echo_tasks(4, 5))
    gate.set()
    assert pool.drain(WAIT_SECONDS)
    assert [answer_of(store, job)["status"] for job in accepted] == ["done"] * 4
    assert store.map.last_number() == 4


def test_a_journal_that_cannot_be_written_accepts_none(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = make_pool(store, queue_size=2)

    def fail(lines: bytes = b"") -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store._journal, "append", fail)
        for _ in range(2):  # the places are given back
            with pytest.raises(NotRecordedError, match="No space left on device"):
                pool.add_tasks(echo_tasks(1, 2))
        with pytest.raises(NotRecordedError):
            add(pool, dict)
    assert (store.map.last_number(), store.map.unfinished(), pool.waiting()) == (0, 0, 0)
    assert [answer_of(store, job)["data"] for job in pool.add_tasks(echo_tasks(6, 7))] == [{"n": 6}, {"n": 7}]
    assert pool.drain(WAIT_SECONDS)


def test_numbers_are_consecutive_under_many_submitters(store: JobStore) -> None:
    pool = make_pool(store)
    start = threading.Barrier(SUBMITTERS)

    def submit(submitter: int) -> list[list[int]]:
        start.wait(WAIT_SECONDS)
        sizes = [1 + (submitter + batch) % 5 for batch in range(BATCHES_EACH)]
        return [[job.number for job in pool.add_tasks(echo_tasks(*range(size)))] for size in sizes]

    with ThreadPoolExecutor(SUBMITTERS) as threads:
        batches = [numbers for batches in threads.map(submit, range(SUBMITTERS)) for numbers in batches]
    assert all(numbers == list(range(numbers[0], numbers[0] + len(numbers))) for numbers in batches)
    assert sorted(number for numbers in batches for number in numbers) == list(range(1, 3 * len(batches) + 1))
    assert pool.drain(WAIT_SECONDS)
    assert store.map.unfinished() == 0


def test_a_shutdown_while_tasks_are_being_recorded_finishes_them(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stop tokens wait for the jobs that are on their way to the disk."""
    pool = make_pool(store, threads=2)
    append, writing, go_on = store._journal.append, threading.Event(), threading.Event()

    def wait_and_append(lines: bytes = b"") -> None:
        writing.set()
        assert go_on.wait(WAIT_SECONDS)
        append(lines)

    monkeypatch.setattr(store._journal, "append", wait_and_append)
    with ThreadPoolExecutor(1) as threads:
        accepted = threads.submit(pool.add_tasks, echo_tasks(1, 2, 3))
        assert writing.wait(WAIT_SECONDS)
        assert pool.graceful_shutdown() is False
        go_on.set()
        jobs = accepted.result(WAIT_SECONDS)
    assert pool.drain(WAIT_SECONDS)
    assert [answer_of(store, job)["status"] for job in jobs] == ["done"] * 3
    assert pool.graceful_shutdown() is True


def test_a_shutdown_while_the_last_tasks_cannot_be_recorded_ends_the_runners(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool(store, threads=2)
    writing, go_on = threading.Event(), threading.Event()

    def wait_and_fail(lines: bytes = b"") -> None:
        writing.set()
        assert go_on.wait(WAIT_SECONDS)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, ThreadPoolExecutor(1) as threads:
        patch.setattr(store._journal, "append", wait_and_fail)
        refused = threads.submit(pool.add_tasks, echo_tasks(1, 2))
        assert writing.wait(WAIT_SECONDS)
        assert pool.graceful_shutdown() is False
        go_on.set()
        with pytest.raises(NotRecordedError):
            refused.result(WAIT_SECONDS)
    assert pool.drain(WAIT_SECONDS)
    assert not any(runner.is_alive() for runner in pool.runners())


def test_cancelling_the_last_job_that_waits_ends_a_shutdown(store: JobStore) -> None:
    pool = make_pool(store, threads=1)
    gate = threading.Event()
    held = add(pool, blocked_by(gate))
    wait_until_taken(pool)
    waiting = add(pool, dict)
    assert pool.graceful_shutdown() is False
    assert pool.cancel(waiting.id) == "cancelled"
    gate.set()
    assert pool.drain(WAIT_SECONDS)
    assert answer_of(store, held)["status"] == "done"
