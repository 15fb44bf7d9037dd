"""What the job store promises: ids, states that only go forward, whole documents, and a memory across restarts."""

import threading
import zlib
from pathlib import Path

import orjson
import pytest

from app.errors import GoneError, JobBusyError, UnknownJobError
from app.jobs.job import JobStatus, done_document, error_document, parse_job_id
from app.jobs.job_store import JobStore
from app.jobs.result_files import file_content
from app.jobs.retention import Retention
from support.pool_parts import (
    WAIT_SECONDS,
    accept,
    answer_of,
    finish,
    make_store,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def store(folder: Path) -> JobStore:
    return make_store(folder)


@pytest.mark.parametrize(
    "text",
    ["", "1", "job_id_", "job_id_0", "job_id_01", "job_id_1 ", "job_id_1\n", "job_id_-1", "job_id_1/../2", "JOB_ID_1",
     "job_id_\uff11", "job_id_1.json", "job_id_" + "9" * 19, "../job_id_1", "job_id_1\x00"],
)  # fmt: skip
def test_what_is_no_job_id_is_refused_whole(text: str, store: JobStore) -> None:
    accept(store)
    with pytest.raises(UnknownJobError, match="Invalid job_id"):
        store.map.find(text)


def test_a_job_id_gives_its_number() -> None:
    assert parse_job_id("job_id_120") == 120


def test_an_unknown_job_is_refused(store: JobStore) -> None:
    accept(store)
    with pytest.raises(UnknownJobError):
        store.map.find("job_id_2")


def test_an_accepted_job_is_known_and_running_at_once(store: JobStore) -> None:
    job = accept(store)
    assert store.map.find(job.id) is job
    assert store.map.status(job) is JobStatus.RUNNING
    assert orjson.loads(store.document(job).content) == {"status": "running"}
    assert store.map.unfinished() == 1


def test_a_job_that_is_done_is_answered_from_its_file(store: JobStore, folder: Path) -> None:
    job = accept(store)
    finish(store, job)
    assert store.map.status(job) is JobStatus.DONE
    assert store.document(job).content == done_document({"n": 1}).content
    saved = orjson.loads((folder / "job_id_1.json").read_bytes())
    assert saved == {"status": "done", "data": {"n": 1}, "crc32": f"{zlib.crc32(store.document(job).content):08x}"}
    assert store.map.unfinished() == 0


def test_a_job_that_failed_is_answered_with_its_reason(store: JobStore, folder: Path) -> None:
    job = accept(store)
    assert store.map.claim(job)
    assert store.finish(job, error_document("why"), "why") is JobStatus.ERROR
    assert store.document(job).content == error_document("why").content
    assert (folder / "job_id_1.json").read_bytes() == file_content(error_document("why"))


def test_nothing_but_whole_results_and_the_journal_lies_in_the_folder(store: JobStore, folder: Path) -> None:
    for _ in range(3):
        finish(store, accept(store))
    names = ["job_id_1.json", "job_id_2.json", "job_id_3.json", "journal.jsonl"]
    assert sorted(path.name for path in folder.iterdir()) == names


def test_waiting_ends_with_the_job(store: JobStore) -> None:
    job = accept(store)
    finisher = threading.Timer(0.05, finish, (store, job))
    finisher.start()
    assert store.map.wait(job, WAIT_SECONDS) is JobStatus.DONE
    finisher.join()


def test_waiting_ends_with_the_time(store: JobStore) -> None:
    assert store.map.wait(accept(store), 0.01) is JobStatus.RUNNING


def test_many_waiters_are_all_woken(store: JobStore) -> None:
    job = accept(store)
    seen: list[JobStatus] = []
    waiters = [threading.Thread(target=lambda: seen.append(store.map.wait(job, WAIT_SECONDS))) for _ in range(10)]
    for waiter in waiters:
        waiter.start()
    finish(store, job)
    for waiter in waiters:
        waiter.join()
    assert seen == [JobStatus.DONE] * 10


def test_jobs_are_listed_in_order_and_in_pages(store: JobStore) -> None:
    jobs = [accept(store) for _ in range(5)]
    finish(store, jobs[1])
    everything = store.map.statuses()
    assert everything == [(f"job_id_{n}", "done" if n == 2 else "running") for n in range(1, 6)]
    assert store.map.statuses(limit=2) == everything[:2]
    assert store.map.statuses(after=2, limit=2) == everything[2:4]
    assert store.map.statuses(after=5) == []


def test_a_job_that_waits_can_be_cancelled_and_one_that_has_ended_removed(store: JobStore, folder: Path) -> None:
    waiting, ended, busy = accept(store), accept(store), accept(store)
    finish(store, ended)
    assert store.map.claim(busy)
    assert store.cancel(waiting.id) == "cancelled"
    assert answer_of(store, waiting) == {"status": "error", "reason": "cancelled"}
    assert not store.map.claim(waiting)
    assert store.cancel(ended.id) == "removed"
    assert not (folder / "job_id_2.json").exists()
    with pytest.raises(GoneError):
        store.map.find(ended.id)
    with pytest.raises(JobBusyError):
        store.cancel(busy.id)
    assert store.map.unfinished() == 1


def test_the_retention_rule_keeps_the_latest_and_tells_of_the_others(folder: Path) -> None:
    store = make_store(folder, retention=Retention(jobs=2, seconds=1e9))
    for _ in range(5):
        finish(store, accept(store))
    running = accept(store)
    assert store.map.statuses() == [("job_id_4", "done"), ("job_id_5", "done"), (running.id, "running")]
    store.flush()
    assert sorted(path.name for path in folder.glob("job*")) == ["job_id_4.json", "job_id_5.json"]
    for number in (1, 2, 3):
        with pytest.raises(GoneError):
            store.map.find(f"job_id_{number}")
    with pytest.raises(UnknownJobError):
        store.map.find("job_id_7")


def test_the_retention_rule_removes_what_is_too_old(folder: Path) -> None:
    store = make_store(folder, retention=Retention(jobs=100, seconds=50))
    old, young = accept(store), accept(store)
    finish(store, old)
    finish(store, young)
    old.ended_monotonic -= 60
    store.expire_old()
    assert store.map.statuses() == [("job_id_2", "done")]


@pytest.mark.parametrize("damage", ["gone", "cut", "changed", "empty", "folder gone"])
def test_a_result_that_is_lost_or_damaged_is_computed_again(store: JobStore, folder: Path, damage: str) -> None:
    """A change that keeps the length is found when the file is read: not while its document is still in memory."""
    job = accept(store, "x" * 50)
    finish(store, job, done_document({"body": {"content": "x" * 50}}))
    path, whole = folder / "job_id_1.json", store.document(job).content
    saved = path.read_bytes()
    if damage == "folder gone":
        for entry in folder.iterdir():
            entry.unlink()
        folder.rmdir()
    elif damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"cut": saved[:-7], "changed": saved.replace(b"xx", b"yx"), "empty": b""}[damage])
    if damage == "changed":
        assert store.document(job).content == whole
        store.flush()
        store = make_store(folder)
        job = store.map.find("job_id_1")
    assert store.document(job).content == whole
    assert path.read_bytes() == saved
