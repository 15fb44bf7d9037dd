"""The log: a rotating file with UTC timestamps, written by a thread of its own."""

import copy
import logging
import queue
import time
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from typing import Any

from app.settings import Settings

LOGGER_NAME = "app"  # the parent of every module's own logger
MAX_FILE_BYTES = 10 * 1024 * 1024
OLD_FILES_KEPT = 5
LINE_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s [%(threadName)s] %(message)s"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"


def printable(text: str) -> str:
    """Return ``text`` with every character that could break or disguise a line written as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


class OneLineFormatter(logging.Formatter):
    """Format a record so that nothing in it can look like the start of another.

    Timestamps are UTC. The lines of a traceback are escaped and indented one by one.
    """

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """Format a record without what another handler's formatter may have left in it."""
        own = copy.copy(record)
        own.exc_text = None
        return super().format(own)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is the standard library's
        """Escape the message before it is put into the line."""
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, exc_info: Any) -> str:  # noqa: N802 - the name is the standard library's
        """Indent a traceback, so that each of its lines is seen to belong to the record above."""
        return _indented(super().formatException(exc_info))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - the name is the standard library's
        """Indent a stack in the same way."""
        return _indented(super().formatStack(stack_info))


def _indented(text: str) -> str:
    return "\n".join("    " + printable(line) for line in text.splitlines())


class _ListenedHandler(QueueHandler):
    """Hand records over as they are to a listener's thread, which formats and writes them."""

    def __init__(self, target: logging.Handler) -> None:
        records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        super().__init__(records)
        self._target = target
        self._listener = QueueListener(records, target)
        self._listener.start()
        self._listening = True

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Leave the formatting to the listener."""
        return record

    def close(self) -> None:
        """Write what is still queued and close the file. Blocks until the listener's thread has ended."""
        if self._listening:
            self._listening = False
            self._listener.stop()
            self._target.close()
        super().close()


def configure_logging(settings: Settings) -> logging.Logger:
    """Return the server's logger, writing to ``settings.log_file`` from a listener thread.

    A second call replaces the handlers of the first.

    Raises
    ------
    OSError: the log file cannot be opened
    """
    logger = logging.getLogger(LOGGER_NAME)
    close_logging()
    logger.addHandler(_ListenedHandler(_open_file(settings)))
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger


def close_logging() -> None:
    """Write out and close the log. Blocks until the listener's thread has ended."""
    logger = logging.getLogger(LOGGER_NAME)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def _open_file(settings: Settings) -> RotatingFileHandler:
    handler = RotatingFileHandler(
        settings.log_file, maxBytes=MAX_FILE_BYTES, backupCount=OLD_FILES_KEPT, encoding="utf-8"
    )
    handler.setFormatter(OneLineFormatter(LINE_FORMAT, TIME_FORMAT))
    return handler
