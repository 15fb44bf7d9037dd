"""What the job store promises: ids, states that only go forward, whole documents, and a memory across restarts."""

import threading
from pathlib import Path

import orjson
import pytest

from app.errors import UnknownJobError
from app.job_store import JobStatus, JobStore, done_document, error_document, parse_job_id
from app.result_files import ResultFiles

WAIT_SECONDS = 20.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def store(folder: Path) -> JobStore:
    return JobStore(ResultFiles(folder))


@pytest.mark.parametrize(
    "text",
    ["", "1", "job_id_", "job_id_0", "job_id_01", "job_id_1 ", "job_id_1\n", "job_id_-1", "job_id_1/../2", "JOB_ID_1",
     "job_id_\uff11", "job_id_1.json", "job_id_" + "9" * 19, "../job_id_1", "job_id_1\x00"],
)  # fmt: skip
def test_what_is_no_job_id_is_refused_whole(text: str, store: JobStore) -> None:
    store.accept("n", dict)
    with pytest.raises(UnknownJobError, match="Invalid job_id"):
        store.find(text)


def test_a_job_id_gives_its_number() -> None:
    assert parse_job_id("job_id_120") == 120


def test_an_unknown_job_is_refused(store: JobStore) -> None:
    store.accept("n", dict)
    with pytest.raises(UnknownJobError):
        store.find("job_id_2")


def test_an_accepted_job_is_known_and_running_at_once(store: JobStore) -> None:
    job = store.accept("n", dict)
    assert store.find(job.id) is job
    assert store.status(job) is JobStatus.RUNNING
    assert orjson.loads(store.document(job)) == {"status": "running"}
    assert store.unfinished() == 1


@pytest.mark.parametrize(
    ("status", "document"), [(JobStatus.DONE, done_document({"a": 0.1})), (JobStatus.ERROR, error_document("why"))]
)
def test_an_ended_job_is_answered_from_its_file(
    store: JobStore, folder: Path, status: JobStatus, document: bytes
) -> None:
    job = store.accept("n", dict)
    store.finish(job, status, document)
    assert store.status(job) is status
    assert store.document(job) == document == (folder / "job_id_1.json").read_bytes()
    assert store.unfinished() == 0


def test_nothing_but_whole_results_lies_in_the_folder(store: JobStore, folder: Path) -> None:
    for _ in range(3):
        store.finish(store.accept("n", dict), JobStatus.DONE, done_document({}))
    assert sorted(path.name for path in folder.iterdir()) == ["job_id_1.json", "job_id_2.json", "job_id_3.json"]


def test_a_result_that_cannot_be_written_ends_the_job_with_the_reason(store: JobStore, folder: Path) -> None:
    folder.write_text("a file where the folder should be")
    job = store.accept("n", dict)
    store.finish(job, JobStatus.DONE, done_document({}))
    answer = orjson.loads(store.document(job))
    assert answer["status"] == "error"
    assert "could not be written" in answer["reason"]
    assert store.unfinished() == 0


def test_waiting_ends_with_the_job(store: JobStore) -> None:
    job = store.accept("n", dict)
    finisher = threading.Timer(0.05, store.finish, (job, JobStatus.DONE, done_document({})))
    finisher.start()
    assert store.wait(job, WAIT_SECONDS) is JobStatus.DONE
    finisher.join()


def test_waiting_ends_with_the_time(store: JobStore) -> None:
    assert store.wait(store.accept("n", dict), 0.01) is JobStatus.RUNNING


def test_many_waiters_are_all_woken(store: JobStore) -> None:
    job = store.accept("n", dict)
    seen: list[JobStatus] = []
    waiters = [threading.Thread(target=lambda: seen.append(store.wait(job, WAIT_SECONDS))) for _ in range(10)]
    for waiter in waiters:
        waiter.start()
    store.finish(job, JobStatus.DONE, done_document({}))
    for waiter in waiters:
        waiter.join()
    assert seen == [JobStatus.DONE] * 10


def test_jobs_are_listed_in_order_and_in_pages(store: JobStore) -> None:
    jobs = [store.accept("n", dict) for _ in range(5)]
    store.finish(jobs[1], JobStatus.DONE, done_document({}))
    everything = store.statuses()
    assert everything == [(f"job_id_{n}", "done" if n == 2 else "running") for n in range(1, 6)]
    assert store.statuses(limit=2) == everything[:2]
    assert store.statuses(after=2, limit=2) == everything[2:4]
    assert store.statuses(after=5) == []


def test_a_new_store_knows_the_ended_jobs_of_the_last_and_goes_on_from_the_highest_number(folder: Path) -> None:
    first = JobStore(ResultFiles(folder))
    documents = [done_document({"n": 1}), error_document("why"), done_document({"n": 3})]
    for document in documents:
        status = JobStatus.ERROR if b"why" in document else JobStatus.DONE
        first.finish(first.accept("n", dict), status, document)
    second = JobStore(ResultFiles(folder))
    assert second.statuses() == first.statuses()
    assert [second.document(second.find(f"job_id_{n}")) for n in (1, 2, 3)] == documents
    assert second.accept("n", dict).id == "job_id_4"


def test_what_an_interrupted_write_left_is_removed(folder: Path) -> None:
    folder.mkdir()
    (folder / "job_id_7.0.partial").write_bytes(b'{"status":"do')
    (folder / "notes.txt").write_text("somebody's own")
    store = JobStore(ResultFiles(folder))
    assert store.statuses() == []
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
