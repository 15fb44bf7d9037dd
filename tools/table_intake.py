"""A table that has come: looked through before it is put in its place, and recorded."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import project_on_path  # noqa: F401
from app.errors import SourceError
from app.table.engines.pandas_reader import read_table
from app.table.sources.parser import DECOMPRESS, PARQUET_MAGIC
from app.table.survey_rows.columns import NOT_A_NUMBER, NOT_A_PERCENTAGE
from app.table.survey_table import DatasetReport
from download_errors import DownloadError

FEWEST_ROWS = 10_000  # CDC's table is many times that; fewer are an excerpt, or what is left of it
SMALLEST_SHARE_OF_PREVIOUS = 0.5  # of the rows: a new table has a year more, not half of the years fewer
SMALLEST_SHARE_USED = 0.5  # of the rows: CDC suppresses about a tenth


def check_table(path: Path, place: Path, *, force: bool) -> DatasetReport:
    """Check that a file is a plausible table; return what was made of its rows.

    Parameters
    ----------
    path: the file
    place: where the table before it lies, if there is one
    force: take a table that is readable but not plausible

    Raises
    ------
    DownloadError: it is not; the reason says why
    """
    try:
        report = read_table(path).report
    except SourceError as error:
        raise DownloadError(f"what came is not the table: {error.reason}") from error
    objections = [] if force else [*_cut_off(path), *_objections(report), *_shrunk(report, place)]
    if objections:
        raise DownloadError(
            f"the table that came {' and '.join(objections)}; make data FORCE=yes takes it all the same"
        )
    return report


def _cut_off(path: Path) -> Iterator[str]:
    """Object to text that does not end with a whole line; what is compressed is cut off nowhere, or cannot be read."""
    content = path.read_bytes()
    if not content.startswith((*DECOMPRESS, PARQUET_MAGIC)) and not content.endswith(b"\n"):
        yield "ends in the middle of a line"


def _objections(report: DatasetReport) -> Iterator[str]:
    if report.rows_read < FEWEST_ROWS:
        yield f"has {report.rows_read:,} rows, where at least {FEWEST_ROWS:,} are expected"
    if report.rows_used < SMALLEST_SHARE_USED * report.rows_read:
        yield f"has a usable value in only {report.rows_used:,} of {report.rows_read:,} rows"
    for reason in (NOT_A_NUMBER, NOT_A_PERCENTAGE):
        if reason in report.rows_skipped:
            yield f"has {report.rows_skipped[reason]:,} rows whose {reason}"


def _shrunk(report: DatasetReport, place: Path) -> Iterator[str]:
    """Object to a table that has lost half of its rows; one that cannot be read is nothing to compare with."""
    if not place.exists():
        return
    try:
        before = read_table(place).report.rows_read
    except SourceError:
        return
    if report.rows_read < SMALLEST_SHARE_OF_PREVIOUS * before:
        yield f"has {report.rows_read:,} rows, where the one before it has {before:,}"


def put_in_place(path: Path, place: Path, url: str, report: DatasetReport) -> None:
    """Force a checked table to disk, rename it to its place at one stroke, and record what it is beside it.

    Raises
    ------
    DownloadError: the disk does not take it; what was in the place stays
    """
    try:
        record = place.with_suffix(".json.new")
        record.write_text(json.dumps(_record(path, url, report), indent=2) + "\n", encoding="utf-8")
        for written in (path, record):
            _sync(written)
        path.replace(place)
        record.replace(place.with_suffix(".json"))
        _sync(place.parent)
    except OSError as error:
        raise DownloadError(f"{place} cannot be written: {error.strerror}") from error


def _record(path: Path, url: str, report: DatasetReport) -> dict[str, object]:
    return {
        "url": url,
        "downloaded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "sha256": report.sha256,
        "bytes": path.stat().st_size,
        "rows_read": report.rows_read,
        "rows_used": report.rows_used,
        "rows_suppressed": report.rows_suppressed,
        "rows_skipped": dict(report.rows_skipped),
        "years": list(report.years),
    }


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def only_download(folder: Path) -> Iterator[None]:
    """Make a folder where it is missing, and keep every other download out of it meanwhile.

    Raises
    ------
    DownloadError: another one goes on there, or it cannot be written to
    """
    descriptor = _opened(folder)
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)  # which lets go of the lock


def _opened(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise DownloadError(f"{folder} cannot be used: {error.strerror}") from error


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DownloadError(f"another download into {folder} is going on") from error
