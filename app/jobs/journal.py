"""The journal: an append-only file of accepted, ended and removed jobs, from which a restart resumes.

It holds one JSON object per line: ``{"accepted": n, "statistic": …, "body": …, "at": …}``, with ``"submission": {…}``
for a job that was sent under an idempotency key or in a batch; ``{"ended": n, "status": …, …}``; ``{"removed": n}``;
and, as the first line of a compacted file, ``{"highest": n}``.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import orjson

from app.jobs.job import Job
from app.jobs.results_folder import write_into

logger = logging.getLogger(__name__)

JournalSync = Literal["never", "second", "always"]
FILE_NAME = "journal.jsonl"
PARTIAL_SUFFIX = ".partial"
OPEN_TO_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
FILE_MODE = 0o644


def accepted_line(job: Job) -> bytes:
    """Return the line of an accepted job; nothing for a job whose request is unknown."""
    if job.request is None:
        return b""
    body = orjson.Fragment(job.request.body)
    record = {"accepted": job.number, "statistic": job.request.statistic, "body": body, "at": job.accepted_at}
    if job.request.submission is not None:
        record["submission"] = job.request.submission
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def ended_line(job: Job) -> bytes:
    """Return the line of an ended job."""
    return orjson.dumps(
        {
            "ended": job.number,
            "status": job.status,
            "checksum": job.checksum,
            "reason": job.reason,
            "at": job.ended_at,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def removed_line(number: int) -> bytes:
    """Return the line of a job that was removed with its result."""
    return orjson.dumps({"removed": number}, option=orjson.OPT_APPEND_NEWLINE)


def highest_line(number: int) -> bytes:
    """Return the line that records the highest number given so far."""
    return orjson.dumps({"highest": number}, option=orjson.OPT_APPEND_NEWLINE)


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
        self._sync = sync
        self._file: int | None = None
        self._size = 0
        self._unsynced = False
        self._torn = False  # whether the file may end in part of a line
        self._lock = threading.Lock()  # guards _buffer
        self._buffer: list[bytes] = []

    def read(self) -> list[dict[str, Any]]:
        """Open the file and return the records of an earlier run.

        A torn last line is cut off; damaged lines are logged and skipped.

        Raises
        ------
        OSError: the file cannot be opened
        """
        self._open()
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            logger.warning("the journal's last line is incomplete and was dropped: %r", content[len(whole) :][:200])
            os.truncate(self.path, len(whole))
            self._size = len(whole)
        lines = whole.splitlines()
        self.lines = len(lines)
        return [record for record in map(_parsed, lines) if record is not None]

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
        try:
            if content:
                self._write(content)
        except OSError:
            with self._lock:
                self._buffer[:0] = buffered
            raise

    def is_deleted(self) -> bool:
        """Return whether the open file has been deleted, or none is open."""
        return self._file is None or os.fstat(self._file).st_nlink == 0

    def is_in_place(self) -> bool:
        """Return whether the open file is the one that a restart would read."""
        if self._file is None:
            return False
        try:
            return self.path.stat().st_ino == os.fstat(self._file).st_ino
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
            lines = list(snapshot())
            write_into(self.path.parent, lambda: self._replace(b"".join(lines)))
        except OSError:
            with self._lock:
                self._buffer[:0] = buffered
            raise
        self.lines = len(lines)

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
        self._file, self._size, self._torn = file, len(content), False

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
        self.path.parent.mkdir(parents=True, exist_ok=True)
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
            _write_whole(file, content)
            self._unsynced = True
            if self._sync == "always":
                self.sync()
        except OSError:
            logger.exception("the journal cannot be written")
            raise
        self._torn = False
        self._size += len(content)
        self.lines += content.count(b"\n")


def _write_whole(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        record = None
    if not isinstance(record, dict):
        logger.error("a line of the journal is damaged and was skipped: %r", line[:200])
        return None
    return record
