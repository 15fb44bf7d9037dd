"""Documents on a disk that fails: nothing is lost, nothing is rewritten for a passing fault, nothing stays behind."""

import errno
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.errors import GoneError, LostResultError, UnavailableError
from app.jobs.byte_cache import ByteCache
from app.jobs.job import Job, JobStatus, done_document
from app.jobs.job_store import JobStore
from app.jobs.retention import Retention
from support.pool_parts import accept, answer_of, echo_request, finish, make_store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A disk that takes no result, though it takes the journal; ``undo`` mends it."""
    with monkeypatch.context() as patch:
        patch.setattr("app.jobs.result_files.ResultFiles.write", refuse(errno.ENOSPC))
        yield patch


def refuse(number: int) -> Any:
    """Return a function that fails with an error of the system."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def run(store: JobStore, content: object) -> Job:
    """Accept a job and end it as a runner does."""
    job = store.accept([(echo_request(content), lambda: done_document({}))])[0]
    assert store.map.claim(job)
    store.finish(job, done_document({"body": {"content": content}}))
    return job


def expected(content: object) -> dict[str, object]:
    """Return the document of a job of ``run``."""
    return {"status": "done", "data": {"body": {"content": content}}}


def test_a_result_that_cannot_be_written_is_answered_and_written_later(
    folder: Path, broken: pytest.MonkeyPatch
) -> None:
    store = make_store(folder)
    jobs = [run(store, n) for n in range(400)]  # more than the cache holds
    assert [answer_of(store, job) for job in jobs] == [expected(n) for n in range(400)]
    store.flush()
    assert not list(folder.glob("job_*"))
    broken.undo()
    store.flush()
    assert len(list(folder.glob("job_*"))) == 400
    store.close()
    again = make_store(folder)
    assert again.map.unfinished() == 0
    assert answer_of(again, again.map.find("job_id_7")) == expected(6)


def test_beyond_the_bound_an_unwritten_result_is_computed_again(
    folder: Path, broken: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.documents.UNWRITTEN_BYTES", 200)
    store = make_store(folder, cache=ByteCache(0))
    jobs = [run(store, n) for n in range(20)]
    assert [answer_of(store, job) for job in jobs] == [expected(n) for n in range(20)]
    broken.undo()
    assert [answer_of(store, job) for job in jobs] == [expected(n) for n in range(20)]


def test_a_removed_result_is_not_written_later(folder: Path, broken: pytest.MonkeyPatch) -> None:
    store = make_store(folder)
    run(store, 1)
    assert store.cancel("job_id_1") == "removed"
    broken.undo()
    store.flush()
    assert not list(folder.glob("job_*"))


def test_a_result_that_cannot_be_read_now_is_not_touched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(folder)
    run(store, 1)
    store.close()
    store = make_store(folder)
    job = store.map.find("job_id_1")
    before = (folder / "job_id_1.json").stat()
    with monkeypatch.context() as patch:
        patch.setattr("app.jobs.result_files.open", refuse(errno.EMFILE), raising=False)
        with pytest.raises(UnavailableError, match="Too many open files") as raised:
            store.document(job)
    assert int(raised.value.headers["Retry-After"]) > 0
    assert (folder / "job_id_1.json").stat() == before
    assert answer_of(store, job) == expected(1)


def test_nothing_is_computed_or_written_for_a_job_that_is_no_longer_kept(folder: Path) -> None:
    store = make_store(folder, retention=Retention(jobs=1, seconds=1e9))
    old = run(store, 1)
    run(store, 2)
    store.flush()
    with pytest.raises(GoneError):
        store.document(old)
    assert [path.name for path in folder.glob("job_*")] == ["job_id_2.json"]


def test_a_result_is_gone_if_it_would_be_another_one_when_computed_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each computation of the same request gives another document here, as by another version of the server."""
    store = make_store(folder)
    run(store, 1)
    store.close()
    (folder / "job_id_1.json").unlink()
    versions = iter(range(100))
    monkeypatch.setattr("app.jobs.documents.Documents.prepare", lambda *_: lambda: done_document({"v": next(versions)}))
    second = make_store(folder)
    for _ in range(2):
        with pytest.raises(LostResultError, match="submit the request again"):
            answer_of(second, second.map.find("job_id_1"))
    assert not (folder / "job_id_1.json").exists()
    assert second.map.status(second.map.find("job_id_1")) is JobStatus.DONE


def test_a_result_replaced_by_a_folder_is_answered(folder: Path) -> None:
    store = make_store(folder)
    run(store, 1)
    (folder / "job_id_1.json").unlink()
    (folder / "job_id_1.json").mkdir()
    assert answer_of(store, store.map.find("job_id_1")) == expected(1)


def test_a_file_that_cannot_be_deleted_is_deleted_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = make_store(folder)
    run(store, 1)
    with monkeypatch.context() as patch:
        patch.setattr("app.jobs.result_files.os.unlink", refuse(errno.EPERM))
        assert store.cancel("job_id_1") == "removed"
        store.flush()
        store.flush()
    assert caplog.text.count("cannot be deleted") == 1
    again = make_store(folder)
    assert again.map.statuses() == []
    store.flush()
    assert not list(folder.glob("job_*"))


def test_equal_documents_share_one_copy_in_memory_and_one_file(folder: Path) -> None:
    store = make_store(folder)
    first, second = run(store, "same"), run(store, "same")
    assert store.document(first) is store.document(second)
    assert (folder / "job_id_1.json").stat().st_ino == (folder / "job_id_2.json").stat().st_ino


def test_links_to_the_files_of_long_results_do_not_keep_these_in_memory(folder: Path) -> None:
    store = make_store(folder, cache=ByteCache(1 << 20))
    tracemalloc.start()
    try:
        for n in range(40):
            finish(store, accept(store), done_document({"text": f"{n:0500000}"}))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 4 << 20
