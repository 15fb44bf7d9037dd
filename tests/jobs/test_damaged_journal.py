"""A journal that is damaged, changed underneath, or of another version costs no result."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import StartError
from app.jobs.job import JobStatus, Submission, done_document
from app.jobs.journal import Journal, checked_line
from support.pool_parts import (
    accept,
    answer_of,
    echo_request,
    finish,
    journal_of,
    make_store,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results"


def flip(path: Path, offset: int) -> None:
    """Flip the lowest bit of a byte of a file."""
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


def test_no_flipped_bit_of_the_journal_costs_a_result_or_changes_an_answer(folder: Path) -> None:
    first = make_store(folder)
    for _ in range(2):
        finish(first, accept(first))
    first.close()
    whole = journal_of(folder).read_bytes()
    for offset in range(len(whole)):
        journal_of(folder).write_bytes(whole)
        flip(journal_of(folder), offset)
        second = make_store(folder)
        answers = [answer_of(second, second.map.find(job_id)) for job_id in ("job_id_1", "job_id_2")]
        assert answers == [{"status": "done", "data": {"n": n}} for n in (1, 2)], whole[offset - 20 : offset + 20]
        assert accept(second).number > 2
        second.close()
        # A damaged number may stand for a job that was never accepted; it then answers that its record is damaged.
        assert [status for _, status in make_store(folder).map.statuses()].count(JobStatus.ERROR) <= 1
        assert sorted(status for _, status in make_store(folder).map.statuses() if status is not JobStatus.ERROR) == [
            "done",
            "done",
            "running",
        ]
    damaged = [path for path in folder.iterdir() if path.name.startswith("journal.damaged-")]
    assert damaged


def test_a_flipped_bit_of_a_result_is_detected_without_the_journal(folder: Path) -> None:
    first = make_store(folder)
    finish(first, accept(first, "again"))  # its end is in memory alone
    path = folder / "job_id_1.json"
    whole = path.read_bytes()
    for offset in range(len(whole)):
        path.write_bytes(whole)
        flip(path, offset)
        second = make_store(folder)
        assert second.map.unfinished() == 1, path.read_bytes()


def test_a_job_whose_record_is_damaged_ends_with_the_reason(folder: Path) -> None:
    first = make_store(folder)
    accept(first)
    accept(first)
    first.close()
    flip(journal_of(folder), journal_of(folder).read_bytes().index(b'"content"'))
    second = make_store(folder)
    assert "damaged" in answer_of(second, second.map.find("job_id_1"))["reason"]
    assert second.map.status(second.map.find("job_id_2")) is JobStatus.RUNNING


def test_a_batch_is_not_dropped_for_a_damaged_line(folder: Path) -> None:
    first = make_store(folder)
    requests = [replace(echo_request(), submission=Submission(place=place, jobs=3)) for place in range(3)]
    first.accept([(request, lambda: done_document({})) for request in requests])
    first.close()
    flip(journal_of(folder), -5)
    assert make_store(folder).map.unfinished() == 2


def test_a_journal_of_the_earlier_version_is_read_and_rewritten(folder: Path) -> None:
    folder.mkdir()
    lines = [
        b'{"highest":6}',
        b'{"accepted":5,"statistic":"echo","body":{"content":5},"at":1.5}',
        b'{"accepted":6,"statistic":"echo","body":{"content":6},"at":1.5}',
        b'{"ended":5,"status":"error","checksum":null,"reason":"why","at":2.5}',
    ]
    journal_of(folder).write_bytes(b"\n".join(lines) + b"\n")
    store = make_store(folder)
    store.flush()
    assert journal_of(folder).read_bytes().startswith(b'{"journal":3,')
    again = make_store(folder)
    assert again.map.statuses() == [("job_id_5", "error"), ("job_id_6", "running")]
    assert answer_of(again, again.map.find("job_id_5"))["reason"] == "why"


@pytest.mark.parametrize("line", [b'{"journal":4,"sum":"x"}', checked_line({"journal": 4})])
def test_a_journal_of_a_later_version_stops_the_start(folder: Path, line: bytes) -> None:
    folder.mkdir()
    journal_of(folder).write_bytes(line + b"\n")
    with pytest.raises(StartError, match="version 4"):
        Journal(folder, "never").check_version()


def test_fields_of_a_later_version_are_ignored(folder: Path) -> None:
    folder.mkdir()
    record = {"accepted": 1, "statistic": "echo", "body": {}, "at": 1, "submission": {"key": "k", "new": 1}, "new": 2}
    journal_of(folder).write_bytes(checked_line({"journal": 2, "new": 3}) + checked_line(record))
    assert make_store(folder).map.statuses() == [("job_id_1", "running")]


@pytest.mark.parametrize("harm", ["truncated", "appended to"])
def test_a_journal_that_is_changed_underneath_is_written_anew(folder: Path, harm: str) -> None:
    store = make_store(folder)
    for _ in range(3):
        finish(store, accept(store))
    if harm == "truncated":
        os.truncate(journal_of(folder), 20)
    else:
        with journal_of(folder).open("ab") as file:
            file.write(b"stray\n")
    accept(store)
    store.close()
    assert [status for _, status in make_store(folder).map.statuses()] == ["done"] * 3 + ["running"]


def test_a_bit_flipped_under_a_running_store_is_mended_when_it_closes(folder: Path) -> None:
    store = make_store(folder)
    finish(store, accept(store, "asked"))
    store.flush()
    flip(journal_of(folder), journal_of(folder).read_bytes().index(b'"accepted":1') + 2)
    store.close()
    request = make_store(folder).map.find("job_id_1").request  # only the journal has it
    assert request is not None
    assert request.body == b'{"content":"asked"}'


@pytest.mark.parametrize(
    "line", [b"nonsense", b"[1]", b'{"accepted":"x"}', b'{"ended":1}', b'{"other":1}', b"\xff\xfe"]
)
def test_a_damaged_line_costs_no_other_job(folder: Path, line: bytes) -> None:
    first = make_store(folder)
    accept(first)
    first.close()
    content = journal_of(folder).read_bytes()
    journal_of(folder).write_bytes(line + b"\n" + content + line + b"\n")
    assert make_store(folder).map.statuses() == [("job_id_1", "running")]
