"""A log handler that formats and writes records in batches, on a thread of its own, whatever happens to the disk."""

import logging
import os
import stat
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from itertools import islice, pairwise
from pathlib import Path

BATCH_SECONDS = 0.05  # a write of a few lines costs the working threads more than the lines themselves
MOST_QUEUED_LINES = 10_000  # while nothing can be written: some 10 MB of memory
CLOSE_SECONDS = 5.0  # for the last lines; whoever reads the pipe may have stopped
FILE_MODE = 0o640  # the lines hold addresses of clients and what they asked
FOLDER_MODE = 0o750
STANDARD_OUTPUT_DESCRIPTOR = 1

logger = logging.getLogger(__name__)

# While a thread handles a request: a space, the client's address and the request's id. Empty otherwise.
request_label: ContextVar[str] = ContextVar("request_label", default="")


def thread_label() -> str:
    """Return what a line shows in brackets: the thread and, within a request, the client and the request's id."""
    return threading.current_thread().name + request_label.get()


def open_log_file(path: Path) -> int:
    """Open a log file to append to it, and return its descriptor. A missing file is created.

    Raises
    ------
    OSError: it cannot be opened
    """
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)


class StandardOutput:
    """Standard output as the log. Closing the log leaves it open."""

    def write(self, lines: deque[bytes]) -> None:
        """Write lines, and remove each from the queue once it is written.

        Raises
        ------
        OSError: they cannot be written, most often because nobody reads the pipe any more
        """
        while lines:
            _remove(lines, os.write(STANDARD_OUTPUT_DESCRIPTOR, b"".join(lines)))

    def close(self) -> None:
        """Do nothing: every line has been written."""


class RotatingFile:
    """A log file that is renamed when it is full, and opened again when somebody else has renamed or deleted it.

    A pipe or a terminal is written to without rotation.

    Parameters
    ----------
    path: of the file; older ones are beside it, with ``.1`` for the newest of them
    most_bytes: in one file, unless a single line is longer
    files_kept: how many older files are kept

    Raises
    ------
    OSError: the file cannot be opened
    """

    def __init__(self, path: Path, most_bytes: int, files_kept: int) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._files_kept = files_kept
        self._descriptor = open_log_file(path)
        self._in_a_line = False  # the last line is written in part
        self._may_rotate = True

    def write(self, lines: deque[bytes]) -> None:
        """Write lines with one system call for each file that they fill, and remove each from the queue.

        Raises
        ------
        OSError: the file cannot be written, opened or looked up; the lines left in the queue are not written
        """
        if self._is_moved():
            in_a_line = self._in_a_line
            self._open_again()
            if in_a_line:  # its start is in the other file
                lines.popleft()
        while lines:
            count = self._fitting(lines)
            if count:
                self._write_first(lines, count)
            else:
                self._rotate()

    def close(self) -> None:
        """Close the file.

        Raises
        ------
        OSError: the system reports what it could not write
        """
        os.close(self._descriptor)

    def _is_moved(self) -> bool:
        opened = os.fstat(self._descriptor)
        if not stat.S_ISREG(opened.st_mode):
            return False
        try:
            found = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        return (found.st_dev, found.st_ino) != (opened.st_dev, opened.st_ino)

    def _open_again(self) -> None:
        self._path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        opened, self._descriptor = self._descriptor, open_log_file(self._path)
        self._in_a_line, self._may_rotate = False, True
        os.close(opened)

    def _fitting(self, lines: deque[bytes]) -> int:
        """Return how many of the lines to write next, 0 if the file is full."""
        status = os.fstat(self._descriptor)
        if not (stat.S_ISREG(status.st_mode) and self._may_rotate):
            return len(lines)
        size = status.st_size
        for count, line in enumerate(lines):
            size += len(line)
            if size > self._most_bytes:
                return count if count or (status.st_size and not self._in_a_line) else 1
        return len(lines)

    def _write_first(self, lines: deque[bytes], count: int) -> None:
        content = b"".join(islice(lines, count))
        written = os.write(self._descriptor, content)
        self._in_a_line = content[written - 1 : written] != b"\n"
        _remove(lines, written)

    def _rotate(self) -> None:
        """Rename the files and open a new one. If they cannot be renamed, the file grows on, and the log says so."""
        names = [self._path, *(Path(f"{self._path}.{age}") for age in range(1, self._files_kept + 1))]
        try:
            for newer, older in reversed([*pairwise(names)]):
                with suppress(FileNotFoundError):
                    newer.replace(older)
        except OSError as error:
            self._may_rotate = False
            logger.warning("the log cannot be rotated and grows: %s", error)
            return
        self._open_again()


class BatchHandler(logging.Handler):
    """Queues records from any thread; its own thread formats and writes them.

    A thread that logs neither formats nor waits: it appends to a deque. The writer collects the lines of
    ``BATCH_SECONDS``; warnings and errors are written at once. Lines that cannot be written wait until they can.
    Meanwhile at most ``MOST_QUEUED_LINES`` more are queued; the others are dropped and counted.

    Parameters
    ----------
    file: takes the lines
    formatter: formats the records
    own_line: formats an ERROR line of the log's own, given its text
    """

    def __init__(
        self, file: RotatingFile | StandardOutput, formatter: logging.Formatter, own_line: Callable[[str], str]
    ) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.on_dropped: Callable[[int], object] = lambda _: None  # called with each number of dropped lines
        self._file = file
        self._own_line = own_line
        self._lines: deque[Callable[[], str]] = deque()  # each formats one line
        self._unwritten: deque[bytes] = deque()  # formatted; the first may be written in part. Only the writer uses it
        self._dropped = 0  # since a line has last said so
        self._drop_lock = threading.Lock()
        self._problem: Exception | None = None  # why the last write failed, None if it did not
        self._waiting = threading.Event()  # there are lines
        self._due = threading.Event()  # they must be written at once
        self._closed = False
        self._writer = threading.Thread(target=self._write_batches, name="Log", daemon=True)
        self._writer.start()

    def handle(self, record: logging.LogRecord) -> bool:
        """Emit a record without the lock of other handlers: appending to a deque is atomic."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record."""
        if record.levelno >= logging.WARNING:
            self._due.set()
        record.threadName = thread_label()  # now: the record is formatted by another thread
        self.add(partial(self.format, record))

    def add(self, line: Callable[[], str]) -> None:
        """Queue a function that formats a line; drop it if the queue is full."""
        if len(self._lines) >= MOST_QUEUED_LINES:
            self._drop()
            return
        self._lines.append(line)
        if not self._waiting.is_set():
            self._waiting.set()

    def close(self) -> None:
        """Write the queued lines and close the file. Blocks until the writer has ended, or cannot write."""
        if not self._closed:
            self._closed = True
            self._due.set()
            self._waiting.set()
            self._writer.join(CLOSE_SECONDS)
            lost = len(self._unwritten) + len(self._lines)
            if lost:
                _report(f"{lost} lines of the log are lost: {self._problem or 'nothing takes them'}")
            if not self._writer.is_alive():
                self._close_file()
        super().close()

    def _close_file(self) -> None:
        try:
            self._file.close()
        except OSError as error:  # a network file system writes when it closes
            _report(f"the end of the log may be lost: {error}")

    def _drop(self) -> None:
        with self._drop_lock:
            self._dropped += 1
        self.on_dropped(1)

    def _write_batches(self) -> None:
        while not self._closed:
            if not (self._lines or self._unwritten):
                self._waiting.wait()
            self._due.wait(BATCH_SECONDS)
            # Cleared before the lines are taken: a line queued from now on sets the events again and is not missed.
            self._due.clear()
            self._waiting.clear()
            self._write_batch()
        while self._write_batch() and self._lines:
            pass

    def _write_batch(self) -> bool:
        """Write the lines that wait. Return whether it worked; whatever fails, the log's thread goes on."""
        try:
            if not self._unwritten:
                self._take_lines()
            self._file.write(self._unwritten)
        except Exception as error:  # noqa: BLE001 - the lines wait for the next try
            if self._problem is None:
                _report(f"the log cannot be written, its lines wait: {error}")
            self._problem = error
            return False
        self._problem = None
        return True

    def _take_lines(self) -> None:
        taken = [self._lines.popleft() for _ in range(len(self._lines))]
        with self._drop_lock:
            dropped, self._dropped = self._dropped, 0
        self._unwritten.extend(_encoded(self._formatted(line)) for line in taken)
        if dropped:  # after the lines that filled the queue
            self._unwritten.append(_encoded(self._own_line(f"{dropped} lines of the log were dropped here")))

    def _formatted(self, line: Callable[[], str]) -> str:
        try:
            return line()
        except Exception as error:  # noqa: BLE001 - logged instead of the line, so that no other line is lost
            return self._own_line(f"a line cannot be formatted: {error!r}")


def _encoded(line: str) -> bytes:
    return f"{line}\n".encode(errors="backslashreplace")


def _remove(lines: deque[bytes], written: int) -> None:
    """Remove the bytes that are written from the front of the queue."""
    while written and written >= len(lines[0]):
        written -= len(lines.popleft())
    if written:
        lines[0] = lines[0][written:]


def _report(problem: str) -> None:
    """Report on standard error. That may fail as the log does; then nothing is left to report to."""
    with suppress(Exception):
        sys.stderr.write(f"{problem}\n")
