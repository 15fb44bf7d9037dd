"""The server's log: format, rotation, and the object that owns it while a server runs."""

import logging
import time
from collections.abc import Callable
from functools import lru_cache, partial

from app.log_batches import BatchHandler, RotatingFile, StandardOutput, thread_label
from app.settings import STANDARD_OUTPUT, Settings

LOGGER_NAME = "app"  # the parent of every module's own logger
MAX_FILE_BYTES = 10 * 1024 * 1024
OLD_FILES_KEPT = 5


class Log:
    """The log of one server; it also takes the records of every module's logger.

    Parameters
    ----------
    handler: writes the lines
    """

    def __init__(self, handler: BatchHandler) -> None:
        self._handler = handler
        logging.getLogger(LOGGER_NAME).addHandler(handler)

    def info(self, message: str, *values: object) -> None:
        """Log a line for each request and job: ``Logger.info`` without a record of twenty fields of which four show."""
        self._handler.add(partial(_information, time.time(), thread_label(), message, values))

    def on_dropped(self, count: Callable[[int], object]) -> None:
        """Call a function with the number of lines whenever lines are dropped, because they cannot be written."""
        self._handler.on_dropped = count

    def close(self) -> None:
        """Write the queued lines and close the file. Blocks until the log's thread has ended, or cannot write."""
        logging.getLogger(LOGGER_NAME).removeHandler(self._handler)
        self._handler.close()


def configure_logging(settings: Settings) -> Log:
    """Open the log of a server; it writes to ``settings.log_file``, or standard output, on a thread of its own.

    Raises
    ------
    OSError: the log file cannot be opened
    """
    path = settings.log_file
    file = StandardOutput() if path == STANDARD_OUTPUT else RotatingFile(path, MAX_FILE_BYTES, OLD_FILES_KEPT)
    logger = logging.getLogger(LOGGER_NAME)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    # No line shows process or source position, so no record looks them up.
    logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - the way that the library's manual names
    return Log(BatchHandler(file, OneLineFormatter(), _own_line))


def printable(text: str) -> str:
    """Return ``text`` with every character that could break or disguise a line escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


class OneLineFormatter(logging.Formatter):
    """Format a record so that nothing in it can look like the start of another record.

    Timestamps are UTC. The lines of a traceback are escaped and indented one by one. The record is not changed, because
    another handler may format it as well.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, and below it the indented lines of its traceback."""
        line = _line(record.created, record.levelname, record.threadName, record.getMessage())
        if record.exc_info:
            line += "\n" + _indented(self.formatException(record.exc_info))
        return line


def _line(seconds: float, level: str, thread: str | None, text: str) -> str:
    """Return a line of the log; the time is in seconds since 1970."""
    return f"{_second(int(seconds))}.{int(seconds % 1 * 1000):03d}Z {level} [{thread}] {printable(text)}"


def _information(seconds: float, thread: str, message: str, values: tuple[object, ...]) -> str:
    return _line(seconds, "INFO", thread, message % values)


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    """Return a whole second since 1970 as UTC text."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _indented(text: str) -> str:
    return "\n".join("    " + printable(line) for line in text.splitlines())


def _own_line(text: str) -> str:
    return _line(time.time(), "ERROR", thread_label(), text)
