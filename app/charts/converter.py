"""Render charts as pictures, and build the script that draws them in a page, in a process of their own.

``converter_main.py`` is that process and explains why it is one.
"""

import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Literal

import orjson

from app.errors import ConverterExitedError, PictureError, PictureTimeoutError, ShuttingDownError

PictureFormat = Literal["svg", "png"]

PROGRAM = Path(__file__).with_name("converter_main.py")
TIMEOUT_SECONDS = 20.0  # ten times the slowest request; a process that takes longer is killed
MAX_REASON_CHARS = 300


class Converter:
    """Starts the converter process on first use, and again after it has exited.

    Any thread may call. A call blocks for up to two seconds, and while earlier callers are served; ``Pictures`` limits
    how many these are.

    Parameters
    ----------
    script: the page's script, None until it is built
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # held for a whole request, so replies never mix
        self._closed = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None  # written under the lock; ``close`` reads it without
        self.script: bytes | None = None

    def picture(self, spec: Mapping[str, Any], format: PictureFormat) -> bytes:
        """Render a Vega-Lite specification as SVG (UTF-8), or as PNG at two pixels per CSS pixel.

        Raises
        ------
        PictureError: the chart cannot be rendered
        ConverterExitedError: the process exited early
        PictureTimeoutError: it was not rendered within the time limit
        ShuttingDownError: the converter is closed
        """
        with self._lock:
            return self._request({"format": format, "spec": spec})

    def page_script(self) -> bytes:
        """Return the script that defines ``drawChart(element, spec)`` in a page: JavaScript in UTF-8, built once.

        Raises
        ------
        PictureError, ConverterExitedError, PictureTimeoutError, ShuttingDownError: the script cannot be built
        """
        with self._lock:
            if self.script is None:
                self.script = self._request({"format": "script", "spec": None})
            return self.script

    def close(self) -> None:
        """Kill the process, also in the middle of a request, and start no other one."""
        # First closed, then killed: a request either finds the converter closed, or its process is seen here. Taking
        # the lock first would wait for a request that may hang.
        self._closed.set()
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._stop()

    def _request(self, request: Mapping[str, Any]) -> bytes:
        """Send a request to the running process, or to a new one. The caller holds the lock."""
        line = orjson.dumps(request) + b"\n"
        try:
            if self._process is not None:
                try:
                    return _exchange(self._process, line)
                except (BrokenPipeError, EOFError):
                    self._stop()  # it exited while idle: retry once with a new process
            self._check_open()
            self._process = _start()
            self._check_open()  # again, because ``close`` may not have seen this process
            return _exchange(self._process, line)
        except (OSError, EOFError, PictureTimeoutError, ShuttingDownError) as error:
            self._stop()
            self._check_open()
            if isinstance(error, PictureTimeoutError):
                raise
            raise ConverterExitedError from error

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise ShuttingDownError

    def _stop(self) -> None:
        """Kill the process and reap it. The caller holds the lock."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _start() -> subprocess.Popen[bytes]:
    # -P keeps this package off the process's import path, where its modules could shadow those of libraries.
    command = [sys.executable, "-P", str(PROGRAM)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own program


def _exchange(process: subprocess.Popen[bytes], line: bytes) -> bytes:
    """Write a request and read its reply. Kills a process that exceeds the time limit, which ends the read.

    Raises
    ------
    PictureTimeoutError: it did
    BrokenPipeError, EOFError: the process has exited
    """
    assert process.stdin is not None  # noqa: S101 - for the type checker, as is the next line
    assert process.stdout is not None  # noqa: S101
    timed_out = threading.Event()

    def end() -> None:
        timed_out.set()
        process.kill()

    timer = threading.Timer(TIMEOUT_SECONDS, end)
    timer.start()
    try:
        process.stdin.write(line)
        process.stdin.flush()
        return _read_reply(process.stdout)
    except (BrokenPipeError, EOFError) as error:
        if timed_out.is_set():
            raise PictureTimeoutError(TIMEOUT_SECONDS) from error
        raise
    finally:
        timer.cancel()


def _read_reply(replies: IO[bytes]) -> bytes:
    """Read one reply.

    Raises
    ------
    EOFError: the process has exited
    PictureError: the process could not render the request
    """
    line = replies.readline()
    if not line:
        raise EOFError
    header = orjson.loads(line)
    content = replies.read(header["length"])
    if len(content) < header["length"]:
        raise EOFError
    if header["failed"]:
        raise PictureError(f"the chart cannot be rendered: {content.decode()[:MAX_REASON_CHARS]}")
    return content
