"""Start the processes of a benchmark, wait until they are ready, and stop them with their children."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGKILL

from benchmarks import paths
from support.real_server import HOST

START_SECONDS = 60.0
STOP_SECONDS = 10.0
PAUSE_SECONDS = 0.05
REQUEST_SECONDS = 20.0
SHOWN_CHARS = 2000


class StartFailedError(RuntimeError):
    """A process exited, or was not ready in time; the message holds its output."""


def rival_command(rival: str, *arguments: str) -> list[str]:
    """Return the command that starts a module of ``benchmarks.rivals``."""
    return [sys.executable, "-m", f"benchmarks.rivals.{rival}", *arguments]


def rival_environment(additions: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which a rival can import the project from any working folder."""
    return {**os.environ, "PYTHONPATH": str(paths.PROJECT_ROOT), **(additions or {})}


@contextmanager
def started(
    command: list[str], output: Path, ready: Callable[[], bool], environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Start a process, wait until it is ready, yield its id, and stop it with all its children.

    Parameters
    ----------
    output: the file that takes its standard output and error

    Raises
    ------
    StartFailedError: it ended or was not ready in time
    """
    with output.open("wb") as written:
        process = subprocess.Popen(
            command,
            env=dict(rival_environment() if environment is None else environment),
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until(ready, process, output)
        yield process.pid
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Terminate a process that leads its own session, then kill what remains of its process group."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, SIGKILL)
    process.wait(STOP_SECONDS)


def listens(port: int) -> bool:
    """Return whether a server listens on a port of the loopback address."""
    with socket.socket() as probe:
        probe.settimeout(STOP_SECONDS)
        return probe.connect_ex((HOST, port)) == 0


def _wait_until(ready: Callable[[], bool], process: "subprocess.Popen[bytes]", output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            wrote = output.read_text(encoding="utf-8", errors="replace")[-SHOWN_CHARS:]
            raise StartFailedError(f"{process.args!r} did not start; it wrote:\n{wrote}")
        time.sleep(PAUSE_SECONDS)
