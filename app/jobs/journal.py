"""The journal: an append-only file of what was accepted and how it ended, from which a restart goes on.

One JSON object per line: ``{"accepted": n, "statistic": …, "body": …, "at": …}``, with ``"submission": {…}`` where the
job came under a key or with others, ``{"ended": n, "status": …, …}``, ``{"removed": n}`` and, first in a compacted
file, ``{"highest": n}``. A job is acknowledged only after its line is written.
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
    """Return the line of a job that is accepted."""
    if job.request is None:
        return b""
    body = orjson.Fragment(job.request.body)
    record = {"accepted": job.number, "statistic": job.request.statistic, "body": body, "at": job.accepted_at}
    if job.request.submission is not None:
        record["submission"] = job.request.submission
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def ended_line(job: Job) -> bytes:
    """Return the line of a job that has ended."""
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
    """Return the line of a job that has been removed with its result."""
    return orjson.dumps({"removed": number}, option=orjson.OPT_APPEND_NEWLINE)


def highest_line(number: int) -> bytes:
    """Return the line that tells the highest number given so far."""
    return orjson.dumps({"highest": number}, option=orjson.OPT_APPEND_NEWLINE)


class Journal:
    """The journal's file. Only ``note`` may be called from many threads; the rest from one at a time.

    Parameters
    ----------
    folder: where the file lies; made where it is missing
    sync: when what is written is forced to disk
    """

    def __init__(self, folder: Path, sync: JournalSync) -> None:
        self.path = folder / FILE_NAME
        self.lines = 0
        self._sync = sync
        self._file: int | None = None
        self._size = 0
        self._unsynced = False
        self._torn = False
        self._lock = threading.Lock()  # guards _notes
        self._notes: list[bytes] = []

    def read(self) -> list[dict[str, Any]]:
        """Open the file and return the records of an earlier run.

        A torn last line is cut off; lines that are damaged are logged and passed over.

        Raises
        ------
        OSError: the file cannot be opened
        """
        self._open()
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            logger.warning("the journal's last line is torn and was dropped: %r", content[len(whole) :][:200])
            os.truncate(self.path, len(whole))
            self._size = len(whole)
        lines = whole.splitlines()
        self.lines = len(lines)
        return [record for record in map(_parsed, lines) if record is not None]

    def note(self, line: bytes) -> None:
        """Keep a line that need not be written at once; it goes out with the next ``append``."""
        with self._lock:
            self._notes.append(line)

    def append(self, lines: bytes = b"") -> None:
        """Write lines after those noted so far, whole or not at all.

        Raises
        ------
        OSError: they cannot be written; the noted lines are kept
        """
        with self._lock:
            notes, self._notes = self._notes, []
        content = b"".join(notes) + lines
        try:
            if content:
                self._write(content)
        except OSError:
            with self._lock:
                self._notes[:0] = notes
            raise

    def is_deleted(self) -> bool:
        """Tell whether the file that is written to has been deleted, or was never opened."""
        return self._file is None or os.fstat(self._file).st_nlink == 0

    def is_in_place(self) -> bool:
        """Tell whether the file that is written to is the one that a restart would read."""
        if self._file is None:
            return False
        try:
            return self.path.stat().st_ino == os.fstat(self._file).st_ino
        except OSError:
            return False

    def rewrite(self, snapshot: Callable[[], Iterable[bytes]]) -> None:
        """Put a new file in the place of the old one, whole.

        Parameters
        ----------
        snapshot: gives the lines; called after the noted ones are dropped, so that it covers them

        Raises
        ------
        OSError: it cannot be written; the old file and the noted lines stay
        """
        with self._lock:
            notes, self._notes = self._notes, []
        try:
            lines = list(snapshot())
            write_into(self.path.parent, lambda: self._replace(b"".join(lines)))
        except OSError:
            with self._lock:
                self._notes[:0] = notes
            raise
        self.lines = len(lines)

    def _replace(self, content: bytes) -> None:
        """Put a file in place, and go on with that very file: opened anew, it might be another one, and empty."""
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
        """Force what was written to the disk, where the setting asks for it."""
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
                os.truncate(file, self._size)
            self._torn = True  # until all of it is written; what is torn is cut off before the next write
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
        logger.error("a line of the journal is damaged and was passed over: %r", line[:200])
        return None
    return record
