"""Run a process that prints JSON lines; collect its report, duration and memory."""

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

Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """A finished process with its children.

    Parameters
    ----------
    report: the merged JSON lines; later values replace earlier ones
    wall_seconds: from its start to its end
    peak_mib: peak memory of all processes together (proportional set size: shared pages count once); 0 if it was
        not measured
    """

    report: Report
    wall_seconds: float
    peak_mib: float

    @property
    def seconds(self) -> float:
        """How long the work took, as the process reported it."""
        return float(self.report["seconds"])


def watch(
    module: str,
    *arguments: str,
    on_report: Callable[[Report], None] = lambda report: None,
    measure_memory: bool = False,
) -> Run:
    """Run a module of the benchmarks until it ends.

    Parameters
    ----------
    module: name within the package ``benchmarks``
    on_report: called with the merged report after each line
    measure_memory: whether to sample its memory, which takes CPU time and slows down its allocations

    Raises
    ------
    VoidRunError: the process failed
    """
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    started = time.monotonic()
    with subprocess.Popen(command, env=rival_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        memory = _Memory(process.pid) if measure_memory else None
        errors = _Reader(process)
        report: Report = {}
        for line in process.stdout or ():
            report |= json.loads(line)
            on_report(report)
        wall = time.monotonic() - started
        peak = memory.stop() if memory else 0.0
        wrote = errors.wait()
    if process.returncode:
        raise VoidRunError(f"{module} failed: {wrote[-SHOWN_CHARS:]}")
    return Run(report, wall, peak)


class _Reader(threading.Thread):
    """Drains a process's standard error, so that the process never blocks on a full pipe."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        super().__init__(daemon=True)
        self._process = process
        self._wrote = b""
        self.start()

    def run(self) -> None:
        self._wrote = self._process.stderr.read() if self._process.stderr else b""

    def wait(self) -> str:
        """Return the complete output. Blocks until the process closes it."""
        self.join()
        return self._wrote.decode(errors="replace")


class _Memory(threading.Thread):
    """Samples the memory of a process and its children."""

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
        """Stop sampling and return the peak in MiB."""
        self._stopped.set()
        self.join()
        return self._peak


def tree_mib(pid: int) -> float:
    """Return the proportional set size of a process and its children, in MiB."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
        found = re.search(r"^Pss:\s+(\d+) kB$", rollup, re.MULTILINE)
        return (int(found[1]) / KIB_PER_MIB if found else 0.0) + sum(map(tree_mib, children(pid)))
    except OSError:  # the process exited
        return 0.0
