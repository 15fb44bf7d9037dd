"""Watch a process that tells what it does in lines of JSON: what it says, how long it runs, how much memory it has."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison import VoidRunError
from benchmarks.memory import KIB_PER_MIB, children
from benchmarks.processes import rival_environment

SAMPLE_SECONDS = 0.1
SHOWN_CHARS = 2000

Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """What was seen of a process and of all that it started.

    Parameters
    ----------
    told: everything that it has said, later words over earlier ones
    wall_seconds: from its start to its end
    peak_mib: the most memory that they had together, 0 where nobody looked; a page that several share counts once
        (proportional set size)
    """

    told: Told
    wall_seconds: float
    peak_mib: float

    @property
    def seconds(self) -> float:
        """How long it says that the work took."""
        return float(self.told["seconds"])


def watch(module: str, *arguments: str, heard: Callable[[Told], None] = lambda told: None, weigh: bool = False) -> Run:
    """Run a module of the benchmarks until it ends.

    Parameters
    ----------
    module: name within the package ``benchmarks``
    heard: is called with each thing that it says
    weigh: whether its memory is looked at; that takes processor time, and holds the process up while it asks for more

    Raises
    ------
    VoidRunError: it failed
    """
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    started = time.monotonic()
    with subprocess.Popen(command, env=rival_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        memory = _Memory(process.pid) if weigh else None
        errors = _Reader(process)
        told: Told = {}
        for line in process.stdout or ():
            told |= json.loads(line)
            heard(told)
        wall = time.monotonic() - started
        peak = memory.stop() if memory else 0.0
        wrote = errors.wait()
    if process.returncode:
        raise VoidRunError(f"{module} failed: {wrote[-SHOWN_CHARS:]}")
    return Run(told, wall, peak)


class _Reader(threading.Thread):
    """Reads what a process writes to its standard error, so that it never waits for that."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        super().__init__(daemon=True)
        self._process = process
        self._wrote = b""
        self.start()

    def run(self) -> None:
        self._wrote = self._process.stderr.read() if self._process.stderr else b""

    def wait(self) -> str:
        """Return what was written, once that is all."""
        self.join()
        return self._wrote.decode(errors="replace")


class _Memory(threading.Thread):
    """Looks again and again at how much memory a process and all that it started have."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._stopped = threading.Event()
        self._peak = 0.0
        self.start()

    def run(self) -> None:
        while not self._stopped.wait(SAMPLE_SECONDS):
            self._peak = max(self._peak, tree_mib(self._pid))

    def stop(self) -> float:
        """Stop looking, and return the most that was seen, in MiB."""
        self._stopped.set()
        self.join()
        return self._peak


def tree_mib(pid: int) -> float:
    """Return the proportional set sizes of a process and of all that it started, together."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
        found = re.search(r"^Pss:\s+(\d+) kB$", rollup, re.MULTILINE)
        return (int(found[1]) / KIB_PER_MIB if found else 0.0) + sum(map(tree_mib, children(pid)))
    except OSError:  # it has ended
        return 0.0
