"""Measure and simulate several servers and larger surveys, for the calculations in ``docs/scaling.md``.

``PYTHONPATH=tests python -m benchmarks.replicas`` takes half a minute and writes ``replicas.md``.
"""

import io
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import numpy as np
import pyarrow
import requests
from pyarrow import parquet

from app.table.respondents import RespondentRecords, read_mapping
from app.table.respondents.sums import UnitSums
from app.table.sources.frame import SourceFrame
from benchmarks import paths
from benchmarks.comparison import VoidRunError
from benchmarks.memory import children
from benchmarks.processes import REQUEST_SECONDS
from benchmarks.progress import print_now
from benchmarks.watched import tree_mib
from support.real_server import RealServer, running_server
from tools.make_respondents import DEFAULT_SEED, FACTS_FILE, Generator, read_survey

REPORT = paths.BENCHMARKS / "replicas.md"
MILLION = 1_000_000
SEED = 1

REPLICAS, CLIENTS, DRAWS = 1000, (10_000, 100_000, 1_000_000), 20
LOADS, JOBS = (0.5, 0.7, 0.9), 400_000  # utilization of a server; simulated jobs

BLOCKS, RECORDS_IN_ALL = 24, 50 * MILLION
ALL_YEARS, YEARS_IN_BLOCKS = 12, 6  # the blocks span a little less than six years
BLOCKS_PER_TASK = 4  # like the Dask reader, which then merges 7 tasks at once, here 6
MERGES = 3
ALL_RECORDS = 10**10
WORKERS = (2, 20, 200, 1000)


def two_servers() -> list[str]:
    """Start two servers with separate folders, and report what they share.

    Raises
    ------
    VoidRunError: the same question had different answers
    """
    started = time.monotonic()
    with running_server() as first:
        seconds = time.monotonic() - started
        with running_server() as second:
            ids = [posted(server, "global_mean") for server in (first, second)]
            documents = [document(server, job_id) for server, job_id in zip((first, second), ids, strict=True)]
            other = posted(second, "states_mean")
            lost = document(first, other)
            memory = median(tree_mib(server.process.pid) for server in (first, second))
            worker = median(max(map(tree_mib, children(server.process.pid))) for server in (first, second))
    if documents[0] != documents[1] or b'"done"' not in documents[0]:
        raise VoidRunError(f"other answers: {documents!r}")
    return [
        f"| ids of the first job of either | `{ids[0]}`, `{ids[1]}` |",
        "| documents of the same question | the same bytes |",
        f"| the second server's `{other}`, requested from the first | `{lost.decode()}` |",
        f"| from the start to ready, bundled table | {seconds:.1f} s |",
        f"| memory of one server with its parent, of them the serving one | {memory:.0f} MiB, {worker:.0f} MiB |",
    ]


def posted(server: RealServer, statistic: str) -> str:
    """Submit a job and return its id."""
    answer = requests.post(f"{server.address}/api/{statistic}", json={"question": "Q036"}, timeout=REQUEST_SECONDS)
    return str(answer.json()["job_id"])


def document(server: RealServer, job_id: str) -> bytes:
    """Return a server's response for a job id."""
    return requests.get(f"{server.address}/api/get_results/{job_id}?wait=10", timeout=REQUEST_SECONDS).content


def busiest(clients: int) -> float:
    """Return the load of the busiest replica as a multiple of the mean, if each client sticks to a random one."""
    draw = np.random.default_rng(SEED)
    found = [np.bincount(draw.integers(REPLICAS, size=clients), minlength=REPLICAS).max() for _ in range(DRAWS)]
    return float(np.mean(found)) * REPLICAS / clients


def waiting(load: float) -> tuple[float, float]:
    """Return mean and 99th percentile of the wait for random arrivals, in multiples of one job's time."""
    draw = np.random.default_rng(SEED)
    slack = 1.0 - draw.exponential(1 / load, JOBS)  # Lindley: wait' = max(0, wait + service - time to the next)
    total = np.concatenate([[0.0], np.cumsum(slack)])
    waits = total - np.minimum.accumulate(total)
    return float(waits.mean()), float(np.quantile(waits, 0.99))


def record_costs() -> tuple[float, float, UnitSums, UnitSums]:
    """Return CPU seconds to reduce a block and to merge one; then the sums of a block, and of all blocks."""
    kind = RespondentRecords(read_mapping(paths.MAPPING))
    generator = Generator(read_survey(FACTS_FILE), RECORDS_IN_ALL, DEFAULT_SEED)
    parts, seconds = [], []
    for number in range(BLOCKS):
        file = io.BytesIO()
        parquet.write_table(pyarrow.table(generator.columns(number * MILLION, MILLION)), file)
        started = time.process_time()
        read = parquet.read_table(file, columns=list(kind.layout.needed), use_threads=False)
        parts.append(kind.reduce_frame(SourceFrame(read)))
        seconds.append(time.process_time() - started)
    whole = kind.merge([_later(part, years) for part in parts for years in range(ALL_YEARS // YEARS_IN_BLOCKS)])
    of_tasks = [kind.merge(parts[first : first + BLOCKS_PER_TASK]) for first in range(0, BLOCKS, BLOCKS_PER_TASK)]
    merges = []
    for _ in range(MERGES):
        started = time.process_time()
        kind.merge([whole, *of_tasks])
        merges.append(time.process_time() - started)
    return median(seconds), median(merges) / BLOCKS, parts[0], whole


def _later(part: UnitSums, years: int) -> UnitSums:
    """Return the sums of a block, shifted to sampling units that many years later."""
    units = part.units._replace(years=part.units.years + years * YEARS_IN_BLOCKS)
    return replace(part, units=units)


def minutes(workers: int, reduce_seconds: float, merge_seconds: float) -> float:
    """Return how long the workers take; the single merging process is the limit if it takes longer."""
    blocks = ALL_RECORDS / MILLION
    return max(blocks * reduce_seconds / workers, blocks * merge_seconds) / 60


def more_records() -> list[str]:
    """Measure the cost of a block and extrapolate."""
    reduce_seconds, merge_seconds, sums, whole = record_costs()
    per_unit = sums.sums.nbytes / sums.records.size
    lines = [
        f"| reading and reducing a block of a million records | {reduce_seconds:.2f} s of a core |",
        f"| merging its sums into those of {whole.records.size:,} units | {1000 * merge_seconds:.1f} ms of a core |",
        f"| sums of one sampling unit | {per_unit:,.0f} bytes |",
        f"| sums of a block of a million records | {sums.sums.nbytes / 1e6:.1f} MB, {sums.records.size:,} units |",
    ]
    shown = "; ".join(f"{count:,}: {minutes(count, reduce_seconds, merge_seconds):.1f}" for count in WORKERS)
    most = f"| workers that one merging process keeps up with | {reduce_seconds / merge_seconds:.0f} |"
    return [*lines, f"| 10^10 records, minutes by number of workers | {shown} |", most]


def simulated() -> list[str]:
    """Simulate a thousand replicas."""
    shares = "; ".join(f"{clients:,} clients: {busiest(clients):.2f}" for clients in CLIENTS)
    lines = [f"| the busiest of {REPLICAS:,} replicas, times the mean | {shares} |"]
    for load in LOADS:
        mean, late = waiting(load)
        theory = load / (2 * (1 - load))
        shown = f"mean {mean:.2f} (by theory {theory:.2f}), 99th percentile {late:.1f} times that of a job"
        lines.append(f"| wait for a server that is busy {load:.0%} of the time | {shown} |")
    return lines


def report(parts: Sequence[tuple[str, list[str]]]) -> str:
    """Return the figures as Markdown."""
    text = ["# Figures for several servers, and for more records", "", "Written by `make bench_scaling`.", ""]
    for title, lines in parts:
        text += [f"## {title}", "", "| what | figure |", "| --- | --- |", *lines, ""]
    return "\n".join(text)


def main() -> int:
    """Measure, simulate and report; return the exit code, 1 if the run is void."""
    try:
        parts = [
            ("Two servers with folders of their own, measured", two_servers()),
            ("A thousand servers, simulated", simulated()),
            ("Ten thousand million records, reckoned from a block's cost", more_records()),
        ]
    except VoidRunError as error:
        sys.stderr.write(f"the run is void: {error}\n")
        return 1
    text = report(parts)
    REPORT.write_text(text, encoding="utf-8")
    print_now(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
