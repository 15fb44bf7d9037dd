"""Transfers from servers that stall, break the connection, send wrong sizes or ranges, or change the file."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from support.real_server import free_port
from support.table_server import Act, TableServer, table_server
from tools import download_table
from tools.download_table import RETRIES, DownloadError

CONTENT = random.Random(1).randbytes(1_000_000)
OTHER = random.Random(2).randbytes(700_000)
FAST = RETRIES.new(total=2, backoff_factor=0)
ONCE = RETRIES.new(total=0)
HALF = 500_000


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a proxy of this machine out of the way to the loopback address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[TableServer]:
    """A server of the content."""
    with table_server() as running:
        running.content = CONTENT
        yield running


def fetch(folder: Path, url: str, retries: Retry = FAST) -> None:
    """Complete the partial file of a folder."""
    download_table.fetch(url, folder / "t.csv.partial", retries)


def fetch_fails(folder: Path, url: str, retries: Retry = FAST) -> str:
    """Check that the transfer fails; return the message."""
    with pytest.raises((DownloadError, requests.RequestException, HTTPError)) as caught:
        fetch(folder, url, retries)
    return str(caught.value)


def received(folder: Path) -> bytes:
    """Return the bytes of the partial file."""
    return (folder / "t.csv.partial").read_bytes()


def half_received(folder: Path, server: TableServer, act: Act | None = None) -> None:
    """Let a run fail after half of the file."""
    server.acts = [act or Act(sends=HALF)]
    fetch_fails(folder, server.url, ONCE)
    assert received(folder) == CONTENT[:HALF]
    server.requests.clear()


def test_a_file_is_fetched_uncompressed_with_one_request(tmp_path: Path, server: TableServer) -> None:
    fetch(tmp_path, server.url)
    assert received(tmp_path) == CONTENT
    assert server.ranges() == [None]
    assert server.requests[0]["Accept-Encoding"] == "identity"


def test_a_file_of_unknown_length_is_fetched(tmp_path: Path, server: TableServer) -> None:
    server.acts = [Act(chunked=True)]
    fetch(tmp_path, server.url)
    assert received(tmp_path) == CONTENT


@pytest.mark.parametrize("chunked", [False, True])
def test_a_transfer_that_breaks_twice_is_resumed(
    tmp_path: Path, server: TableServer, capsys: pytest.CaptureFixture[str], chunked: bool
) -> None:
    server.acts = [Act(sends=300_000, chunked=chunked), Act(sends=300_000, chunked=chunked)]
    fetch(tmp_path, server.url)
    assert received(tmp_path) == CONTENT
    assert server.ranges() == [None, "bytes=300000-", "bytes=600000-"]
    assert [headers["If-Range"] for headers in server.requests] == [None, '"first"', '"first"']
    assert capsys.readouterr().out.count("; retrying\n") == 2


@pytest.mark.parametrize(
    "act", [Act(silent=True), Act(silent=True, stalls=True), Act(sends=0, stalls=True), Act(sends=HALF, stalls=True)]
)
def test_a_server_that_hangs_up_or_stalls_is_retried(
    tmp_path: Path, server: TableServer, monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    monkeypatch.setattr(download_table, "TIMEOUT_SECONDS", (10, 0.5))
    server.acts = [act]
    fetch(tmp_path, server.url, RETRIES.new(total=9, backoff_factor=0))
    assert received(tmp_path) == CONTENT
    assert len(server.requests) > 1


def test_retries_end_and_the_partial_file_stays(tmp_path: Path, server: TableServer) -> None:
    server.acts = [Act(sends=100_000)] * 9
    fetch_fails(tmp_path, server.url)
    assert len(server.requests) == 3
    assert received(tmp_path) == CONTENT[:300_000]


def test_broken_transfers_and_retried_statuses_share_one_limit(tmp_path: Path, server: TableServer) -> None:
    server.acts = [Act(status=503), Act(sends=100_000), *[Act(status=503)] * 9]
    assert "status 503" in fetch_fails(tmp_path, server.url)
    assert len(server.requests) == 3


def test_a_later_run_resumes_an_earlier_one(tmp_path: Path, server: TableServer) -> None:
    half_received(tmp_path, server)
    fetch(tmp_path, server.url)
    assert received(tmp_path) == CONTENT
    assert server.ranges() == [f"bytes={HALF}-"]


def test_a_complete_partial_file_is_not_fetched_again(tmp_path: Path, server: TableServer) -> None:
    fetch(tmp_path, server.url)
    server.acts = [Act(status=416, body=b"error", headers=(("Content-Range", f"bytes */{len(CONTENT)}"),))]
    fetch(tmp_path, server.url)
    assert received(tmp_path) == CONTENT
    assert server.ranges() == [None, "bytes=1000000-"]


@pytest.mark.parametrize("heeds_if_range", [True, False])
def test_a_file_that_has_changed_is_fetched_from_the_start(
    tmp_path: Path, server: TableServer, heeds_if_range: bool
) -> None:
    half_received(tmp_path, server)
    server.content, server.marks = OTHER, {"ETag": '"second"'}
    server.acts = [Act(heeds_if_range=heeds_if_range)]
    fetch(tmp_path, server.url)
    assert received(tmp_path) == OTHER


def test_a_file_shorter_than_the_partial_one_is_fetched_from_the_start(tmp_path: Path, server: TableServer) -> None:
    half_received(tmp_path, server)
    server.content = OTHER[:1000]
    fetch(tmp_path, server.url)
    assert received(tmp_path) == OTHER[:1000]


def test_an_unsatisfiable_range_counts_only_after_a_resumed_request(tmp_path: Path, server: TableServer) -> None:
    server.acts = [Act(status=416, headers=(("Content-Range", "bytes */0"),))]
    assert "status 416" in fetch_fails(tmp_path, server.url)
    assert received(tmp_path) == b""


def test_a_server_without_ranges_sends_the_file_from_the_start(tmp_path: Path, server: TableServer) -> None:
    half_received(tmp_path, server)
    server.acts = [Act(knows_ranges=False)]
    fetch(tmp_path, server.url)
    assert received(tmp_path) == CONTENT


@pytest.mark.parametrize(
    ("marks", "if_range"),
    [
        ({"Last-Modified": "Tue, 01 Sep 2026 10:00:00 GMT"}, "Tue, 01 Sep 2026 10:00:00 GMT"),
        ({"ETag": 'W/"weak"', "Last-Modified": "Tue, 01 Sep 2026 10:00:00 GMT"}, "Tue, 01 Sep 2026 10:00:00 GMT"),
        ({"ETag": '"strong"', "Last-Modified": "Tue, 01 Sep 2026 10:00:00 GMT"}, '"strong"'),
        ({"ETag": 'W/"weak"'}, None),
        ({}, None),
    ],
)
def test_only_a_strong_validator_allows_resuming(
    tmp_path: Path, server: TableServer, marks: dict[str, str], if_range: str | None
) -> None:
    server.marks = marks
    half_received(tmp_path, server)
    fetch(tmp_path, server.url)
    assert received(tmp_path) == CONTENT
    assert server.ranges() == [f"bytes={HALF}-" if if_range else None]
    assert server.requests[0]["If-Range"] == if_range


@pytest.mark.parametrize("note", ["", '{"url": "ht', "[]", "{}", '{"url": 1, "validator": 2}'])
def test_a_partial_file_without_a_valid_note_is_not_resumed(tmp_path: Path, server: TableServer, note: str) -> None:
    half_received(tmp_path, server)
    (tmp_path / "t.csv.partial.json").write_text(note)
    fetch(tmp_path, server.url)
    assert (received(tmp_path), server.ranges()) == (CONTENT, [None])


def test_bytes_of_another_address_are_not_resumed(tmp_path: Path, server: TableServer) -> None:
    half_received(tmp_path, server)
    fetch(tmp_path, f"{server.url}&other=1")
    assert (received(tmp_path), server.ranges()) == (CONTENT, [None])


@pytest.mark.parametrize(
    "content_range",
    ["nonsense", "bytes 5-999999/1000000", "bytes */1000000", "lines 1-2/3"],
)
def test_a_range_that_does_not_continue_the_partial_file_restarts_the_transfer(
    tmp_path: Path, server: TableServer, content_range: str
) -> None:
    half_received(tmp_path, server)
    server.acts = [Act(content_range=content_range)]
    fetch(tmp_path, server.url)
    assert received(tmp_path) == CONTENT
    assert server.ranges() == [f"bytes={HALF}-", None]


def test_a_range_shorter_than_requested_is_kept_and_resumed(tmp_path: Path, server: TableServer) -> None:
    half_received(tmp_path, server)
    server.acts = [Act(length_off=-200_000, content_range=f"bytes {HALF}-799999/1000000")]
    fetch(tmp_path, server.url)
    assert received(tmp_path) == CONTENT
    assert server.ranges() == [f"bytes={HALF}-", "bytes=800000-"]


def test_a_body_shorter_than_announced_is_an_error(tmp_path: Path, server: TableServer) -> None:
    server.acts = [Act(length_off=100)] * 9
    fetch_fails(tmp_path, server.url)
    assert len(server.requests) == 3


def test_a_web_page_is_rejected_without_a_retry_and_the_partial_file_stays(tmp_path: Path, server: TableServer) -> None:
    half_received(tmp_path, server)
    server.acts = [Act(body=b"<html>Sorry</html>", headers=(("Content-Type", "text/html; charset=utf-8"),))]
    assert "sent a web page instead of a table" in fetch_fails(tmp_path, server.url)
    assert received(tmp_path) == CONTENT[:HALF]
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [204, 301, 400, 401, 403, 404, 410, 501])
def test_a_permanent_status_is_not_retried(tmp_path: Path, server: TableServer, status: int) -> None:
    server.acts = [Act(status=status)]
    reason = fetch_fails(tmp_path, server.url)
    assert f"status {status}" in reason
    assert "check the address" in reason
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_temporary_status_is_retried(tmp_path: Path, server: TableServer, status: int) -> None:
    server.acts = [Act(status=status)]
    fetch(tmp_path, server.url)
    assert received(tmp_path) == CONTENT


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/table.csv"])
def test_a_redirect_to_another_scheme_is_rejected(tmp_path: Path, server: TableServer, target: str) -> None:
    server.acts = [Act(status=302, headers=(("Location", target),))]
    fetch_fails(tmp_path, server.url)
    assert len(server.requests) == 1
    assert received(tmp_path) == b""


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_an_unreachable_server_is_not_retried(tmp_path: Path, host: str) -> None:
    with pytest.raises(requests.ConnectionError) as caught:
        fetch(tmp_path, f"http://{host}:{free_port()}/rows.csv", RETRIES.new(backoff_factor=1000))
    assert "Max retries exceeded" in str(caught.value)


def test_a_full_disk_is_an_error_at_once(tmp_path: Path, server: TableServer) -> None:
    (tmp_path / "t.csv.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        fetch(tmp_path, server.url)
    assert len(server.requests) == 1
