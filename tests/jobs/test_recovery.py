"""What a restart promises: every acknowledged job is known, and none is forgotten, repeated or half there."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from app.errors import GoneError, NotRecordedError
from app.jobs.job import JobStatus, Submission, done_document, error_document
from app.jobs.job_store import CANCELLED
from app.jobs.retention import Retention
from support.pool_parts import (
    WAIT_SECONDS,
    accept,
    answer_of,
    echo_request,
    finish,
    journal_of,
    make_pool,
    make_store,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.mark.parametrize("flushed", [True, False])
def test_a_restart_answers_for_ended_jobs_and_runs_the_others(folder: Path, flushed: bool) -> None:
    first = make_store(folder)
    jobs = [accept(first, n) for n in range(5)]
    finish(first, jobs[0])
    assert first.map.claim(jobs[1])
    first.finish(jobs[1], error_document("why"), "why")
    assert first.map.claim(jobs[2])  # and is not finished
    if flushed:
        first.flush()  # otherwise only the files record the ends
    second = make_store(folder)
    assert second.map.unfinished() == 3
    pool = make_pool(second)
    assert pool.resume() == 3
    assert pool.drain(WAIT_SECONDS)
    answers = [answer_of(second, second.map.find(f"job_id_{n}")) for n in range(1, 6)]
    assert answers[0] == {"status": "done", "data": {"n": 1}}
    assert answers[1] == {"status": "error", "reason": "why"}
    assert [answer["data"]["body"]["content"] for answer in answers[2:]] == [2, 3, 4]
    assert second.map.last_number() == 5


def test_numbers_go_on_from_the_highest_ever_given(folder: Path) -> None:
    first = make_store(folder, retention=Retention(jobs=1, seconds=1e9))
    for _ in range(4):
        finish(first, accept(first))
    first.flush()
    second = make_store(folder)
    assert accept(second).id == "job_id_5"
    with pytest.raises(GoneError):
        second.map.find("job_id_2")


@pytest.mark.parametrize("torn", [b'{"acc', b'{"accepted":3,"statistic":"echo","body":{}}', b"\x00\x00", b"{"])
def test_a_torn_last_line_is_dropped(folder: Path, torn: bytes) -> None:
    first = make_store(folder)
    accept(first)
    accept(first)
    with journal_of(folder).open("ab") as file:
        file.write(torn)
    second = make_store(folder)
    assert second.map.statuses() == [("job_id_1", "running"), ("job_id_2", "running")]
    accept(second)
    assert [job_id for job_id, _ in make_store(folder).map.statuses()] == ["job_id_1", "job_id_2", "job_id_3"]


def test_results_taken_over_are_still_there_after_a_second_restart(folder: Path) -> None:
    first = make_store(folder)
    for _ in range(3):
        finish(first, accept(first))
    journal_of(folder).unlink()
    second = make_store(folder)
    finish(second, accept(second))
    second.close()
    third = make_store(folder)
    third.flush()
    assert [status for _, status in third.map.statuses()] == ["done"] * 4
    assert len(list(folder.glob("job_id_*.json"))) == 4


def test_a_removal_is_recorded_before_it_is_acknowledged(folder: Path) -> None:
    first = make_store(folder)
    jobs = [accept(first) for _ in range(2)]
    finish(first, jobs[0])
    pool_like_cancel = [first.cancel(job.id) for job in jobs]
    first.record()
    assert pool_like_cancel == ["removed", "cancelled"]
    second = make_store(folder)  # without a flush of the first
    assert second.map.statuses() == [("job_id_2", "error")]
    with pytest.raises(GoneError):
        second.map.find("job_id_1")


def test_a_removal_that_cannot_be_recorded_removes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(folder)
    finish(store, accept(store))
    with monkeypatch.context() as patch:
        patch.setattr("app.jobs.journal.os.write", refuse_to_write)
        with pytest.raises(NotRecordedError):
            store.cancel("job_id_1")
    assert answer_of(store, store.map.find("job_id_1")) == {"status": "done", "data": {"n": 1}}
    store.close()
    assert make_store(folder).map.size() == 1


def refuse_to_write(*_: object) -> int:
    """Stand in for a full disk."""
    raise OSError(28, "No space left on device")


def test_an_odd_entry_stops_no_start_and_its_number_is_not_given(folder: Path) -> None:
    folder.mkdir()
    (folder / "job_id_70.json").mkdir()
    (folder / "job_id_71.json").symlink_to(folder / "nowhere")
    (folder / "job_id_72.0.partial").mkdir()
    store = make_store(folder)
    assert store.map.statuses() == []
    assert accept(store).number == 72


def test_the_end_of_a_job_is_never_before_its_acceptance(folder: Path) -> None:
    first = make_store(folder)
    job = accept(first)
    finish(first, job)
    os.utime(folder / "job_id_1.json", (1, 1))
    second = make_store(folder).map.find("job_id_1")
    assert second.ended_at == second.accepted_at == pytest.approx(job.accepted_at)


@pytest.mark.parametrize(("lines", "kept"), [(4, 4), (3, 1), (2, 1), (1, 1)])
def test_of_jobs_that_came_together_all_are_kept_or_none(folder: Path, lines: int, kept: int) -> None:
    first = make_store(folder)
    accept(first)
    requests = [replace(echo_request(), submission=Submission(place=place, jobs=3)) for place in range(3)]
    first.accept([(request, lambda: done_document({})) for request in requests])
    content = journal_of(folder).read_bytes().splitlines(keepends=True)
    journal_of(folder).write_bytes(b"".join(content[: 1 + lines]) + b'{"acc')
    second = make_store(folder)
    assert len(second.map.statuses()) == kept
    assert second.map.last_number() == lines  # what was dropped may have been seen: its number is not given again
    after = accept(second)
    third = [job_id for job_id, _ in make_store(folder).map.statuses()]
    assert third == [*(job_id for job_id, _ in second.map.statuses() if job_id != after.id), after.id]


def test_a_cancelled_job_stays_cancelled(folder: Path) -> None:
    first = make_store(folder)
    first.cancel(accept(first).id)
    first.flush()
    second = make_store(folder)
    assert answer_of(second, second.map.find("job_id_1")) == {"status": "error", "reason": CANCELLED}


def test_results_without_a_journal_are_taken_over(folder: Path) -> None:
    first = make_store(folder)
    finish(first, accept(first))
    journal_of(folder).unlink()
    second = make_store(folder)
    assert answer_of(second, second.map.find("job_id_1")) == {"status": "done", "data": {"n": 1}}
    assert accept(second).id == "job_id_2"
    (folder / "job_id_1.json").unlink()
    assert "cannot be computed again" in answer_of(second, second.map.find("job_id_1"))["reason"]


def test_a_file_that_is_left_of_a_removed_job_is_removed(folder: Path) -> None:
    first = make_store(folder)
    finish(first, accept(first))
    first.cancel("job_id_1")
    first.flush()
    (folder / "job_id_1.json").write_bytes(done_document({}).content)
    second = make_store(folder)
    assert second.map.statuses() == []
    second.flush()
    assert not (folder / "job_id_1.json").exists()


def test_what_an_interrupted_write_left_is_removed_and_other_files_stay(folder: Path) -> None:
    folder.mkdir()
    (folder / "job_id_7.0.partial").write_bytes(b'{"status":"do')
    (folder / "notes.txt").write_text("somebody's own")
    assert make_store(folder).map.statuses() == []
    assert sorted(path.name for path in folder.iterdir()) == ["journal.jsonl", "notes.txt"]


def test_a_damaged_result_of_a_job_whose_end_was_not_noted_is_computed_again(folder: Path) -> None:
    first = make_store(folder)
    finish(first, accept(first, "again"))
    (folder / "job_id_1.json").write_bytes(b'{"status":"done","data":{"n"')
    second = make_store(folder)
    assert second.map.status(second.map.find("job_id_1")) is JobStatus.RUNNING
    pool = make_pool(second)
    pool.resume()
    assert pool.drain(WAIT_SECONDS)
    assert answer_of(second, second.map.find("job_id_1"))["data"] == {"body": {"content": "again"}}


def test_the_journal_does_not_grow_with_history(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.jobs.job_store.SPARE_JOURNAL_LINES", 50)
    store = make_store(folder, retention=Retention(jobs=5, seconds=1e9))
    longest = 0
    for _ in range(500):
        finish(store, accept(store))
        store.flush()
        longest = max(longest, len(journal_of(folder).read_bytes().splitlines()))
    assert 50 < longest < 50 + 4 * 6 + 10
    restarted = make_store(folder)
    store.flush()
    assert restarted.map.last_number() == 500
    assert len([1 for _, status in restarted.map.statuses() if status == "done"]) >= 5


def test_a_journal_that_is_taken_away_is_written_anew(folder: Path) -> None:
    store = make_store(folder)
    finish(store, accept(store, "a"))
    accept(store, "b")
    for entry in folder.iterdir():
        entry.unlink()
    folder.rmdir()
    accept(store, "c")
    assert len(make_store(folder).map.statuses()) == 3


def test_what_cannot_be_recorded_is_not_accepted_and_takes_no_number(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store(folder)
    accept(store)

    def half_a_write(file: int, content: bytes) -> int:
        write(file, bytes(content)[: len(content) // 2])
        raise OSError(28, "No space left on device")

    from os import write  # noqa: PLC0415 - the real one, before it is replaced

    with monkeypatch.context() as patch:
        patch.setattr("app.jobs.journal.os.write", half_a_write)
        for _ in range(2):
            with pytest.raises(NotRecordedError, match="No space left on device"):
                accept(store)
    assert accept(store).id == "job_id_2"
    lines = journal_of(folder).read_bytes().splitlines()
    assert [orjson.loads(line)["accepted"] for line in lines[1:]] == [1, 2]
    assert make_store(folder).map.statuses() == [("job_id_1", "running"), ("job_id_2", "running")]


def test_a_journal_that_vanishes_once_it_is_in_place_is_written_anew_as_a_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store(folder)
    accept(store)
    shutil.rmtree(folder)
    put_in_place = Path.replace

    def put_in_place_and_remove(path: Path, target: Path) -> Path:
        moved = put_in_place(path, target)
        shutil.rmtree(folder)
        return moved

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", put_in_place_and_remove)
        accept(store)
    store.flush()
    assert make_store(folder).map.unfinished() == 2


def test_a_folder_that_vanishes_while_it_is_made_costs_no_job(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(folder)
    shutil.rmtree(folder)
    make = Path.mkdir

    def find_it_there_and_then_gone(path: Path, mode: int, **options: bool) -> None:
        make(path, mode, **options)
        raise FileExistsError

    monkeypatch.setattr(Path, "mkdir", find_it_there_and_then_gone)
    assert accept(store).number == 1
    monkeypatch.undo()
    assert make_store(folder).map.unfinished() == 1


@pytest.mark.parametrize("sync", ["never", "second", "always"])
def test_every_way_to_force_the_journal_to_disk_records_the_same(folder: Path, sync: str) -> None:
    store = make_store(folder, sync=sync)  # type: ignore[arg-type]
    finish(store, accept(store))
    store.flush()
    assert [status for _, status in make_store(folder).map.statuses()] == ["done"]
