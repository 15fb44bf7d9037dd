"""Reduce respondents' records in several sizes; compare with DuckDB, one worker, and a killed worker.

``PYTHONPATH=tests python -m benchmarks.respondents [--quick] [--folder <folder>]`` writes ``scaling.md`` and
``scaling.svg``. The folder needs room for 2.3 GB; what is written there is removed.
"""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from benchmarks import paths
from benchmarks.comparison import NOTHING, Comparison, VoidRunError, times_faster, times_slower
from benchmarks.progress import print_now
from benchmarks.scaling_report import Point, write_report
from benchmarks.watched import Report, Run, watch
from tools.make_respondents import DEFAULT_SEED, write_records

MILLION = 1_000_000
SIZES = (1 * MILLION, 5 * MILLION, 25 * MILLION, 50 * MILLION)
QUICK_SIZES = (1 * MILLION, 2 * MILLION, 4 * MILLION)
ROUNDS = 3  # at the largest size, with rivals in turns
CORES = 2  # workers, and DuckDB's threads
HALF = 0.5

MOST_MIB = 2000 * MILLION / 2**20
MOST_TIMES_DUCKDB, LEAST_SPEED_UP = 2.0, 1.6
CLOSE = 1e-9


@dataclass
class Killer:
    """Kills one of the workers when half of the source is read."""

    killed: list[int] = field(default_factory=list)

    def on_report(self, report: Report) -> None:
        """Kill a worker once the progress reaches one half."""
        if not self.killed and report.get("share", 0.0) >= HALF:
            self.killed.append(report["workers"][0])
            os.kill(self.killed[0], signal.SIGKILL)


class Measurement:
    """Runs all measurements over the records of one size.

    Parameters
    ----------
    folder: takes the records and the cells
    """

    def __init__(self, folder: Path, rows: int) -> None:
        self.rows = rows
        self._records = folder / f"records-{rows}"
        self._cells = folder / "cells.npy"
        files = write_records(self._records, rows, DEFAULT_SEED)
        self.bytes = sum(file.stat().st_size for file in files)

    def ours(self, workers: int, killer: Killer | None = None, *, measure_memory: bool = False) -> Run:
        """Reduce the records with the given number of workers."""
        on_report = killer.on_report if killer else lambda report: None
        run = watch(
            "reduce_records",
            str(self._records),
            str(workers),
            str(self._cells),
            on_report=on_report,
            measure_memory=measure_memory,
        )
        if run.report["rows"] != self.rows:
            raise VoidRunError(f"{run.report['rows']} of {self.rows} records were read")
        print_now(f"{self.rows:,} records, {workers} workers: {run.seconds:.1f} s{_weight(run)}")
        return run

    def duckdb(self, ours: Run, *, measure_memory: bool = False) -> Run:
        """Sum with DuckDB, and check that both sums give the same prevalence."""
        run = watch("rivals.duckdb_sums", str(self._records), str(CORES), measure_memory=measure_memory)
        if not np.isclose(run.report["national"], ours.report["national"], rtol=CLOSE, atol=0):
            raise VoidRunError(f"DuckDB has {run.report['national']}, ours is {ours.report['national']}")
        print_now(f"{self.rows:,} records, DuckDB: {run.seconds:.1f} s{_weight(run)}")
        return run

    def cells(self) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
        """Return the cells of our last run."""
        return np.load(self._cells)  # type: ignore[no-any-return]

    def remove(self) -> None:
        """Remove the records."""
        for file in self._records.iterdir():
            file.unlink()


def _weight(run: Run) -> str:
    return f", {run.peak_mib:.0f} MiB" if run.peak_mib else ""


def point(measurement: Measurement) -> Point:
    """Run ours and DuckDB once to measure time, and once more to measure memory."""
    ours = measurement.ours(CORES)
    return _weighed(measurement, ours, measurement.duckdb(ours))


def _weighed(measurement: Measurement, ours: Run, rival: Run) -> Point:
    """Run both once more and return the runs with their peak memory."""
    our_mib = measurement.ours(CORES, measure_memory=True).peak_mib
    rival_mib = measurement.duckdb(ours, measure_memory=True).peak_mib
    weighed = replace(ours, peak_mib=our_mib), replace(rival, peak_mib=rival_mib)
    return Point(measurement.rows, measurement.bytes, *weighed)


def compare_largest(largest: Measurement, rounds: int) -> tuple[Point, list[Comparison]]:
    """Run ours with two workers, with one, and DuckDB in turns; then kill a worker.

    Raises
    ------
    VoidRunError: a run failed, or its cells differ from those of the others
    """
    twos, ones, rivals = [], [], []
    for _ in range(rounds):
        twos.append(largest.ours(CORES))
        expected = largest.cells()
        ones.append(largest.ours(1))
        _check_same(largest.cells(), expected, "one worker")
        rivals.append(largest.duckdb(twos[-1]))
    killer = Killer()
    killed = largest.ours(CORES, killer, measure_memory=True)
    if not killer.killed:
        raise VoidRunError("no worker was killed")
    _check_same(largest.cells(), expected, "a worker killed")
    two, one, rival = (sorted(runs, key=lambda run: run.seconds)[rounds // 2] for runs in (twos, ones, rivals))
    measured = _weighed(largest, two, rival)
    peak = max(measured.ours.peak_mib, killed.peak_mib)
    what = f"{largest.rows / MILLION:g} million records"
    return measured, [
        times_slower(f"{what}, DuckDB", two.seconds, rival.seconds, MOST_TIMES_DUCKDB),
        times_faster(f"{what}, one worker", two.seconds, one.seconds, LEAST_SPEED_UP),
        Comparison(f"{what}, all processes", f"{peak:.0f} MiB", NOTHING, peak, MOST_MIB, at_least=False, unit="MiB"),
        times_slower(f"{what}, a worker killed half-way", killed.seconds, two.seconds, MOST_TIMES_DUCKDB),
    ]


def _check_same(
    found: "np.ndarray[tuple[int, int], np.dtype[np.float64]]",
    expected: "np.ndarray[tuple[int, int], np.dtype[np.float64]]",
    what: str,
) -> None:
    if found.shape != expected.shape or not np.allclose(found, expected, rtol=CLOSE, atol=0, equal_nan=True):
        raise VoidRunError(f"{what}: other cells")


def measure(sizes: Sequence[int], folder: Path, rounds: int) -> tuple[list[Point], list[Comparison]]:
    """Measure all sizes in order; the last one is the largest."""
    points = []
    for rows in sizes[:-1]:
        measurement = Measurement(folder, rows)
        points.append(point(measurement))
        measurement.remove()
    largest = Measurement(folder, sizes[-1])
    last, compared = compare_largest(largest, rounds)
    return [*points, last], compared


def main() -> int:
    """Measure and report; return the exit code, 1 if the run is void."""
    parser = argparse.ArgumentParser(description="Reduce respondents' records of several sizes, and compare.")
    parser.add_argument("--quick", action="store_true", help="small sizes, once each; writes no report")
    parser.add_argument("--folder", type=Path, help="where the records are written; otherwise a temporary folder")
    arguments = parser.parse_args()
    sizes, rounds = (QUICK_SIZES, 1) if arguments.quick else (SIZES, ROUNDS)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=arguments.folder) as name:
            points, compared = measure(sizes, Path(name), rounds)
    except VoidRunError as error:
        sys.stderr.write(f"the run is void: {error}\n")
        return 1
    print_now(write_report(None if arguments.quick else paths.BENCHMARKS, points, compared))
    return 0


if __name__ == "__main__":
    sys.exit(main())
