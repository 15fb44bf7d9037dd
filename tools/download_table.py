"""Download CDC's current table, which the server prefers to the bundled one.

``make data`` runs it. A broken transfer is resumed, the complete file is validated, and only a valid table replaces the
previous one, atomically. Exit codes: 0, done; 1, failed, the previous table stays; 2, wrong option; 130, Ctrl-C.
"""

import argparse
import fcntl
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn
from urllib3 import Retry
from urllib3.exceptions import HTTPError, ProtocolError

from app.errors import SourceError, quoted
from app.settings import DOWNLOADED_TABLE
from app.table.engines.pandas_reader import read_table
from app.table.sources.unpacking import OPEN_PACKED, PARQUET_MAGIC
from app.table.survey_rows.columns import NOT_A_NUMBER, NOT_A_PERCENTAGE
from app.table.survey_table import DatasetReport

CDC_HOST = "data.cdc.gov"
CDC_TABLE_URL = "https://data.cdc.gov/api/views/hn4x-zwk7/rows.csv?accessType=DOWNLOAD"
TIMEOUT_SECONDS = (10.0, 60.0)  # to connect; without a byte, because CDC prepares the export before sending it
RETRIED_STATUS = (408, 425, 429, 500, 502, 503, 504)
RETRIES = Retry(  # no retry if the server cannot be reached (connect) or trusted (other): seconds do not change that
    4, connect=0, other=0, status_forcelist=RETRIED_STATUS, raise_on_status=False, backoff_factor=1, retry_after_max=60
)
MOST_BYTES = 2 * 1024**3  # of a download; CDC's table has a hundredth of that
CHUNK_BYTES = 256 * 1024
# Compressed bytes could not be counted against the sizes and ranges that the server announces.
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "health-statistics-server"}
CONTENT_RANGE = re.compile(r"bytes (?:([0-9]+)-[0-9]+|\*)/([0-9]+)")
FEWEST_ROWS = 10_000  # CDC's table has many times that
SMALLEST_SHARE_OF_PREVIOUS = 0.5  # of the rows: a new table adds a year, it never loses half of them
SMALLEST_SHARE_USED = 0.5  # of the rows: CDC suppresses about a tenth
WEB_ADDRESS = re.compile(r"https?://[^/@\s]+(/\S*)?")  # without a password: it is recorded with the table
RECORDED = ("sha256", "rows_read", "rows_used", "rows_suppressed", "years")


class DownloadError(Exception):
    """The download failed; the message says why and how to fix it."""


class CheckedSession(requests.Session):
    """A session that follows redirects only to https, and only to CDC's site or the host of the first address.

    Parameters
    ----------
    url: the first address
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where a response redirects to, None if it does not. Requests calls this before it follows.

        Raises
        ------
        DownloadError: the redirect is not allowed
        """
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        hosts = {CDC_HOST, str(urlsplit(self._url).hostname)}
        try:
            found = urlsplit(urljoin(resp.url, target))
            place = f"{found.scheme}://{found.netloc.rpartition('@')[2]}"  # without what may be secret
            allowed = found.scheme == "https" and found.hostname in hosts
        except ValueError:
            place, allowed = "a malformed address", False
        if allowed:
            return target
        resp.close()
        followed = " or ".join(f"https://{host}" for host in sorted(hosts))
        raise DownloadError(
            f"the server redirects to {quoted(place)}, and only redirects to {followed} are followed; check the "
            "address, and if you trust the other one, give it by --url"
        )


def fetch(url: str, partial: Path, retries: Retry = RETRIES) -> None:
    """Complete a partial file from the web. Blocks. Errors leave the partial file, to be resumed.

    Raises
    ------
    DownloadError: the server sends something else than a file, or too large a file, or redirects elsewhere
    RequestException, HTTPError: the transfer failed and the retries are used up
    """
    partial.touch()
    adapter = HTTPAdapter(max_retries=retries)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with CheckedSession(url) as session, Progress(*columns, transient=True) as progress:
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        task = progress.add_task("", total=None)
        while True:
            validator = _validator(partial, url)
            resume = {"Range": f"bytes={partial.stat().st_size}-", "If-Range": validator} if validator else {}
            with session.get(url, headers={**HEADERS, **resume}, stream=True, timeout=TIMEOUT_SECONDS) as response:
                try:
                    total = _start_body(response, partial, url)
                    _check_size(total or 0, partial)
                    for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False) if response.ok else ():
                        with partial.open("ab") as file:
                            file.write(chunk)
                        _check_size(partial.stat().st_size, partial)
                        progress.update(task, completed=partial.stat().st_size, total=total)
                    if total in (None, partial.stat().st_size):
                        return
                    raise ProtocolError(f"the transfer ended after {partial.stat().st_size} of {total} bytes")
                except HTTPError as error:
                    # The adapter retries until the body begins; a broken body counts against the same limit. From now
                    # on a refused connection is worth a retry as well: the server was there a moment ago.
                    used = (response.raw.retries or retries).new(connect=None, other=None)
                    adapter.max_retries = used.increment("GET", url, error=error)
                    print(f"{_root_cause(error)}; retrying", flush=True)
            adapter.max_retries.sleep()


def _start_body(response: requests.Response, partial: Path, url: str) -> int | None:
    """Prepare the partial file for a response's body; return the size of the whole file, None if it is unknown.

    A response that is not a file raises DownloadError; one that does not continue the partial file empties it and
    raises ProtocolError, so that the next attempt starts over.
    """
    status, etag = response.status_code, response.headers.get("ETag", "")
    # A weak ETag may stay the same when bytes change.
    validator = etag if etag.startswith('"') else response.headers.get("Last-Modified")
    found = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    start, total = (found[1] and int(found[1]), int(found[2])) if found else (None, None)
    resumed = _validator(partial, url)
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and resumed:
        if (start, total) == (None, partial.stat().st_size):
            return total  # a killed run had received everything
    elif status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        raise DownloadError(f"the server responded with status {status} ({response.reason}); check the address")
    elif response.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise DownloadError("the server sent a web page instead of a table; check the address")
    elif status == HTTPStatus.OK:
        _restart(partial, url, validator)
        return int(length) if (length := response.headers.get("Content-Length", "")).isdecimal() else None
    elif start == partial.stat().st_size and validator in (None, resumed):
        return total
    _restart(partial, url, None)
    raise ProtocolError("the file has changed on the server")


def _check_size(size: int, partial: Path) -> None:
    """Raise DownloadError if a file is too large, and empty the partial one: resuming it would end in the same way."""
    if size > MOST_BYTES:
        partial.write_bytes(b"")
        _note(partial).unlink(missing_ok=True)
        raise DownloadError(f"the file is larger than {MOST_BYTES:,} bytes, the most accepted; check the address")


def _validator(partial: Path, url: str) -> str | None:
    """Return the ETag or date of the version that the partial file belongs to, None if it cannot be resumed."""
    try:
        note = json.loads(_note(partial).read_text(encoding="utf-8"))
        return str(note["validator"] or "") if partial.stat().st_size and note["url"] == url else None
    except (FileNotFoundError, ValueError, TypeError, KeyError):  # a killed run left no note, or half of one
        return None


def _note(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.json")


def _restart(partial: Path, url: str, validator: str | None) -> None:
    # In this order, so that a validator never describes the bytes of another version.
    partial.write_bytes(b"")
    _note(partial).write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")


def _root_cause(error: BaseException) -> str:
    """Return the message of the deepest network or system error of a chain, in one line."""
    while isinstance(cause := error.__cause__ or error.__context__, OSError | HTTPError):
        error = cause
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())


def check_table(path: Path, place: Path, *, force: bool) -> DatasetReport:
    """Check that a file is a table and, unless forced, a plausible successor of the one in place; return its report."""
    try:
        report = read_table(path).report
    except SourceError as error:
        raise DownloadError(f"the download is not a table: {error.reason}") from error
    if not force and (objections := list(_objections(path, report, place))):
        raise DownloadError(f"the table {' and '.join(objections)}; `make data FORCE=yes` accepts it")
    return report


def _objections(path: Path, report: DatasetReport, place: Path) -> Iterator[str]:
    content = path.read_bytes()
    # A truncated compressed file cannot be read at all; truncated text can.
    if not content.startswith((*OPEN_PACKED, PARQUET_MAGIC)) and not content.endswith(b"\n"):
        yield "ends in the middle of a line"
    if report.rows_read < FEWEST_ROWS:
        yield f"has {report.rows_read:,} rows, at least {FEWEST_ROWS:,} are expected"
    if report.rows_used < SMALLEST_SHARE_USED * report.rows_read:
        yield f"has a usable value in only {report.rows_used:,} of {report.rows_read:,} rows"
    for reason in (NOT_A_NUMBER, NOT_A_PERCENTAGE):
        if reason in report.rows_skipped:
            yield f"has {report.rows_skipped[reason]:,} rows whose {reason}"
    try:
        previous_rows = read_table(place).report.rows_read
    except SourceError:
        return  # no previous table, or an unreadable one
    if report.rows_read < SMALLEST_SHARE_OF_PREVIOUS * previous_rows:
        yield f"has {report.rows_read:,} rows, the previous one has {previous_rows:,}"


def install(path: Path, place: Path, url: str, report: DatasetReport) -> None:
    """Move a validated table into place atomically, and record its origin in a JSON file beside it."""
    downloaded = {"url": url, "downloaded_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "bytes": path.stat().st_size}
    record = place.with_suffix(".json.new")
    rows = {name: getattr(report, name) for name in RECORDED} | {"rows_skipped": dict(report.rows_skipped)}
    record.write_text(json.dumps(downloaded | rows, indent=2) + "\n", encoding="utf-8")
    # Synced before the rename: after a power cut the place holds the previous table or the whole new one.
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.replace(place)
    record.replace(place.with_suffix(".json"))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise DownloadError(f"another download into {folder} is running") from error
    finally:
        os.close(descriptor)  # releases the lock


def download(url: str, place: Path, retries: Retry = RETRIES, *, force: bool = False) -> DatasetReport:
    """Fetch, validate and install a table; return its report. Blocks.

    Raises
    ------
    DownloadError: one of these failed; the previous table stays
    """
    partial = place.with_name(f"{place.name}.partial")
    try:
        with _locked(place.parent):
            fetch(url, partial, retries)
            try:
                report = check_table(partial, place, force=force)
                install(partial, place, url, report)
            finally:
                partial.unlink(missing_ok=True)  # resuming a rejected file would lead to the same file
                _note(partial).unlink(missing_ok=True)
    except (requests.RequestException, HTTPError) as error:
        raise DownloadError(f"{url}: {_root_cause(error)}; check the network, then retry") from error
    except OSError as error:
        raise DownloadError(f"cannot write {error.filename or partial}: {error.strerror}") from error
    return report


def main(arguments: list[str] | None = None, retries: Retry = RETRIES) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.download_table", description=__doc__)
    parser.add_argument("--url", default=CDC_TABLE_URL, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=DOWNLOADED_TABLE, help="default: %(default)s")
    parser.add_argument("--force", action="store_true", help="accept a readable but implausible table")
    options = parser.parse_args(arguments)
    place: Path = options.output
    if not WEB_ADDRESS.fullmatch(options.url):
        parser.error(f"--url {options.url!r}: use an http:// or https:// address without a password")
    try:
        report = download(options.url, place, retries, force=options.force)
    except (DownloadError, KeyboardInterrupt) as error:
        stays = f"{place.name} stays as it was" if place.exists() else "the bundled table stays in use"
        print(f"no new table: {str(error) or 'stopped; the next run resumes'}; {stays}", file=sys.stderr)
        return 1 if isinstance(error, DownloadError) else 128 + signal.SIGINT
    years = f"{report.years[0]} to {report.years[-1]}, " if report.years else ""
    print(f"{place}: {report.rows_read:,} rows, {years}{report.rows_used:,} with a value, SHA-256 {report.sha256}")
    print("A server without STATS_DATA reads it at its next start, or at POST /api/dataset/reload")
    return 0


if __name__ == "__main__":
    sys.exit(main())
