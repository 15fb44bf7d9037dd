"""`make data` from the command line to the table in its place, and what is told where it does not get there."""

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import download_table
from download_display import Bar, Lines
from resumable_download import Patience
from support.real_server import PROJECT_ROOT, free_port
from support.survey_files import CDC_COLUMNS, COMPRESS, NEEDED_COLUMNS, Row, csv_text, row
from support.table_server import WAIT_SECONDS, Act, TableServer, table_server

FEWEST = 10_000
PLENTY = csv_text([row()] * FEWEST).encode()
BEFORE = csv_text([row(Data_Value=1)] * 3).encode()
PATIENCE = Patience(connect_seconds=10, stall_seconds=10, attempts=3, pause_seconds=0.01)
PAGE = Act(body=b"<html>Sorry</html>", headers=(("Content-Type", "text/html"),))
FOOTNOTED = (*NEEDED_COLUMNS, "Data_Value_Footnote_Symbol")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[TableServer]:
    """A server of a plausible table, whose address is set."""
    with table_server() as running:
        running.content = PLENTY
        monkeypatch.setenv("STATS_DATA_URL", running.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield running


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The place of the table, in a folder that is not there yet."""
    return tmp_path / "data" / "brfss.csv"


def run(place: Path, *options: str) -> int:
    """Run the tool in this process; return its exit code."""
    return download_table.main(["--output", str(place), *options], PATIENCE)


def refusal(place: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Run the tool, check that it fails in one line and leaves what was there, and return the line."""
    before = place.read_bytes() if place.exists() else None
    assert run(place, *options) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("no new table: ")
    assert line.endswith("brfss.csv stays as it was" if before else "the bundled table stays in use")
    assert (place.read_bytes() if place.exists() else None) == before
    return line


def put_before(place: Path, content: bytes = BEFORE) -> None:
    """Put a table in the place."""
    place.parent.mkdir()
    place.write_bytes(content)


def test_a_table_is_put_in_its_place_and_recorded(
    place: Path, server: TableServer, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[Row] = [row(YearStart=year, YearEnd=year) for year in (2019, 2021)] * (FEWEST // 2)
    rows += [row(Data_Value="", Data_Value_Footnote_Symbol="~"), row(Data_Value=""), row(LocationDesc="")]
    server.content = csv_text(rows, CDC_COLUMNS).encode()
    put_before(place)
    assert run(place) == 0
    assert place.read_bytes() == server.content
    assert sorted(path.name for path in place.parent.iterdir()) == ["brfss.csv", "brfss.json"]
    record: dict[str, Any] = json.loads(place.with_suffix(".json").read_text())
    age = datetime.now(UTC) - datetime.fromisoformat(record.pop("downloaded_at"))
    assert timedelta(seconds=-1) <= age < timedelta(minutes=2)
    digest = hashlib.sha256(server.content).hexdigest()
    assert record == {
        "url": server.url,
        "sha256": digest,
        "bytes": len(server.content),
        "rows_read": FEWEST + 3,
        "rows_used": FEWEST,
        "rows_suppressed": 1,
        "rows_skipped": {"no location": 1, "no value and no footnote that says why": 1},
        "years": [2019, 2021],
    }
    printed = capsys.readouterr().out
    assert f"{place}: 10,003 rows, 2019 to 2021, 10,000 with a value, SHA-256 {digest}" in printed
    assert "POST /api/dataset/reload" in printed


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_compressed_table_is_taken_as_it_comes(place: Path, server: TableServer, kind: str) -> None:
    server.content = COMPRESS[kind](PLENTY)
    assert run(place) == 0
    assert place.read_bytes() == server.content


def test_a_table_that_breaks_off_is_gone_on_with(place: Path, server: TableServer) -> None:
    server.acts = [Act(sends=200_000)] * 2
    assert run(place) == 0
    assert place.read_bytes() == PLENTY
    assert server.ranges() == [None, "bytes=200000-", "bytes=400000-"]


@pytest.mark.parametrize("before", [False, True])
def test_without_a_network_one_line_says_so_and_nothing_changes(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], before: bool
) -> None:
    monkeypatch.setenv("STATS_DATA_URL", f"http://127.0.0.1:{free_port()}/rows.csv")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    if before:
        put_before(place)
    assert "there is no network, or 127.0.0.1" in refusal(place, capsys)


NO_TABLES = {
    "a page": PAGE,
    "a page that is called a table": Act(
        body=b"<!DOCTYPE html>\n<p>Sorry</p>\n", headers=(("Content-Type", "text/csv"),)
    ),
    "a message": Act(body=b'{"error": true, "message": "Sorry"}'),
    "nothing": Act(body=b""),
    "a header": Act(body=(",".join(NEEDED_COLUMNS) + "\n").encode()),
    "another table": Act(body=b"Question,Answer\nWhy,Because\n"),
    "a table cut off in a line": Act(length_off=-20),
    "a table cut off in the last field": Act(length_off=-1),
}


@pytest.mark.parametrize("act", NO_TABLES.values(), ids=NO_TABLES)
def test_what_is_no_table_is_refused_and_not_gone_on_with(
    place: Path, server: TableServer, capsys: pytest.CaptureFixture[str], act: Act
) -> None:
    put_before(place)
    server.acts = [act]
    refusal(place, capsys)
    assert list(place.parent.iterdir()) == [place]
    assert len(server.asked) == 1


def table(*, good: int, **fields: object) -> bytes:
    """Return a table of so many good rows, and one more with the given fields."""
    return csv_text([*[row()] * good, row(**fields)], FOOTNOTED).encode()


IMPLAUSIBLE: Mapping[str, tuple[bytes, str]] = {
    "few rows": (csv_text([row()] * (FEWEST - 1)).encode(), "has 9,999 rows, where at least 10,000 are expected"),
    "few values": (
        csv_text([row()] * 5_000 + [row(Data_Value="")] * 5_001).encode(),
        "has a usable value in only 5,000 of 10,001 rows",
    ),
    "text": (table(good=FEWEST, Data_Value="high"), "has 1 rows whose value is not a number"),
    "over 100": (table(good=FEWEST, Data_Value="100.1"), "has 1 rows whose value is not between 0 and 100"),
    "under 0": (table(good=FEWEST, Data_Value="-0.1"), "has 1 rows whose value is not between 0 and 100"),
    "no last line end": (PLENTY[:-1], "ends in the middle of a line"),
}


@pytest.mark.parametrize(("content", "objection"), IMPLAUSIBLE.values(), ids=IMPLAUSIBLE)
def test_what_is_not_plausible_is_taken_only_by_force(
    place: Path, server: TableServer, capsys: pytest.CaptureFixture[str], content: bytes, objection: str
) -> None:
    server.content = content
    line = refusal(place, capsys)
    assert objection in line
    assert "make data FORCE=yes takes it all the same" in line
    assert run(place, "--force") == 0
    assert place.read_bytes() == content


@pytest.mark.parametrize(("rows_before", "taken"), [(2 * FEWEST, True), (2 * FEWEST + 1, False)])
def test_a_table_with_less_than_half_of_the_rows_before_is_refused(
    place: Path, server: TableServer, capsys: pytest.CaptureFixture[str], rows_before: int, taken: bool
) -> None:
    put_before(place, csv_text([row()] * rows_before).encode())
    if taken:
        assert run(place) == 0
    else:
        assert "has 10,000 rows, where the one before it has 20,001" in refusal(place, capsys)


def test_what_lies_in_the_place_and_cannot_be_read_is_replaced(place: Path, server: TableServer) -> None:
    put_before(place, b"no table")
    assert run(place) == 0
    assert place.read_bytes() == PLENTY


def test_a_readable_file_is_not_forced_to_be_a_table(
    place: Path, server: TableServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.acts = [PAGE, Act(body=b"Question,Answer\nWhy,Because\n")]
    refusal(place, capsys, "--force")
    refusal(place, capsys, "--force")


def test_a_setting_that_makes_no_sense_is_told_in_one_line_with_exit_code_2(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STATS_DATA_URL", "file:///etc/hostname")
    assert run(place) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "STATS_DATA_URL='file:///etc/hostname'" in line


def test_two_downloads_do_not_get_into_each_others_way(
    place: Path, server: TableServer, capsys: pytest.CaptureFixture[str]
) -> None:
    put_before(place)
    descriptor = os.open(place.parent, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert "another download" in refusal(place, capsys)
    os.close(descriptor)
    assert run(place) == 0


def test_a_folder_that_cannot_be_made_is_told(
    place: Path, server: TableServer, capsys: pytest.CaptureFixture[str]
) -> None:
    place.parent.write_text("in the way")
    assert f"{place.parent} cannot be used" in refusal(place, capsys)


def test_ctrl_c_leaves_what_has_come_for_the_next_run(place: Path, server: TableServer) -> None:
    put_before(place)
    server.acts = [Act(sends=300_000, stalls=True)]
    tool = PROJECT_ROOT / "tools" / "download_table.py"
    command = [sys.executable, str(tool), "--output", str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert server.stalled.wait(WAIT_SECONDS)
        while not (place.parent / "brfss.csv.partial").exists():  # until it has begun to take what was sent
            assert process.poll() is None
            threading.Event().wait(0.001)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 130
    assert told == "no new table: stopped; the next run goes on from there; brfss.csv stays as it was\n"
    assert place.read_bytes() == BEFORE
    assert run(place) == 0
    assert place.read_bytes() == PLENTY


def test_lines_tell_each_tenth_or_each_ten_megabytes(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for done in range(0, 20_000_001, 500_000):
        lines.show(done, 20_000_000)
    tenths = [f"{2 * number:.1f} of 20.0 MB" for number in range(11)]
    assert capsys.readouterr().out.splitlines() == tenths
    lines = Lines()
    for done in range(0, 25_000_001, 500_000):
        lines.show(done, None)
    assert capsys.readouterr().out.splitlines() == ["0.0 MB", "10.0 MB", "20.0 MB"]


def test_a_terminal_gets_a_bar_and_what_is_said_as_it_is(tmp_path: Path) -> None:
    with (tmp_path / "terminal").open("w+") as file:
        with Bar(Console(file=file, force_terminal=True, width=100)) as bar:
            bar.show(10_000_000, 40_000_000)
            bar.say("status [503]; trying again")
        file.seek(0)
        shown = file.read()
    assert "10.0/40.0 MB" in shown
    assert "status [503]; trying again\n" in shown
