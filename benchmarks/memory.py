"""Resident memory while serving the whole CDC table, against a process that holds the needed columns in pandas."""

import re
from pathlib import Path

import requests

from benchmarks.comparison import Comparison, VoidRunError
from benchmarks.processes import REQUEST_SECONDS, rival_command, started
from benchmarks.progress import tell
from benchmarks.questions import body_of, expected, is_right
from support.real_server import running_server

TARGET = 1.5
KIB_PER_MIB = 1024
STATISTICS_ASKED = ("global_mean", "mean_by_category", "states_mean", "state_mean_by_category")


def compare_memory(table: Path, kind: str, folder: Path, *, jobs: int) -> list[Comparison]:
    """Measure the process that serves, after some jobs, and the one that only holds the columns.

    Parameters
    ----------
    table: a plain CSV file
    kind: what table that is, for the report
    folder: takes what the processes write
    """
    with running_server({"STATS_DATA": str(table)}) as server:
        _ask(server.address, table, jobs)
        parent = resident_mib(server.process.pid)
        ours = max(resident_mib(child) for child in children(server.process.pid))
    output = folder / "frame_holder.txt"
    command = rival_command("frame_holder", str(table))
    with started(command, output, lambda: "held" in output.read_text(encoding="utf-8")) as holder:
        rival = resident_mib(holder)
    tell(f"memory: {ours:.0f} MiB, its parent {parent:.0f} MiB (much of it shared), pandas alone {rival:.0f} MiB")
    what = f"resident memory serving {kind}, pandas, Flask and the columns"
    shown = f"{ours:.0f} MiB (and {parent:.0f} MiB its parent, partly shared)"
    return [Comparison(what, shown, f"{rival:.0f} MiB", ours / rival, TARGET, at_least=False)]


def resident_mib(pid: int) -> float:
    """Return how much memory of a process is resident, pages that it shares included."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise VoidRunError(f"process {pid} has ended")
    return int(found[1]) / KIB_PER_MIB


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that still run, whichever of its threads did so."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text(encoding="utf-8").split()]


def _ask(address: str, table: Path, jobs: int) -> None:
    """Let the server compute so many jobs, and check the last result of each statistic."""
    answers = {}
    with requests.Session() as session:
        session.trust_env = False  # a proxy does not know the loopback address of this machine
        for number in range(jobs):
            name = STATISTICS_ASKED[number % len(STATISTICS_ASKED)]
            posted = session.post(f"{address}/api/{name}", json=body_of(name), timeout=REQUEST_SECONDS)
            result_url = f"{address}/api/get_results/{posted.json()['job_id']}?wait=10"
            answers[name] = session.get(result_url, timeout=REQUEST_SECONDS).json()
    for name, answer in answers.items():
        if not is_right(answer.get("data"), expected(name, table)):
            raise VoidRunError(f"memory: wrong {name}: {str(answer)[:200]}")
