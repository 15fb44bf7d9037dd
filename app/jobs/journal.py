"""The journal: an append-only file of accepted, ended and removed jobs, from which a restart resumes.

It holds one JSON object per line, and each line ends with the CRC-32 of the rest: ``{"accepted": n, "statistic": …,
"body": …, "table": …, "at": …, "crc": …}``, with ``"access": {…}`` for a job whose result has a citation, with
``"submission": {…}`` for one that was sent under an idempotency key or in a batch, and without a statistic for one of
which only the result file was found; ``{"ended": n, "status": …, …}``; ``{"removed": n}``; and ``{"highest": n}``. The
first line names the version of the format: ``{"journal": 3, …}``. Files of earlier versions are read and then
rewritten: those of version 1 have neither that line nor checksums, those of version 2 no tables.
"""

import logging
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import orjson

from app.errors import StartError, one_line
from app.jobs.job import Job, JobOutcome
from app.jobs.results_folder import FOLDER_MODE, write_into

logger = logging.getLogger(__name__)

JournalSync = Literal["never", "second", "always"]
FILE_NAME = "journal.jsonl"
PARTIAL_SUFFIX = ".partial"
OPEN_TO_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
FILE_MODE = 0o640
VERSION = 3
CHECKED_VERSION = 2  # the first whose lines have checksums
CHECKSUM_MARK = b',"crc":'


def accepted_line(job: Job) -> bytes:
    """Return the line of an accepted job."""
    record: dict[str, Any] = {"accepted": job.number, "at": job.accepted_at}
    if job.request is not None:
        request = job.request
        record |= {"statistic": request.statistic, "body": orjson.Fragment(request.body)}
        if request.table:
            record["table"] = request.table
        if request.access is not None:
            record["access"] = request.access
        if job.request.submission is not None:
            record["submission"] = job.request.submission
    return checked_line(record)


def ended_line(number: int, outcome: JobOutcome) -> bytes:
    """Return the line of an ended job."""
    return checked_line(
        {
            "ended": number,
            "status": outcome.status,
            "checksum": outcome.checksum,
            "reason": outcome.reason,
            "at": outcome.ended_at,
            "size": outcome.size,
        }
    )


def removed_line(number: int) -> bytes:
    """Return the line of a job that was removed with its result."""
    return checked_line({"removed": number})


def highest_line(number: int) -> bytes:
    """Return the line that records the highest number given so far."""
    return checked_line({"highest": number})


def version_line() -> bytes:
    """Return the first line of a journal."""
    return checked_line({"journal": VERSION})


def checked_line(record: Mapping[str, Any]) -> bytes:
    """Return a record as one line that ends with the CRC-32 of the rest."""
    content = orjson.dumps(record)
    return b"%b%b%d}\n" % (content[:-1], CHECKSUM_MARK, zlib.crc32(content))


class Journal:
    """The journal's file. ``buffer`` may be called from many threads at once, every other method from one at a time.

    Parameters
    ----------
    folder: folder of the file; created if it is missing
    sync: when written lines are forced to disk
    """

    def __init__(self, folder: Path, sync: JournalSync) -> None:
        self.path = folder / FILE_NAME
        self.lines = 0
        self.damaged: list[bytes] = []  # lines that could not be read
        self.outdated = False  # whether the file should be rewritten: it has damaged lines, or is of an earlier version
        self._sync = sync
        self._file: int | None = None
        self._size = 0
        self._checksum = 0  # CRC-32 of the file's content
        self._unsynced = False
        self._torn = False  # whether the file may end in part of a line
        self._lock = threading.Lock()  # guards _buffer
        self._buffer: list[bytes] = []

    def check_version(self) -> None:
        """Check that this server can read the file of an earlier run.

        Raises
        ------
        StartError: a later version of the server wrote it
        """
        try:
            with self.path.open("rb") as file:
                version = _version(file.readline().rstrip(b"\n"))
        except FileNotFoundError:
            return
        except OSError as error:
            raise StartError(f"{self.path} cannot be read: {one_line(error)}") from error
        if version > VERSION:
            reason = f"{self.path} has version {version}; this server reads versions up to {VERSION}"
            raise StartError(f"{reason}: start the later one that wrote it, or choose another STATS_RESULTS_DIR")

    def read(self) -> Iterator[dict[str, Any]]:
        """Open the file and yield the records of an earlier run.

        A torn last line is cut off. Damaged lines are left out and, after the last record, copied to a file of their
        own.

        Raises
        ------
        OSError: the file cannot be read
        """
        self._open()
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            logger.warning("the journal's last line is incomplete and was dropped: %r", content[len(whole) :][:200])
            os.truncate(self.path, len(whole))
            self._size = len(whole)
        self._checksum = zlib.crc32(whole)
        lines = whole.split(b"\n")[:-1]
        self.lines = len(lines)
        version = _version(lines[0]) if lines else VERSION
        for line in lines:
            record = _parsed(line, version)
            if record is None:
                self.damaged.append(line)
            else:
                yield record
        self.outdated = version < VERSION or bool(self.damaged)
        if self.damaged:
            self._set_aside(self.damaged)

    def _set_aside(self, lines: list[bytes]) -> None:
        """Copy damaged lines to a file that nobody reads but a person."""
        path = self.path.with_name(f"journal.damaged-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}")
        logger.error("%d lines of the journal are damaged; they are set aside in %s", len(lines), path.name)
        try:
            with path.open("ab") as file:
                file.writelines(line + b"\n" for line in lines)
        except OSError:
            logger.exception("damaged lines of the journal are lost: %r", lines[:10])

    def buffer(self, line: bytes) -> None:
        """Keep a line that may be written later; the next ``append`` writes it."""
        with self._lock:
            self._buffer.append(line)

    def append(self, lines: bytes = b"") -> None:
        """Write the buffered lines and then ``lines``: all of them or none.

        Raises
        ------
        OSError: they cannot be written; the buffered lines are kept
        """
        with self._lock:
            buffered, self._buffer = self._buffer, []
        content = b"".join(buffered) + lines
        if not content and self._torn:
            content = version_line()  # says nothing new; whether it can be written tells whether the disk is mended
        try:
            if content:
                self._write(content)
        except OSError:
            with self._lock:
                self._buffer[:0] = buffered
            raise

    def is_whole(self) -> bool:
        """Return whether the open file exists and has exactly the lines that were written to it."""
        if self._file is None:
            return False
        status = os.fstat(self._file)
        # Of a write that failed, part may be in the file; the next write cuts it off.
        return status.st_nlink > 0 and (status.st_size == self._size or (self._torn and status.st_size > self._size))

    def has_its_content(self) -> bool:
        """Return whether the file reads as it was written. Reads all of it, so it finds what ``is_whole`` cannot."""
        try:
            return zlib.crc32(self.path.read_bytes()) == self._checksum
        except OSError:
            return False

    def is_in_place(self) -> bool:
        """Return whether the open file is the one that a restart would read."""
        if self._file is None:
            return False
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._file))
        except OSError:
            return False

    def rewrite(self, snapshot: Callable[[], Iterable[bytes]]) -> None:
        """Replace the file atomically by one with other lines.

        Parameters
        ----------
        snapshot: returns the lines; called after the buffer is emptied, so that it covers the buffered lines

        Raises
        ------
        OSError: it cannot be written; the old file and the buffered lines stay
        """
        with self._lock:
            buffered, self._buffer = self._buffer, []
        try:
            lines = [version_line(), *snapshot()]
            write_into(self.path.parent, lambda: self._replace(b"".join(lines)))
        except OSError:
            with self._lock:
                self._buffer[:0] = buffered
            raise
        self.lines = len(lines)
        self.outdated = False

    def _replace(self, content: bytes) -> None:
        """Write a new file, rename it into place, and keep it open: a file opened by name could be another one."""
        partial = self.path.with_name(FILE_NAME + PARTIAL_SUFFIX)
        file = os.open(partial, OPEN_TO_APPEND | os.O_TRUNC, FILE_MODE)
        try:
            _write_whole(file, content)
            if self._sync != "never":
                os.fdatasync(file)
            partial.replace(self.path)
        except OSError:
            os.close(file)
            raise
        self.close()
        self._file, self._size, self._checksum, self._torn = file, len(content), zlib.crc32(content), False

    def sync(self) -> None:
        """Force written lines to disk if the setting asks for it."""
        if self._file is not None and self._unsynced and self._sync != "never":
            os.fdatasync(self._file)
            self._unsynced = False

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        self.path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        self._file = os.open(self.path, OPEN_TO_APPEND, FILE_MODE)
        self._size = os.fstat(self._file).st_size
        self._torn = False
        return self._file

    def _write(self, content: bytes) -> None:
        file = self._file if self._file is not None else self._open()
        try:
            if self._torn:
                os.truncate(file, self._size)  # cut off what an earlier failed write left, before anything follows it
            self._torn = True
            if self._size == 0:
                content = version_line() + content
            _write_whole(file, content)
            self._unsynced = True
            if self._sync == "always":
                self.sync()
        except OSError:
            logger.exception("the journal cannot be written")
            raise
        self._torn = False
        self._size += len(content)
        self._checksum = zlib.crc32(content, self._checksum)
        self.lines += content.count(b"\n")


def _write_whole(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


def _version(first: bytes) -> int:
    """Return the version of the format that the first line shows. The line may be damaged."""
    if CHECKSUM_MARK in first and _parsed(first, VERSION) is None:
        return VERSION  # damaged; whatever its version, the file will be rewritten
    version = (_parsed(first, 1) or {}).get("journal", 1)
    return version if isinstance(version, int) else 1


def _parsed(line: bytes, version: int) -> dict[str, Any] | None:
    """Return the record of a line of a file of that version, None if the line is damaged."""
    content, mark, checksum = line.rpartition(CHECKSUM_MARK)
    if mark:
        line = content + b"}"
        if checksum != b"%d}" % zlib.crc32(line):
            return None
    elif version >= CHECKED_VERSION:
        return None
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None
