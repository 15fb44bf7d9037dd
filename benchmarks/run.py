"""Measure the server against its rivals and its targets.

``PYTHONPATH=tests python -m benchmarks.run [--quick] [--check]``. The exit code is 0; 1 if ``--check`` is given and a
ratio is worse than half of its target in two runs; 2 if nothing could be measured.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks import paths
from benchmarks.comparison import Comparison, VoidRunError
from benchmarks.contenders import why_no_celery
from benchmarks.estimate_functions import compare_estimates
from benchmarks.memory import compare_memory
from benchmarks.pool import compare_pool
from benchmarks.processes import StartFailedError
from benchmarks.progress import print_now
from benchmarks.reading import compare_reading
from benchmarks.report import table_of, write_report
from benchmarks.serving import compare_serving
from benchmarks.starting import compare_start
from benchmarks.statistic_functions import compare_statistics
from benchmarks.tables import whole_cdc_table
from benchmarks.wrk_load import WRK_MISSING
from support.real_server import ServerStartError

MEASURED, FAR_OFF, UNUSABLE = 0, 1, 2
UNMEASURABLE = (
    VoidRunError,
    StartFailedError,
    ServerStartError,
    requests.RequestException,
    subprocess.SubprocessError,
)


@dataclass(frozen=True, slots=True)
class Effort:
    """The effort of a run: rounds, seconds, and numbers of tasks and jobs."""

    rounds: int
    load_seconds: int
    latency_seconds: int
    tasks: int
    jobs: int


FULL = Effort(rounds=5, load_seconds=4, latency_seconds=6, tasks=100_000, jobs=400)
QUICK = Effort(rounds=3, load_seconds=1, latency_seconds=3, tasks=20_000, jobs=200)


def measure(effort: Effort, *, with_celery: bool) -> list[Comparison]:
    """Run all measurements in order.

    Raises
    ------
    VoidRunError: an answer was wrong or missing
    """
    rounds = effort.rounds
    compared = compare_serving(
        rounds=rounds,
        seconds=effort.load_seconds,
        latency_seconds=effort.latency_seconds,
        with_celery=with_celery,
    )
    compared += compare_pool(rounds=rounds, tasks=effort.tasks)
    compared += compare_statistics(rounds=rounds)
    compared += compare_estimates(rounds=rounds)
    compared += compare_start(rounds=rounds)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        table, kind = whole_cdc_table(Path(name))
        compared += compare_reading(table, kind, rounds=rounds)
        compared += compare_memory(table, kind, Path(name), jobs=effort.jobs)
    return compared


def missing_tools(*, quick: bool) -> list[str]:
    """Return one sentence for each required program that is missing."""
    missing = [] if shutil.which("wrk") else [WRK_MISSING]
    no_celery = why_no_celery()
    return missing if quick or no_celery is None else [*missing, f"the Celery rival: {no_celery}"]


def far_off(compared: list[Comparison], earlier: list[Comparison] | None = None) -> list[str]:
    """Return the comparisons that miss half of their target, in this run and in an earlier one."""
    pairs = zip(compared, earlier or compared, strict=True)
    return [item.what for item, before in pairs if item.far_off and before.far_off]


def reported(effort: Effort) -> list[Comparison]:
    """Measure everything, and print the ratios.

    Raises
    ------
    VoidRunError: an answer was wrong or missing
    """
    no_celery, started = why_no_celery(), time.monotonic()
    compared = measure(effort, with_celery=no_celery is None)
    left_out = [f"left out: the Celery rival: {no_celery}"] if no_celery else []
    print_now("\n".join(["", table_of(compared), "", *left_out, f"measured in {time.monotonic() - started:.0f} s"]))
    print_now("\n".join(f"below half of its target: {what}" for what in far_off(compared)))
    return compared


def exit_code(*, quick: bool, check: bool) -> int:
    """Measure; if a ratio is far off its target, measure once more to rule out noise.

    Raises
    ------
    VoidRunError: an answer was wrong or missing
    """
    effort = QUICK if quick else FULL
    compared = reported(effort)
    if not quick:
        write_report(paths.BENCHMARKS, compared)
    if not check or not far_off(compared):
        return MEASURED
    print_now("measured again, because the machine may have been busy")
    return FAR_OFF if far_off(reported(effort), compared) else MEASURED


def main() -> int:
    """Measure, report, and return the exit code."""
    parser = argparse.ArgumentParser(description="Measure the server against its rivals and its targets.")
    parser.add_argument("--quick", action="store_true", help="measure for about a minute, and write no report")
    parser.add_argument("--check", action="store_true", help="fail where a ratio is far off in two runs")
    arguments = parser.parse_args()
    missing = missing_tools(quick=arguments.quick)
    if missing:
        sys.stderr.write("".join(f"cannot measure: {sentence}\n" for sentence in missing))
        return UNUSABLE
    try:
        return exit_code(quick=arguments.quick, check=arguments.check)
    except UNMEASURABLE as error:
        sys.stderr.write(f"the run is void: {error}\n")
        return UNUSABLE


if __name__ == "__main__":
    sys.exit(main())
