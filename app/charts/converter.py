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

from app.errors import PictureError

PictureFormat = Literal["svg", "png"]

PROGRAM = Path(__file__).with_name("converter_main.py")
TIMEOUT_SECONDS = 60.0  # ten times the slowest request; a process that hangs longer is killed
MAX_REASON_CHARS = 300


class Converter:
    """Starts the converter process on first use, and again after it has exited.

    Any thread may call. A call blocks for up to two seconds, and while earlier callers are served.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _process and _script; held for a whole request, so replies never mix
        self._process: subprocess.Popen[bytes] | None = None
        self._script: bytes | None = None

    def picture(self, spec: Mapping[str, Any], format: PictureFormat) -> bytes:
        """Render a Vega-Lite specification as SVG (UTF-8), or as PNG at two pixels per CSS pixel.

        Raises
        ------
        PictureError: the chart cannot be rendered
        """
        with self._lock:
            return self._request({"format": format, "spec": spec})

    def page_script(self) -> bytes:
        """Return the script that defines ``drawChart(element, spec)`` in a page: JavaScript in UTF-8, built once.

        Raises
        ------
        PictureError: the script cannot be built
        """
        with self._lock:
            if self._script is None:
                self._script = self._request({"format": "script", "spec": None})
            return self._script

    def close(self) -> None:
        """Stop the process if it runs. A later call starts another."""
        with self._lock:
            self._stop()

    def _request(self, request: Mapping[str, Any]) -> bytes:
        """Send a request to the running process, or to a new one. The caller holds the lock."""
        line = orjson.dumps(request) + b"\n"
        if self._process is not None:
            try:
                return _exchange(self._process, line)
            except (BrokenPipeError, EOFError):
                self._stop()  # it exited while idle: retry once with a new process
        try:
            self._process = _start()
            return _exchange(self._process, line)
        except (OSError, EOFError) as error:
            self._stop()
            raise PictureError("the chart converter exited early; try again, or request the result as json") from error

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
    """Write a request and read its reply. Kills a process that exceeds the timeout, which ends the read."""
    assert process.stdin is not None  # noqa: S101 - for the type checker, as is the next line
    assert process.stdout is not None  # noqa: S101
    timer = threading.Timer(TIMEOUT_SECONDS, process.kill)
    timer.start()
    try:
        process.stdin.write(line)
        process.stdin.flush()
        return _read_reply(process.stdout)
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
