"""Measure requests during a reload: jobs per second, and how much the requests slow the reload down.

``PYTHONPATH=tests python -m benchmarks.loading [--quick] [--folder <folder>]`` takes about six minutes and writes
``loading.md``. The folder needs room for 1 GB; what is written there is removed.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import requests

from benchmarks import paths
from benchmarks.comparison import Comparison, VoidRunError, rate_over
from benchmarks.processes import REQUEST_SECONDS
from benchmarks.progress import print_now
from benchmarks.questions import QUESTION, expected
from benchmarks.reloads import Window, now, read_again, reloading
from benchmarks.report import table_of
from benchmarks.tables import whole_cdc_table
from benchmarks.watched import watch
from benchmarks.wrk_load import CONNECTIONS, Contender, Load, run_load, verified_answer
from support.real_server import ServerStartError, running_server
from tools.make_respondents import DEFAULT_SEED, write_records

REPORT = paths.BENCHMARKS / "loading.md"
MILLION = 1_000_000
STATISTIC = "global_mean"
WORKERS, WORKER_MIB = 2, 768
START_SECONDS = 600.0
WARM_UP_SECONDS = 1
WAIT = "?wait=10"

HEAD = ("table and reader", "while it is read again", "while it is not", "ratio", "target", "reached")
READING_HEAD = ("table and reader", "a reading alone", "with requests", "ratio", "part")
TARGET = 0.5
LEAST_PART = 0.8  # of a load's time must overlap a reload, or the figure is meaningless
CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Effort:
    """The effort of a run: rounds, minimum seconds per load, and number of respondents' records."""

    rounds: int
    seconds: int
    records: int


FULL = Effort(rounds=3, seconds=10, records=20 * MILLION)
QUICK = Effort(rounds=1, seconds=3, records=2 * MILLION)


@dataclass
class Turns:
    """One server's rounds: jobs per second and seconds per reload, each measured alone and both at once."""

    what: str
    idle_rates: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    alone_seconds: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    parts: list[float] = field(default_factory=list)

    def compared(self) -> Comparison:
        """Compare the median rates."""
        return rate_over(self.what, median(self.rates), median(self.idle_rates), "jobs/s", TARGET)

    def cells(self) -> tuple[str, ...]:
        """Return the median reload times as the cells of a table row."""
        alone, under_load = median(self.alone_seconds), median(self.seconds)
        times = f"{under_load / alone:.2f} times"
        return self.what, f"{alone:.2f} s", f"{under_load:.2f} s", times, f"{min(self.parts):.0%}"


def take_turns(contender: Contender, effort: Effort) -> Turns:
    """Measure a server in rounds: a reload alone, requests alone, then both at once.

    Raises
    ------
    VoidRunError: an answer was wrong or missing, a reading failed, or there was too little reading during a load
    """
    turns = Turns(contender.name)
    run_load(contender, STATISTIC, WARM_UP_SECONDS)
    for number in range(1, effort.rounds + 1):
        turns.alone_seconds.append(read_again(contender.address).seconds)
        turns.idle_rates.append(run_load(contender, STATISTIC, effort.seconds).jobs_per_second)
        load_both(contender, effort.seconds, turns)
        print_now(
            f"{contender.name}, round {number}: {turns.idle_rates[-1]:,.0f} jobs/s, {turns.rates[-1]:,.0f} while it is "
            f"read again; that takes {turns.alone_seconds[-1]:.2f} s, {turns.seconds[-1]:.2f} s with requests"
        )
    return turns


def load_both(contender: Contender, seconds: int, turns: Turns) -> None:
    """Put a server under load while it reloads its table repeatedly, and record the round.

    Parameters
    ----------
    seconds: how long a load is; there is one after the other until a reading has begun and ended meanwhile

    Raises
    ------
    VoidRunError: as ``take_turns``
    """
    loads: list[Load] = []
    began_at = now()
    with reloading(contender.address) as readings:
        while not loads or not readings:
            loads.append(run_load(contender, STATISTIC, seconds))
        window = Window(began_at, now())
    part = window.part_read(readings)
    if part < LEAST_PART:
        raise VoidRunError(f"{contender.name}: the table was read in {part:.0%} of the time of a load only")
    turns.rates.append(sum(load.jobs for load in loads) / sum(load.seconds for load in loads))
    turns.seconds.append(median(reading.seconds for reading in window.whole(readings)))
    turns.parts.append(part)


def by_pandas(folder: Path, effort: Effort) -> Turns:
    """Measure the pandas reader with the whole CDC table."""
    table, kind = whole_cdc_table(folder)
    with running_server({"STATS_DATA": str(table), "STATS_ENGINE": "pandas"}) as server:
        return take_turns(Contender(f"{kind}, pandas", server.address, WAIT, partial(expected, table=table)), effort)


def by_dask(folder: Path, effort: Effort) -> Turns:
    """Measure the Dask reader with respondents' records.

    Their figures are compared with DuckDB's sums before anything is measured; every later answer has to be the same.
    """
    records = folder / "records"
    write_records(records, effort.records, DEFAULT_SEED)
    chosen = {
        "STATS_DATA": str(records),
        "STATS_MAPPING": str(paths.MAPPING),
        "STATS_ENGINE": "dask",
        "STATS_DASK_WORKERS": str(WORKERS),
        "STATS_DASK_WORKER_MIB": str(WORKER_MIB),
    }
    with running_server(chosen, start_seconds=START_SECONDS) as server:
        check_national(server.address, records)
        name = f"{effort.records / MILLION:g} million records, Dask with {WORKERS} workers"
        first = verified_answer(Contender(name, server.address, WAIT, None), STATISTIC)
        right = json.loads(first)["data"]
        return take_turns(Contender(name, server.address, WAIT, lambda statistic: right), effort)


def check_national(address: str, records: Path) -> None:
    """Compare the nation's prevalence in the last year with DuckDB's sums over the same files.

    Raises
    ------
    VoidRunError: it differs
    """
    expected_value = watch("rivals.duckdb_sums", str(records), str(WORKERS)).report["national"]
    answer = requests.post(
        f"{address}/api/estimate",
        json={"question": QUESTION, "locations": ["National"], "by": ["year"]},
        headers={"Prefer": f"wait={REQUEST_SECONDS:g}"},
        timeout=REQUEST_SECONDS,
    )
    last = max(answer.json()["data"], key=lambda cell: cell["year"])
    if not np.isclose(last["value"], expected_value, rtol=CLOSE, atol=0):
        raise VoidRunError(f"DuckDB has {expected_value}, the server {last['value']}")


def report_of(measured: Sequence[Turns], effort: Effort) -> str:
    """Return the figures as Markdown."""
    rows = [READING_HEAD, ("---",) * len(READING_HEAD), *(turns.cells() for turns in measured)]
    text = [
        "# Requests while a table is read again",
        "",
        f"Written by `make bench_scaling` on {datetime.now(UTC):%Y-%m-%d}: Python {platform.python_version()},"
        f" {os.cpu_count()} cores, {platform.system()}. Only ratios taken in one run travel to another machine.",
        "",
        f"`{STATISTIC}` jobs over {CONNECTIONS} connections. A reading alone, requests alone, and both at once took",
        f"turns, {effort.rounds} times; the figures are medians.",
        "",
        table_of([turns.compared() for turns in measured], HEAD),
        "",
        "How long a reading took, from the request to the new table in its place; and in which part of the time with",
        "requests one went on, in the round with the least:",
        "",
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]
    return "\n".join(text)


def main() -> int:
    """Measure and report; return the exit code, 1 if the run is void."""
    parser = argparse.ArgumentParser(description="Measure requests while a table is read again.")
    parser.add_argument("--quick", action="store_true", help="fewer records, one round; writes no report")
    parser.add_argument("--folder", type=Path, help="where the tables are written; otherwise a temporary folder")
    arguments = parser.parse_args()
    effort = QUICK if arguments.quick else FULL
    try:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=arguments.folder) as name:
            measured = [by_pandas(Path(name), effort), by_dask(Path(name), effort)]
    except (VoidRunError, ServerStartError, requests.RequestException, subprocess.SubprocessError) as error:
        sys.stderr.write(f"the run is void: {error}\n")
        return 1
    text = report_of(measured, effort)
    print_now(text)
    if not arguments.quick:
        REPORT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
