"""The download command installs and records a table, or prints one line with the reason."""

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

from support.real_server import PROJECT_ROOT, free_port
from support.survey_files import CDC_COLUMNS, COMPRESS, NEEDED_COLUMNS, Row, csv_text, row
from support.table_server import WAIT_SECONDS, Act, TableServer, table_server
from tools import download_table

FEWEST = 10_000
PLENTY = csv_text([row()] * FEWEST).encode()
BEFORE = csv_text([row(Data_Value=1)] * 3).encode()
FAST = download_table.RETRIES.new(backoff_factor=0)
PAGE = Act(body=b"<html>Sorry</html>", headers=(("Content-Type", "text/html"),))
FOOTNOTED = (*NEEDED_COLUMNS, "Data_Value_Footnote_Symbol")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[TableServer]:
    """A server of a plausible table, which is the default address."""
    with table_server() as running:
        running.content = PLENTY
        monkeypatch.setattr(download_table, "CDC_TABLE_URL", running.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield running


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The path of the table, in a folder that does not exist yet."""
    return tmp_path / "data" / "brfss.csv"


def run(place: Path, *options: str) -> int:
    """Run the tool in this process; return its exit code."""
    return download_table.main(["--output", str(place), *options], FAST)


def failure(place: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Run the tool, check that it fails with one line and keeps existing files, and return the line."""
    before = place.read_bytes() if place.exists() else None
    assert run(place, *options) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("no new table: ")
    assert line.endswith("brfss.csv stays as it was" if before else "the bundled table stays in use")
    assert (place.read_bytes() if place.exists() else None) == before
    return line


def put_before(place: Path, content: bytes = BEFORE) -> None:
    """Write a table to the path."""
    place.parent.mkdir()
    place.write_bytes(content)


def test_a_table_is_installed_and_recorded(
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


@pytest.mark.parametrize("compression", COMPRESS)
def test_a_compressed_table_is_installed_unchanged(place: Path, server: TableServer, compression: str) -> None:
    server.content = COMPRESS[compression](PLENTY)
    assert run(place) == 0
    assert place.read_bytes() == server.content


def test_a_broken_download_is_resumed(place: Path, server: TableServer) -> None:
    server.acts = [Act(sends=200_000)] * 2
    assert run(place) == 0
    assert place.read_bytes() == PLENTY
    assert server.ranges() == [None, "bytes=200000-", "bytes=400000-"]


@pytest.mark.parametrize("before", [False, True])
def test_without_a_network_one_line_says_so_and_nothing_changes(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], before: bool
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    if before:
        put_before(place)
    url = f"http://127.0.0.1:{free_port()}/rows.csv"
    assert f"{url}: Connection refused; check the network" in failure(place, capsys, "--url", url)


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
def test_a_download_that_is_not_a_table_is_rejected_and_removed(
    place: Path, server: TableServer, capsys: pytest.CaptureFixture[str], act: Act
) -> None:
    put_before(place)
    server.acts = [act]
    failure(place, capsys)
    assert [path for path in place.parent.iterdir() if path.stat().st_size] == [place]
    assert len(server.requests) == 1


def table(*, good: int, **fields: object) -> bytes:
    """Return a table of ``good`` valid rows and one more with the given fields."""
    return csv_text([*[row()] * good, row(**fields)], FOOTNOTED).encode()


IMPLAUSIBLE: Mapping[str, tuple[bytes, str]] = {
    "few rows": (csv_text([row()] * (FEWEST - 1)).encode(), "has 9,999 rows, at least 10,000 are expected"),
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
def test_an_implausible_table_is_accepted_only_by_force(
    place: Path, server: TableServer, capsys: pytest.CaptureFixture[str], content: bytes, objection: str
) -> None:
    server.content = content
    line = failure(place, capsys)
    assert objection in line
    assert "`make data FORCE=yes` accepts it" in line
    assert run(place, "--force") == 0
    assert place.read_bytes() == content


@pytest.mark.parametrize(("rows_before", "accepted"), [(2 * FEWEST, True), (2 * FEWEST + 1, False)])
def test_a_table_with_less_than_half_of_the_previous_rows_is_rejected(
    place: Path, server: TableServer, capsys: pytest.CaptureFixture[str], rows_before: int, accepted: bool
) -> None:
    put_before(place, csv_text([row()] * rows_before).encode())
    if accepted:
        assert run(place) == 0
    else:
        assert "has 10,000 rows, the previous one has 20,001" in failure(place, capsys)


def test_an_unreadable_previous_table_is_replaced(place: Path, server: TableServer) -> None:
    put_before(place, b"no table")
    assert run(place) == 0
    assert place.read_bytes() == PLENTY


def test_force_does_not_accept_a_file_that_is_not_a_table(
    place: Path, server: TableServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.acts = [PAGE, Act(body=b"Question,Answer\nWhy,Because\n")]
    failure(place, capsys, "--force")
    failure(place, capsys, "--force")


@pytest.mark.parametrize(
    "url", ["", "rows.csv", "https://", "https:///rows.csv", "file:///etc/hostname", "https://me:secret@a.example/"]
)
def test_an_address_that_is_not_on_the_web_or_holds_a_password_is_rejected(
    place: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(place, "--url", url)
    assert stopped.value.code == 2
    assert "use an http:// or https:// address without a password" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["https://a.example:http/", "https://[::1/"])
def test_a_malformed_address_fails_in_one_line(place: Path, capsys: pytest.CaptureFixture[str], url: str) -> None:
    assert url in failure(place, capsys, "--url", url)


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "not announced"])
def test_a_download_that_is_too_large_is_rejected_and_removed(
    place: Path,
    server: TableServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    chunked: bool,
) -> None:
    monkeypatch.setattr(download_table, "MOST_BYTES", len(PLENTY) - 1)
    put_before(place)
    server.acts = [Act(chunked=chunked)]
    assert f"the file is larger than {len(PLENTY) - 1:,} bytes" in failure(place, capsys)
    assert [path for path in place.parent.iterdir() if path.stat().st_size] == [place]
    assert len(server.requests) == 1
    monkeypatch.setattr(download_table, "MOST_BYTES", len(PLENTY))
    assert run(place) == 0


def redirect(target: str) -> Act:
    """Return a response that redirects."""
    return Act(status=302, headers=(("Location", target),))


@pytest.mark.parametrize(
    ("target", "place_in_message"),
    [
        ("/rows.csv", "http://127.0.0.1:"),
        ("http://data.cdc.gov/rows.csv", "http://data.cdc.gov"),
        ("https://169.254.169.254/latest/meta-data", "https://169.254.169.254"),
        ("https://data.cdc.gov.example/rows.csv", "https://data.cdc.gov.example"),
        ("https://data.cdc.gov@a.example/rows.csv", "https://a.example"),
        ("//a.example/rows.csv", "http://a.example"),
        ("file:///etc/hostname", "file://"),
        ("https://[::1/rows.csv", "a malformed address"),
    ],
)
def test_a_redirect_elsewhere_is_refused(
    place: Path, server: TableServer, capsys: pytest.CaptureFixture[str], target: str, place_in_message: str
) -> None:
    server.acts = [redirect(target)]
    line = failure(place, capsys)
    assert f"the server redirects to '{place_in_message}" in line
    assert "only redirects to https://127.0.0.1 or https://data.cdc.gov are followed" in line
    assert len(server.requests) == 1


def test_a_redirect_to_the_same_host_by_https_is_followed(
    place: Path, server: TableServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.acts = [redirect(f"https://127.0.0.1:{free_port()}/rows.csv")]
    assert "Connection refused; check the network" in failure(place, capsys)


def test_a_second_download_into_the_same_folder_is_rejected(
    place: Path, server: TableServer, capsys: pytest.CaptureFixture[str]
) -> None:
    put_before(place)
    descriptor = os.open(place.parent, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert "another download" in failure(place, capsys)
    os.close(descriptor)
    assert run(place) == 0


def test_a_folder_that_cannot_be_created_is_an_error(
    place: Path, server: TableServer, capsys: pytest.CaptureFixture[str]
) -> None:
    place.parent.write_text("in the way")
    assert f"cannot write {place.parent}: File exists" in failure(place, capsys)


def test_ctrl_c_keeps_the_partial_file_for_the_next_run(place: Path, server: TableServer) -> None:
    put_before(place)
    server.acts = [Act(sends=300_000, stalls=True)]
    command = [sys.executable, "-m", "tools.download_table", "--url", server.url, "--output", str(place)]
    with subprocess.Popen(
        command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert server.stalled.wait(WAIT_SECONDS)
        while not (place.parent / "brfss.csv.partial.json").exists():  # until the response has begun
            assert process.poll() is None
            threading.Event().wait(0.001)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 130
    assert errors == "no new table: stopped; the next run resumes; brfss.csv stays as it was\n"
    assert place.read_bytes() == BEFORE
    assert run(place) == 0
    assert place.read_bytes() == PLENTY
