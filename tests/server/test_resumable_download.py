"""The transfer of a file: from servers that serve, stall, break off, lie about the length, and change the file."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from download_errors import DownloadError
from partial_file import PartialFile
from resumable_download import Patience, ResumableDownload
from support.real_server import free_port
from support.table_server import Act, TableServer, table_server

CONTENT = random.Random(1).randbytes(1_000_000)
OTHER = random.Random(2).randbytes(700_000)
PATIENCE = Patience(connect_seconds=10, stall_seconds=10, attempts=3, pause_seconds=0.01)
ONCE = Patience(connect_seconds=10, stall_seconds=10, attempts=1)
HALF = 500_000


class Told:
    """A display that keeps what it is given."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, int | None]] = []
        self.said: list[str] = []

    def show(self, done_bytes: int, total_bytes: int | None) -> None:
        self.shown.append((done_bytes, total_bytes))

    def say(self, line: str) -> None:
        self.said.append(line)


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


def fetch(folder: Path, url: str, patience: Patience = PATIENCE) -> Told:
    """Download into the partial file of a folder; return what was shown."""
    told = Told()
    ResumableDownload(url, PartialFile(folder / "t.csv", url), told, patience).run()
    return told


def refused(folder: Path, url: str, patience: Patience = PATIENCE) -> str:
    """Return why a download comes to nothing."""
    with pytest.raises(DownloadError) as caught:
        fetch(folder, url, patience)
    assert len(caught.value.reason.splitlines()) == 1
    return caught.value.reason


def come(folder: Path) -> bytes:
    """Return what has come."""
    return (folder / "t.csv.partial").read_bytes()


def begun(folder: Path, server: TableServer, act: Act | None = None) -> None:
    """Have a run end after half of the file."""
    server.acts = [act or Act(sends=HALF)]
    refused(folder, server.url, ONCE)
    assert come(folder) == CONTENT[:HALF]
    server.asked.clear()


def test_a_file_is_fetched_whole_and_uncompressed_with_one_request(tmp_path: Path, server: TableServer) -> None:
    told = fetch(tmp_path, server.url)
    assert come(tmp_path) == CONTENT
    assert server.ranges() == [None]
    assert server.asked[0]["Accept-Encoding"] == "identity"
    assert (told.shown[0], told.shown[-1], told.said) == ((0, 1_000_000), (1_000_000, 1_000_000), [])
    assert told.shown == sorted(told.shown)


def test_a_file_of_unknown_length_is_fetched_whole(tmp_path: Path, server: TableServer) -> None:
    server.acts = [Act(chunked=True)]
    told = fetch(tmp_path, server.url)
    assert come(tmp_path) == CONTENT
    assert told.shown[-1] == (1_000_000, None)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_transfer_that_breaks_off_twice_is_gone_on_with(tmp_path: Path, server: TableServer, chunked: bool) -> None:
    server.acts = [Act(sends=300_000, chunked=chunked), Act(sends=300_000, chunked=chunked)]
    told = fetch(tmp_path, server.url)
    assert come(tmp_path) == CONTENT
    assert server.ranges() == [None, "bytes=300000-", "bytes=600000-"]
    assert [headers["If-Range"] for headers in server.asked] == [None, '"first"', '"first"']
    assert [line.rpartition(";")[2] for line in told.said] == [" trying again in 0.01 s", " trying again in 0.02 s"]


def test_a_server_that_hangs_up_without_an_answer_is_asked_again(tmp_path: Path, server: TableServer) -> None:
    server.acts = [Act(silent=True)]
    fetch(tmp_path, server.url)
    assert (come(tmp_path), server.ranges()) == (CONTENT, [None, None])


@pytest.mark.parametrize(
    "act", [Act(silent=True, stalls=True), Act(sends=0, stalls=True), Act(sends=HALF, stalls=True)]
)
def test_a_transfer_that_stalls_is_gone_on_with(tmp_path: Path, server: TableServer, act: Act) -> None:
    server.acts = [act]
    told = fetch(tmp_path, server.url, Patience(stall_seconds=0.5, attempts=10, pause_seconds=0.01))
    assert come(tmp_path) == CONTENT
    assert len(server.asked) > 1
    assert "timed out" in told.said[0]


def test_a_server_that_goes_on_breaking_off_is_given_up_and_what_has_come_stays(
    tmp_path: Path, server: TableServer
) -> None:
    server.acts = [Act(sends=100_000)] * 9
    assert "broke off" in refused(tmp_path, server.url)
    assert len(server.asked) == PATIENCE.attempts
    assert come(tmp_path) == CONTENT[:300_000]


def test_a_later_run_goes_on_where_an_earlier_one_ended(tmp_path: Path, server: TableServer) -> None:
    begun(tmp_path, server)
    told = fetch(tmp_path, server.url)
    assert come(tmp_path) == CONTENT
    assert server.ranges() == [f"bytes={HALF}-"]
    assert told.shown[0] == (HALF, 1_000_000)


def test_a_run_that_ended_when_everything_had_come_needs_nothing_more(tmp_path: Path, server: TableServer) -> None:
    fetch(tmp_path, server.url)
    told = fetch(tmp_path, server.url)
    assert come(tmp_path) == CONTENT
    assert server.ranges() == [None, "bytes=1000000-"]
    assert (told.shown, told.said) == ([], [])


@pytest.mark.parametrize("heeds_if_range", [True, False])
def test_a_file_that_has_changed_meanwhile_is_begun_anew(
    tmp_path: Path, server: TableServer, heeds_if_range: bool
) -> None:
    begun(tmp_path, server)
    server.content, server.marks = OTHER, {"ETag": '"second"'}
    server.acts = [Act(heeds_if_range=heeds_if_range)]
    fetch(tmp_path, server.url)
    assert come(tmp_path) == OTHER


def test_a_file_that_has_become_shorter_than_what_has_come_is_begun_anew(tmp_path: Path, server: TableServer) -> None:
    begun(tmp_path, server)
    server.content = OTHER[:1000]
    fetch(tmp_path, server.url)
    assert come(tmp_path) == OTHER[:1000]


def test_a_server_that_has_nothing_left_to_send_of_nothing_is_not_believed(tmp_path: Path, server: TableServer) -> None:
    server.acts = [Act(status=416, headers=(("Content-Range", "bytes */0"),))]
    fetch(tmp_path, server.url)
    assert come(tmp_path) == CONTENT


def test_a_server_that_knows_no_ranges_begins_anew(tmp_path: Path, server: TableServer) -> None:
    begun(tmp_path, server)
    server.acts = [Act(knows_ranges=False)]
    told = fetch(tmp_path, server.url)
    assert come(tmp_path) == CONTENT
    assert told.shown[0] == (0, 1_000_000)


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
def test_only_a_file_with_a_mark_that_holds_for_every_byte_is_gone_on_with(
    tmp_path: Path, server: TableServer, marks: dict[str, str], if_range: str | None
) -> None:
    server.marks = marks
    begun(tmp_path, server)
    fetch(tmp_path, server.url)
    assert come(tmp_path) == CONTENT
    assert server.ranges() == [f"bytes={HALF}-" if if_range else None]
    assert server.asked[0]["If-Range"] == if_range


@pytest.mark.parametrize("note", ["", '{"url": "ht', "[]", "{}", '{"url": 1, "mark": 2}'])
def test_bytes_whose_mark_is_not_known_are_not_gone_on_with(tmp_path: Path, server: TableServer, note: str) -> None:
    begun(tmp_path, server)
    (tmp_path / "t.csv.partial.json").write_text(note)
    fetch(tmp_path, server.url)
    assert (come(tmp_path), server.ranges()) == (CONTENT, [None])


def test_bytes_of_another_address_are_not_gone_on_with(tmp_path: Path, server: TableServer) -> None:
    begun(tmp_path, server)
    fetch(tmp_path, f"{server.url}&other=1")
    assert (come(tmp_path), server.ranges()) == (CONTENT, [None])


@pytest.mark.parametrize(
    "told",
    ["nonsense", "bytes 5-999999/1000000", "bytes */1000000", f"bytes {HALF}-999999/999999", "lines 1-2/3"],
)
def test_a_rest_that_does_not_fit_is_thrown_away_and_all_begun_anew(
    tmp_path: Path, server: TableServer, told: str
) -> None:
    begun(tmp_path, server)
    server.acts = [Act(content_range=told)]
    fetch(tmp_path, server.url)
    assert come(tmp_path) == CONTENT
    assert server.ranges() == [f"bytes={HALF}-", None]


def test_a_rest_that_is_a_part_only_is_taken_and_gone_on_with(tmp_path: Path, server: TableServer) -> None:
    begun(tmp_path, server)
    server.acts = [Act(length_off=-200_000, content_range=f"bytes {HALF}-799999/1000000")]
    fetch(tmp_path, server.url)
    assert come(tmp_path) == CONTENT
    assert server.ranges() == [f"bytes={HALF}-", "bytes=800000-"]


def test_a_length_that_never_comes_is_an_error(tmp_path: Path, server: TableServer) -> None:
    server.acts = [Act(length_off=100)] * 9
    assert "broke off" in refused(tmp_path, server.url)
    assert len(server.asked) == PATIENCE.attempts


def test_a_page_is_refused_at_once_and_what_has_come_stays(tmp_path: Path, server: TableServer) -> None:
    begun(tmp_path, server)
    server.acts = [Act(body=b"<html>Sorry</html>", headers=(("Content-Type", "text/html; charset=utf-8"),))]
    assert "sent a page (text/html) in place of a table" in refused(tmp_path, server.url)
    assert come(tmp_path) == CONTENT[:HALF]
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [204, 301, 400, 401, 403, 404, 410, 501])
def test_a_status_that_will_not_pass_is_refused_at_once_with_the_setting(
    tmp_path: Path, server: TableServer, status: int
) -> None:
    server.acts = [Act(status=status)]
    reason = refused(tmp_path, server.url)
    assert f"status {status}" in reason
    assert f"STATS_DATA_URL={server.url}" in reason
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_status_that_may_pass_is_asked_again(tmp_path: Path, server: TableServer, status: int) -> None:
    server.acts = [Act(status=status)]
    told = fetch(tmp_path, server.url)
    assert come(tmp_path) == CONTENT
    assert f"status {status}" in told.said[0]


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/table.csv"])
def test_a_redirection_away_from_the_web_is_refused(tmp_path: Path, server: TableServer, target: str) -> None:
    server.acts = [Act(status=302, headers=(("Location", target),))]
    refused(tmp_path, server.url)
    assert len(server.asked) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_without_a_way_to_the_server_it_is_not_tried_again(tmp_path: Path, host: str) -> None:
    told, host = Told(), f"{host}:{free_port()}"
    url = f"http://{host}/rows.csv"
    with pytest.raises(DownloadError, match=f"there is no network, or {host} does not answer"):
        ResumableDownload(url, PartialFile(tmp_path / "t.csv", url), told, PATIENCE).run()
    assert (told.said, list(tmp_path.iterdir())) == ([], [])


def test_a_full_disk_is_told_as_such(tmp_path: Path, server: TableServer) -> None:
    (tmp_path / "t.csv.partial").symlink_to("/dev/full")
    assert "t.csv.partial cannot be written: No space left on device" in refused(tmp_path, server.url)
    assert len(server.asked) == 1
