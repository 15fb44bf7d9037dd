"""Compare the server's resident memory with a process that only holds the needed columns in pandas."""

import re
from pathlib import Path

import requests

from benchmarks.comparison import Comparison, VoidRunError
from benchmarks.processes import REQUEST_SECONDS, rival_command, started
from benchmarks.progress import print_now
from benchmarks.questions import body_of, expected, is_right
from support.real_server import running_server

TARGET = 1.5
KIB_PER_MIB = 1024
STATISTICS_ASKED = ("global_mean", "mean_by_category", "states_mean", "state_mean_by_category")


def compare_memory(table: Path, kind: str, folder: Path, *, jobs: int) -> list[Comparison]:
    """Measure the worker process after some jobs, and the process that only holds the columns.

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
    print_now(f"memory: {ours:.0f} MiB, its parent {parent:.0f} MiB (mostly shared), pandas alone {rival:.0f} MiB")
    what = f"resident memory serving {kind}, pandas, Flask and the columns"
    shown = f"{ours:.0f} MiB (and {parent:.0f} MiB its parent, partly shared)"
    return [Comparison(what, shown, f"{rival:.0f} MiB", ours / rival, TARGET, at_least=False)]


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process in MiB, including shared pages."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise VoidRunError(f"process {pid} exited")
    return int(found[1]) / KIB_PER_MIB


def children(pid: int) -> list[int]:
    """Return the running children of a process, from all of its threads."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text(encoding="utf-8").split()]


def _ask(address: str, table: Path, jobs: int) -> None:
    """Run this many jobs and check the last result of each statistic."""
    answers = {}
    with requests.Session() as session:
        session.trust_env = False  # a proxy cannot reach the loopback address
        for number in range(jobs):
            name = STATISTICS_ASKED[number % len(STATISTICS_ASKED)]
            posted = session.post(f"{address}/api/{name}", json=body_of(name), timeout=REQUEST_SECONDS)
            result_url = f"{address}/api/get_results/{posted.json()['job_id']}?wait=10"
            answers[name] = session.get(result_url, timeout=REQUEST_SECONDS).json()
    for name, answer in answers.items():
        if not is_right(answer.get("data"), expected(name, table)):
            raise VoidRunError(f"memory: wrong {name}: {str(answer)[:200]}")
