"""Versions of the table in the results folder: kept by content, found by id, prefix and time, removed."""

import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.errors import ConflictError, InvalidRequestError, TableGoneError, UnknownTableError
from app.table.engines.pandas_reader import read_table
from app.table.survey_table import SurveyTable
from app.versions.files import FOLDER
from app.versions.kept_tables import KeptTables
from app.versions.table_file import TableFileError, read_table_file, table_bytes
from app.versions.version import moment_of
from support.harm import flip_bit
from support.versioned_table import table_text, write_table

MANY = 100


def version(folder: Path, number: int) -> SurveyTable:
    """Read a version of the small table from a file of its own."""
    path = folder / f"table-{number}.csv"
    write_table(path, number)
    return read_table(path)


@pytest.fixture
def tables(tmp_path: Path) -> KeptTables:
    """No versions yet."""
    return KeptTables(tmp_path, MANY)


def clocked(monkeypatch: pytest.MonkeyPatch, times: list[datetime]) -> None:
    """Let the store see these times, one after the other, and then the last one for ever."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            assert tz is UTC
            return times.pop(0) if len(times) > 1 else times[0]

    monkeypatch.setattr("app.versions.kept_tables.datetime", Clock)


# Identity


def test_the_order_of_rows_and_the_name_of_the_file_do_not_count(tmp_path: Path) -> None:
    header, *rows = table_text(0).splitlines()
    shuffled = tmp_path / "other name.csv"
    shuffled.write_text("\n".join([header, *reversed(rows)]) + "\n")
    assert read_table(shuffled).id == version(tmp_path, 0).id


def test_one_value_more_or_less_counts(tmp_path: Path) -> None:
    changed, shorter, text = tmp_path / "changed.csv", tmp_path / "shorter.csv", table_text(0)
    assert text.count("10.0") == 1
    changed.write_text(text.replace("10.0", "10.1"))
    shorter.write_text("\n".join(text.splitlines()[:-1]) + "\n")
    ids = {version(tmp_path, 0).id, read_table(changed).id, read_table(shorter).id, version(tmp_path, 1).id}
    assert len(ids) == 4


# The file


def test_a_table_file_holds_an_equal_table(tmp_path: Path) -> None:
    table = version(tmp_path, 0)
    path = tmp_path / f"{table.id}.parquet"
    path.write_bytes(table_bytes(table))
    kept = read_table_file(path)
    assert kept.id == table.id
    assert kept.report == table.report
    assert [data.question for data in kept.questions] == [data.question for data in table.questions]
    assert kept.category_keys == table.category_keys
    assert not kept.questions[0].cells.value_sum.flags.writeable


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_table_file_is_never_read_as_another_table(tmp_path: Path, seed: int) -> None:
    table = version(tmp_path, 0)
    path = tmp_path / f"{table.id}.parquet"
    path.write_bytes(table_bytes(table))
    chance = random.Random(seed)
    flip_bit(path, chance.randrange(path.stat().st_size), chance.randrange(8))
    with suppress(TableFileError):
        kept = read_table_file(path)  # the bit may be in a part of the file that says nothing about the table
        assert kept.id == table.id
        assert kept.report == table.report


# Serving and finding


def test_the_same_content_read_again_keeps_the_report_of_its_first_load(tables: KeptTables, tmp_path: Path) -> None:
    first = tables.serve(version(tmp_path, 0))
    (tmp_path / "copy").mkdir()
    again = tables.serve(version(tmp_path / "copy", 0))
    assert again.report == first.report
    (known,) = tables.versions()
    assert known.last_read > known.first_read
    assert len(known.served_from) == 1


def test_a_version_is_found_by_its_id_and_by_its_first_characters(tables: KeptTables, tmp_path: Path) -> None:
    id_ = tables.serve(version(tmp_path, 0)).id
    assert tables.find(id_).id == tables.find(id_[:8]).id == id_
    for text in (id_[:7], id_.upper(), "0" * 64, "x" * 8, ""):
        with pytest.raises(UnknownTableError, match="GET /api/tables lists them"):
            tables.find(text)


def test_as_of_a_day_is_the_version_served_at_its_end(
    tables: KeptTables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime(2026, 1, 10, 12, tzinfo=UTC)
    times = [noon, noon + timedelta(days=2), noon + timedelta(days=2, hours=1), noon + timedelta(days=9)]
    clocked(monkeypatch, times)
    first, second = version(tmp_path, 0).id, version(tmp_path, 1).id
    for number in (0, 1, 0):
        tables.serve(version(tmp_path, number))
    said = {"2026-01-10": first, "2026-01-11": first, "2026-01-12T12:30": second, "2026-01-12": first}
    assert {text: tables.as_of(text).id for text in said} == said
    assert tables.as_of("2026-01-12T13:30:00+01:00").id == second
    with pytest.raises(InvalidRequestError, match="lies before the first table of this server"):
        tables.as_of("2026-01-10T11:59")


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2026-1-1", "", "9999-12-31"])
def test_a_time_that_is_none_or_ahead_is_an_error(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="as_of"):
        moment_of(text, datetime(2026, 1, 20, tzinfo=UTC))


def test_versions_outlive_the_process(tables: KeptTables, tmp_path: Path) -> None:
    first = tables.serve(version(tmp_path, 0))
    tables.serve(version(tmp_path, 1))
    restarted = KeptTables(tmp_path, MANY)
    assert [each.id for each in restarted.versions()] == [version(tmp_path, 1).id, first.id]
    assert restarted.table(first.id).report == first.report


def test_a_lost_record_is_made_again_from_the_table(tables: KeptTables, tmp_path: Path) -> None:
    id_ = tables.serve(version(tmp_path, 0)).id
    (tmp_path / FOLDER / f"{id_}.json").write_text("{")
    (known,) = KeptTables(tmp_path, MANY).versions()
    assert known.id == id_
    assert known.served_from == (known.first_read,)


def test_the_current_table_is_written_again_when_its_files_are_gone(tables: KeptTables, tmp_path: Path) -> None:
    id_ = tables.serve(version(tmp_path, 0)).id
    for path in (tmp_path / FOLDER).iterdir():
        path.unlink()
    (tmp_path / FOLDER).rmdir()
    tables.maintain(frozenset)
    assert KeptTables(tmp_path, MANY).table(id_).id == id_


def test_a_damaged_current_table_is_written_again_when_it_is_read_again(tables: KeptTables, tmp_path: Path) -> None:
    id_ = tables.serve(version(tmp_path, 0)).id
    (tmp_path / FOLDER / f"{id_}.parquet").write_bytes(b"nonsense")
    restarted = KeptTables(tmp_path, MANY)
    restarted.serve(version(tmp_path, 0))
    assert KeptTables(tmp_path, MANY).table(id_).id == id_


def test_a_table_that_cannot_be_kept_is_served_and_kept_later(
    tables: KeptTables, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FOLDER).write_text("in the way")
    id_ = tables.serve(version(tmp_path, 0)).id
    for _ in range(3):
        tables.maintain(frozenset)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert tables.table(id_).id == id_
    (tmp_path / FOLDER).unlink()
    tables.maintain(frozenset)
    assert KeptTables(tmp_path, MANY).table(id_).id == id_


# Removing


def test_the_newest_stay_and_those_that_jobs_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.versions.kept_tables.IN_USE_SECONDS", -1.0)
    tables = KeptTables(tmp_path, 2)
    ids = [tables.serve(version(tmp_path, number)).id for number in range(5)]
    tables.maintain(lambda: {ids[1]})
    assert {each.id for each in tables.versions()} == {ids[1], ids[3], ids[4]}
    assert {path.stem for path in (tmp_path / FOLDER).glob("*.parquet")} == {ids[1], ids[3], ids[4]}


def test_a_version_that_was_just_asked_for_is_not_removed(tmp_path: Path) -> None:
    tables = KeptTables(tmp_path, 1)
    ids = [tables.serve(version(tmp_path, number)).id for number in range(3)]
    tables.table(ids[0])
    tables.maintain(frozenset)
    assert {each.id for each in tables.versions()} == {ids[0], ids[2]}


def test_a_removed_version_is_gone_and_nothing_takes_its_place(tables: KeptTables, tmp_path: Path) -> None:
    first = tables.serve(version(tmp_path, 0))
    served = datetime.now(UTC)
    second = tables.serve(version(tmp_path, 1))
    with pytest.raises(ConflictError, match="current"):
        tables.remove(second.id[:8])
    tables.remove(first.id[:8])
    for kept in (tables, KeptTables(tmp_path, MANY)):
        asks = (kept.find, first.id), (kept.table, first.id), (kept.as_of, served.isoformat()), (kept.remove, first.id)
        for ask, text in asks:
            with pytest.raises(TableGoneError, match="by an operator"):
                ask(text)
        assert [each.id for each in kept.versions()] == [second.id]


def test_a_removed_version_that_is_read_again_answers_as_before(tables: KeptTables, tmp_path: Path) -> None:
    first = tables.serve(version(tmp_path, 0))
    tables.serve(version(tmp_path, 1))
    tables.remove(first.id)
    again = tables.serve(version(tmp_path, 0))
    assert (again.report.source, again.report.sha256, again.report.loaded_at) == (
        first.report.source,
        first.report.sha256,
        first.report.loaded_at,
    )
    assert tables.find(first.id).removed_at is None


def test_two_ids_that_start_alike_need_more_characters(
    tables: KeptTables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, id_ in enumerate(("a" * 64, "a" * 63 + "b")):
        table = version(tmp_path, number)
        table.__dict__["id"] = id_
        tables.serve(table)
    with pytest.raises(InvalidRequestError, match="2 versions"):
        tables.find("a" * 8)
    with pytest.raises(InvalidRequestError, match="leave one of them out"):
        tables.requested("a" * 64, "2026-01-01")


def test_a_table_damaged_while_it_is_current_is_written_again_before_memory_loses_it(
    tables: KeptTables, tmp_path: Path
) -> None:
    id_ = tables.serve(version(tmp_path, 0)).id
    (tmp_path / FOLDER / f"{id_}.parquet").write_bytes(b"nonsense")
    tables.serve(version(tmp_path, 1))
    assert KeptTables(tmp_path, MANY).table(id_).id == id_


def test_a_damaged_table_that_cannot_be_deleted_stops_neither_a_start_nor_a_shutdown(
    tables: KeptTables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    id_ = tables.serve(version(tmp_path, 0)).id
    (tmp_path / FOLDER / f"{id_}.parquet").write_bytes(b"nonsense")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    tables.mend_current()
    KeptTables(tmp_path, MANY).serve(version(tmp_path, 0))
    assert "cannot be deleted: Permission denied" in caplog.text
