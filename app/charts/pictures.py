"""Charts as pictures, and the script that draws them in a page, made by a process of its own (``converter.py``)."""

import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Literal

import orjson

from app.errors import PictureError

Form = Literal["svg", "png"]

CONVERTER_FILE = Path(__file__).with_name("converter.py")
LONGEST_SECONDS = 60.0  # nothing takes a tenth of it; a process that hangs is not waited for longer
LONGEST_REASON_CHARS = 300


class Converter:
    """The process that draws: started when it is first needed, and again where it has ended.

    Every call may block for a second or two, and for as long as others wait for theirs; any thread may call.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _process, _script, and the talk with the process, one at a time
        self._process: subprocess.Popen[bytes] | None = None
        self._script: bytes | None = None

    def picture(self, spec: Mapping[str, Any], form: Form) -> bytes:
        """Return a chart as a picture: SVG in UTF-8, or PNG with two pixels for each of the page's.

        Raises
        ------
        PictureError: it cannot be drawn
        """
        with self._lock:
            return self._ask(orjson.dumps({"form": form, "spec": spec}))

    def page_script(self) -> bytes:
        """Return the script that gives a page ``drawChart(element, spec)``: JavaScript in UTF-8, made once.

        Raises
        ------
        PictureError: it cannot be made
        """
        with self._lock:
            if self._script is None:
                self._script = self._ask(orjson.dumps({"form": "script", "spec": None}))
            return self._script

    def close(self) -> None:
        """End the process, if there is one. The next call starts another."""
        with self._lock:
            self._end()

    def _ask(self, line: bytes) -> bytes:
        """Ask the process, or where it has ended since the last time, a new one. The lock is held."""
        if self._process is not None:
            try:
                return self._talk(self._process, line)
            except (BrokenPipeError, EOFError):
                self._end()
        try:
            self._process = _start()
            return self._talk(self._process, line)
        except (OSError, EOFError) as error:
            self._end()
            raise PictureError("the program that draws has ended early; try again, or ask for json") from error

    def _talk(self, process: subprocess.Popen[bytes], line: bytes) -> bytes:
        """Ask the process and read its answer. A process that takes too long is killed."""
        timer = threading.Timer(LONGEST_SECONDS, process.kill)
        timer.start()
        try:
            _pipe(process.stdin).write(line + b"\n")
            _pipe(process.stdin).flush()
            return _read_answer(_pipe(process.stdout))
        finally:
            timer.cancel()

    def _end(self) -> None:
        """Let the process end, and wait for that. The lock is held."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _start() -> subprocess.Popen[bytes]:
    """Start the process: ``-P`` keeps the package's files from standing in for modules of others."""
    command = [sys.executable, "-P", str(CONVERTER_FILE)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own program


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    """Return a pipe that was asked for when the process was started."""
    assert pipe is not None  # noqa: S101 - for the type checker
    return pipe


def _read_answer(answers: IO[bytes]) -> bytes:
    """Read one answer of the process.

    Raises
    ------
    EOFError: the process has ended
    PictureError: what was asked cannot be made
    """
    head = answers.readline()
    told = orjson.loads(head) if head else {"length": 1, "failed": False}
    content = answers.read(told["length"])
    if len(content) < told["length"]:
        raise EOFError
    if told["failed"]:
        raise PictureError(f"the chart cannot be drawn: {content.decode()[:LONGEST_REASON_CHARS]}")
    return content


_converter = Converter()  # one for the whole process; it starts nothing before it is asked


def picture(spec: Mapping[str, Any], form: Form) -> bytes:
    """Return a chart as a picture, as ``Converter.picture`` does."""
    return _converter.picture(spec, form)


def vega_bundle() -> bytes:
    """Return the script of the page, as ``Converter.page_script`` does."""
    return _converter.page_script()


def close() -> None:
    """End the process that draws, if there is one."""
    _converter.close()
