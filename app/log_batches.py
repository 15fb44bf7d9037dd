"""A log handler that formats and writes records in batches, on a thread of its own."""

import io
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from logging.handlers import RotatingFileHandler

BATCH_SECONDS = 0.05  # a write of a few lines costs the working threads more than the lines themselves
STANDARD_OUTPUT_DESCRIPTOR = 1

# While a thread handles a request: a space, the client's address and the request's id. Empty otherwise.
request_label: ContextVar[str] = ContextVar("request_label", default="")


def thread_label() -> str:
    """Return what a line shows in brackets: the thread and, within a request, the client and the request's id."""
    return threading.current_thread().name + request_label.get()


class StandardOutput(logging.StreamHandler[io.TextIOWrapper]):
    """Standard output as the log, in UTF-8 wherever it leads. Closing the log leaves it open."""

    def __init__(self) -> None:
        super().__init__(open(STANDARD_OUTPUT_DESCRIPTOR, "w", encoding="utf-8", closefd=False))  # noqa: SIM115

    def write(self, lines: list[str]) -> None:
        """Write lines at once.

        Raises
        ------
        OSError: they cannot be written, most often because nobody reads the pipe any more
        """
        self.stream.write("\n".join([*lines, ""]))
        self.stream.flush()


class RotatingFile(RotatingFileHandler):
    """A rotating log file that takes many lines at once. A pipe or a terminal is written to without rotation."""

    def write(self, lines: list[str]) -> None:
        """Write lines with one system call for each file that they fill.

        Raises
        ------
        OSError: the file cannot be written
        """
        if not self._opened().seekable():  # a pipe, as /dev/stdout often is
            self._write(lines)
            return
        size = self._opened().seek(0, io.SEEK_END)
        batch: list[str] = []
        for line in lines:
            length = len(line.encode()) + 1
            if size and size + length > self.maxBytes:
                self._write(batch)
                self.doRollover()
                batch, size = [], 0
            batch.append(line)
            size += length
        self._write(batch)

    def _write(self, batch: list[str]) -> None:
        stream = self._opened()
        stream.write("\n".join([*batch, ""]))
        stream.flush()

    def _opened(self) -> io.TextIOWrapper:
        if self.stream is None:
            self.stream = self._open()
        return self.stream


class BatchHandler(logging.Handler):
    """Queues records from any thread; its own thread formats and writes them.

    A thread that logs neither formats nor waits: it appends to a deque. The writer collects the lines of
    ``BATCH_SECONDS``; warnings and errors are written at once.

    Parameters
    ----------
    file: formats the records and takes the lines
    error_line: returns the line that replaces a record which cannot be formatted
    """

    def __init__(self, file: RotatingFile | StandardOutput, error_line: Callable[[Exception], str]) -> None:
        super().__init__()
        self._file = file
        self._error_line = error_line
        self._lines: deque[Callable[[], str]] = deque()  # each formats one line
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
        self.add(partial(self._file.format, record))

    def add(self, line: Callable[[], str]) -> None:
        """Queue a function that formats a line."""
        self._lines.append(line)
        if not self._waiting.is_set():
            self._waiting.set()

    def close(self) -> None:
        """Write the queued lines and close the file. Blocks until the writer has ended."""
        if not self._closed:
            self._closed = True
            self._due.set()
            self._waiting.set()
            self._writer.join()
            try:
                self._file.close()
            except OSError as error:  # closing flushes what could not be written before
                sys.stderr.write(f"the end of the log is lost: {error}\n")
        super().close()

    def _write_batches(self) -> None:
        while not self._closed:
            self._waiting.wait()
            self._due.wait(BATCH_SECONDS)
            # Cleared before the lines are taken: a line queued from now on sets the events again and is not missed.
            self._due.clear()
            self._waiting.clear()
            self._write_batch()
        self._write_batch()

    def _write_batch(self) -> None:
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if not lines:
            return
        try:
            self._file.write([self._formatted(line) for line in lines])
        except Exception as error:  # noqa: BLE001 - the log continues with the next lines
            sys.stderr.write(f"{len(lines)} lines of the log are lost: {error}\n")

    def _formatted(self, line: Callable[[], str]) -> str:
        try:
            return line()
        except Exception as error:  # noqa: BLE001 - logged instead of the line, so that no other line is lost
            return self._error_line(error)
