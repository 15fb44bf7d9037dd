"""The log: a rotating file or standard output, with UTC timestamps, written by a thread of its own."""

import io
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache, partial
from logging.handlers import RotatingFileHandler

from app.settings import STANDARD_OUTPUT, Settings

LOGGER_NAME = "app"  # the parent of every module's own logger
MAX_FILE_BYTES = 10 * 1024 * 1024
OLD_FILES_KEPT = 5
BATCH_SECONDS = 0.05
STANDARD_OUTPUT_DESCRIPTOR = 1

# While a thread handles a request: a space, the client's address and the request's id. Empty otherwise.
request_label: ContextVar[str] = ContextVar("request_label", default="")


def printable(text: str) -> str:
    """Return ``text`` with every character that could break or disguise a line written as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


class OneLineFormatter(logging.Formatter):
    """Format a record so that nothing in it can look like the start of another.

    Timestamps are UTC. The lines of a traceback are escaped and indented one by one. Nothing is kept in the record,
    which the formatter of another handler may have been at, or may be after this one.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, and below it the indented lines of its traceback."""
        line = _line(record.created, record.levelname, record.threadName, record.getMessage())
        if record.exc_info:
            line += "\n" + _indented(self.formatException(record.exc_info))
        return line


def _line(seconds: float, level: str, thread: str | None, text: str) -> str:
    """Return a line of the log; the time is in seconds from 1970."""
    return f"{_second(int(seconds))}.{int(seconds % 1 * 1000):03d}Z {level} [{thread}] {printable(text)}"


def _information(seconds: float, thread: str, message: str, values: tuple[object, ...]) -> str:
    return _line(seconds, "INFO", thread, message % values)


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    """Return a whole second, counted from 1970, as UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _indented(text: str) -> str:
    return "\n".join("    " + printable(line) for line in text.splitlines())


def _made(line: Callable[[], str]) -> str:
    """Return a line; one that cannot be made tells why in its place, and costs no other line."""
    try:
        return line()
    except Exception as error:  # noqa: BLE001 - told in the log itself
        return _line(time.time(), "ERROR", threading.current_thread().name, f"a line cannot be made: {error!r}")


def _thread() -> str:
    """Return what a line shows in brackets: the thread and, within a request, client and request id."""
    return threading.current_thread().name + request_label.get()


class _StandardOutput(logging.StreamHandler[io.TextIOWrapper]):
    """Standard output as the log, in UTF-8 wherever it leads. Closing the log leaves it open."""

    def __init__(self) -> None:
        super().__init__(open(STANDARD_OUTPUT_DESCRIPTOR, "w", encoding="utf-8", closefd=False))  # noqa: SIM115

    def write(self, lines: list[str]) -> None:
        """Write lines in one go.

        Raises
        ------
        OSError: they cannot be written, most often because nobody reads the pipe any more
        """
        self.stream.write("\n".join([*lines, ""]))
        self.stream.flush()


class _RotatingFile(RotatingFileHandler):
    """The log's file, which takes many lines at once. A pipe or a terminal is written to without rotation."""

    def write(self, lines: list[str]) -> None:
        """Write lines in one go, or in as many as there are files to begin.

        Raises
        ------
        OSError: they cannot be written
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


class _BatchHandler(logging.Handler):
    """Take records from any thread and leave it to a thread of its own to format them and write them.

    Whoever logs neither formats nor waits: it appends to a list. The writer lets the lines of a moment come together,
    because every write of a few lines would cost the threads at work more than the lines themselves; a warning, or
    worse, is written at once.
    """

    def __init__(self, file: _RotatingFile | _StandardOutput) -> None:
        super().__init__()
        self._file = file
        self._lines: deque[Callable[[], str]] = deque()  # each makes its line
        self._waiting = threading.Event()  # there are lines
        self._due = threading.Event()  # they are to be written at once
        self._closed = False
        self._writer = threading.Thread(target=self._write_batches, name="Log", daemon=True)
        self._writer.start()

    def handle(self, record: logging.LogRecord) -> bool:
        """Emit a record without the lock of other handlers: appending to a deque needs none."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record over."""
        if record.levelno >= logging.WARNING:
            self._due.set()
        record.threadName = _thread()  # now, as the record is formatted by another thread
        self.add(partial(self._file.format, record))

    def add(self, line: Callable[[], str]) -> None:
        """Hand over what makes a line."""
        self._lines.append(line)
        if not self._waiting.is_set():
            self._waiting.set()

    def close(self) -> None:
        """Write what is left and close the file. Blocks until the writer has ended."""
        if not self._closed:
            self._closed = True
            self._due.set()
            self._waiting.set()
            self._writer.join()
            try:
                self._file.close()
            except OSError as error:  # what could not be written before cannot be written now
                sys.stderr.write(f"the end of the log is lost: {error}\n")
        super().close()

    def _write_batches(self) -> None:
        while not self._closed:
            self._waiting.wait()
            self._due.wait(BATCH_SECONDS)
            self._due.clear()
            self._waiting.clear()
            self._write_batch()
        self._write_batch()

    def _write_batch(self) -> None:
        """Write the lines that are there now; a file that cannot be written to is told of on standard error."""
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if not lines:
            return
        try:
            self._file.write([_made(line) for line in lines])
        except Exception as error:  # noqa: BLE001 - whatever it is, the log goes on with the next lines
            sys.stderr.write(f"{len(lines)} lines of the log are lost: {error}\n")


def log_line(message: str, *values: object) -> None:
    """Log a line of information on the busiest ways: of requests and jobs.

    It is what a logger's ``info`` does, without the way through the loggers above it and without a record of twenty
    fields, of which a line shows four. Where no log is configured it does nothing.
    """
    for handler in _handlers:
        handler.add(partial(_information, time.time(), _thread(), message, values))


_handlers: list[_BatchHandler] = []  # the one that is configured, if any


def configure_logging(settings: Settings) -> logging.Logger:
    """Return the server's logger, writing to ``settings.log_file`` from a thread of its own.

    A second call replaces the handlers of the first. What no line of the log shows is not looked up for it: the place
    in the source, the process.

    Raises
    ------
    OSError: the log file cannot be opened
    """
    logger = logging.getLogger(LOGGER_NAME)
    close_logging()
    handler = _BatchHandler(_open_file(settings))
    logger.addHandler(handler)
    _handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - the way that the library's manual names
    return logger


def close_logging() -> None:
    """Write out and close the log. Blocks until the listener's thread has ended."""
    logger = logging.getLogger(LOGGER_NAME)
    _handlers.clear()
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def _open_file(settings: Settings) -> _RotatingFile | _StandardOutput:
    path, limit = settings.log_file, MAX_FILE_BYTES
    to_file = partial(_RotatingFile, path, maxBytes=limit, backupCount=OLD_FILES_KEPT, encoding="utf-8")
    handler = _StandardOutput() if path == STANDARD_OUTPUT else to_file()
    handler.setFormatter(OneLineFormatter())
    return handler
