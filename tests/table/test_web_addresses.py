"""Tables on web servers, reliable and broken ones, read by pandas and by Dask."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.errors import SourceError
from app.table.engines.pandas_reader import read_table
from app.table.sources import files as source_files
from app.table.sources.addresses import Source, read_failure
from app.table.sources.files import find_files
from support.survey_files import csv_text, row
from support.two_readers import Read, cluster_of, read_in_small_blocks, reason_of
from support.web_files import CSV, OTHER_CSV, WRITTEN, WebFiles, means_of, web_files

pytest.importorskip("distributed", reason="Dask is not installed: make dask")

SECRETS = "?token=hidden&select=*"


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with cluster_of(2) as client:
        yield client


@pytest.fixture
def web() -> Iterator[WebFiles]:
    """A web server with the same table, written in three ways."""
    with web_files() as server:
        server.files.update(WRITTEN)
        yield server


@pytest.mark.parametrize("lengths", ["length", "chunked", "close"])
@pytest.mark.parametrize("ranges", [True, False], ids=["in parts", "as a whole"])
@pytest.mark.parametrize("path", WRITTEN)
def test_a_table_is_read_however_a_web_server_sends_it(
    tmp_path: Path, web: WebFiles, read: Read, *, path: str, ranges: bool, lengths: str
) -> None:
    web.ranges, web.lengths = ranges, lengths
    table = read(web.address(path) + SECRETS)
    (tmp_path / path[1:]).write_bytes(WRITTEN[path])
    assert means_of(table) == means_of(read_table(tmp_path / path[1:]))
    assert (table.report.rows_read, table.report.source) == (600, path[1:])


def test_dask_requests_ranges_of_a_large_table(web: WebFiles, client: Any) -> None:
    read_in_small_blocks(client, web.address("/t.csv"))
    parts = {part for method, _, part in web.requests if method == "GET"}
    assert len(parts) > 20
    assert None not in parts


def test_pandas_requests_a_table_once(web: WebFiles) -> None:
    read_table(web.address("/t.csv"))
    assert [request for request in web.requests if request[0] == "GET"] == [("GET", "/t.csv", None)]


def test_files_linked_on_a_page_that_match_a_pattern_are_one_table(web: WebFiles, read: Read) -> None:
    web.files = {f"/parts/{name}": CSV for name in ("a.csv", "b.csv")} | {"/parts/c.txt": b"none"}
    web.files["/parts/"] = "".join(f'<a href="{name}">' for name in ("a.csv", "b.csv", "c.txt")).encode()
    assert read(web.address("/parts/*.csv")).report.rows_read == 1200


def test_a_web_server_without_head_is_supported(web: WebFiles, read: Read) -> None:
    web.refused = {"HEAD": 405}
    assert read(web.address("/t.csv")).report.rows_read == 600


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_the_error_has_the_status_of_the_web_server(web: WebFiles, read: Read, status: int) -> None:
    web.refused = {"HEAD": status, "GET": status}
    told = {401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 500: "Internal Server Error"}
    address = web.address("/t.csv").replace("//", "//me:hidden@") + SECRETS
    assert reason_of(read, address) == f"{web.address('/t.csv')}: cannot be read: {status} {told[status]}"


def test_the_error_for_a_file_refused_after_listing_shows_no_secrets(web: WebFiles, read: Read) -> None:
    web.refused = {"GET": 403}
    assert reason_of(read, web.address("/t.csv") + SECRETS) == f"{web.address('/t.csv')}: cannot be read: 403 Forbidden"


@pytest.mark.parametrize("lengths", ["length", "chunked"])
@pytest.mark.parametrize("path", WRITTEN)
def test_a_connection_that_breaks_half_way_is_an_error(web: WebFiles, read: Read, path: str, lengths: str) -> None:
    web.lengths, web.sends = lengths, 1000
    reason = reason_of(read, web.address(path))
    assert reason == f"{web.address(path)}: cannot be read: the connection closed before the whole file arrived"


@pytest.mark.parametrize("path", ["/t.csv.gz", "/t.parquet"])
def test_a_truncated_file_of_unknown_length_is_detected_by_its_format(web: WebFiles, read: Read, path: str) -> None:
    web.lengths, web.sends = "close", 1000
    assert reason_of(read, web.address(path)).startswith(f"{web.address(path)}: cannot be read as a table: ")


def test_a_silent_web_server_times_out(web: WebFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_files, "SILENCE_SECONDS", 0.2)
    web.sends, web.stalls = 1000, True
    assert "Timeout" in reason_of(read_table, web.address("/t.csv"))


def replaced_at(web: WebFiles, count: int) -> Callable[[str, str | None], None]:
    """Return a hook that replaces the table before the response number ``count`` to a GET."""
    asked: list[str] = []

    def replace(method: str, part: str | None) -> None:
        asked.extend([method] * (method == "GET"))
        if len(asked) == count:
            web.files["/t.csv"] = OTHER_CSV

    return replace


@pytest.mark.parametrize("count", [1, 2, 10])
def test_a_table_that_is_replaced_while_dask_reads_it_is_refused(web: WebFiles, client: Any, count: int) -> None:
    web.before = replaced_at(web, count)
    reason = reason_of(lambda source: read_in_small_blocks(client, source), web.address("/t.csv"))
    assert reason == f"{web.address('/t.csv')}: the files changed while they were read; reload the table"


def test_the_next_load_reads_the_replaced_table(web: WebFiles, read: Read) -> None:
    first = read(web.address("/t.csv")).report
    web.files["/t.csv"] = OTHER_CSV
    second = read(web.address("/t.csv")).report
    assert (first.rows_read, second.rows_read) == (600, 500)
    assert first.sha256 != second.sha256


def test_the_digest_does_not_depend_on_secrets(web: WebFiles, read: Read) -> None:
    one, two = (read(f"{web.address('/t.csv')}?token={token}").report.sha256 for token in ("one", "two"))
    assert one == two


def test_the_repr_of_a_file_which_dask_logs_shows_no_secrets(web: WebFiles) -> None:
    (file,) = find_files(Source(web.address("/t.csv") + SECRETS))
    assert "hidden" in file.address
    assert "hidden" not in repr(file)


def test_an_empty_file_on_a_web_server_is_refused(web: WebFiles, read: Read) -> None:
    web.files["/t.csv"] = b""
    assert reason_of(read, web.address("/t.csv")) == (
        f"{web.address('/t.csv')}: the file is empty; expected a table with a header line"
    )


@pytest.mark.parametrize("address", ["http://[bad/t.csv", "http:///t.csv", "http://", "http://127.0.0.1:99999999/"])
def test_an_invalid_address_gives_a_one_line_error(address: str) -> None:
    with pytest.raises(SourceError) as caught:
        find_files(Source(f"{address}?token=hidden"))
    assert caught.value.reason.startswith(f"{address}: cannot be read: ")
    assert "hidden" not in caught.value.reason
    assert "\n" not in caught.value.reason


@pytest.mark.parametrize(
    ("source", "display"),
    [
        ("s3://bucket/a@b/t.csv", "s3://bucket/a@b/t.csv"),
        ("https://me:pass@a.example:8/t.csv?key=1#2", "https://a.example:8/t.csv"),
        ("https://a.example?key=1", "https://a.example"),
        ("folder/what?.csv", "folder/what?.csv"),
    ],
)
def test_a_source_is_displayed_without_secrets(source: str, display: str) -> None:
    assert (Source(source).display, str(Source(source))) == (display, display)
    assert "pass" not in repr(Source(source))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no\nanswer"), "no"),
        (ValueError("two lines:\n  as here"), "two lines: as here"),
        (ValueError(""), "ValueError"),
        (
            ValueError("URL('https://a.example/t.csv?key=1') and s3://me:p@b/c"),
            "URL('https://a.example/t.csv') and s3://b/c",
        ),
    ],
)
def test_a_read_failure_is_one_line_without_secrets(error: Exception, line: str) -> None:
    assert read_failure(error) == line


def test_a_table_with_one_row_is_read(web: WebFiles, read: Read) -> None:
    web.files["/t.csv"] = csv_text([row()]).encode()
    assert read(web.address("/t.csv")).report.rows_used == 1
