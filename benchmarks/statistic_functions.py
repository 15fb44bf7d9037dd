"""Benchmark the statistics, without a server, against plain pandas, the floor, and a larger table."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from app.queries.bodies import parse_body
from app.statistics import STATISTICS
from app.table.engines.pandas_reader import read_table
from app.table.survey_table import SurveyTable
from benchmarks import paths
from benchmarks.comparison import Comparison, VoidRunError, times_faster, times_slower
from benchmarks.floor import Floor
from benchmarks.pandas_expressions import EXPRESSIONS, read_frame
from benchmarks.progress import print_now
from benchmarks.questions import QUESTION, STATE, body_of, expected, is_right
from benchmarks.tables import TIMES, hundredfold_table
from benchmarks.timing import median_seconds

OURS, PANDAS, FLOOR, MANY_ROWS = "ours", "pandas", "floor", "many rows"
PANDAS_TARGET = 20.0
FLOOR_TARGET = 2.0
MANY_ROWS_TARGET = 1.5
TURN_SECONDS = 0.01

Calls = Mapping[str, Callable[[], object]]


def compare_statistics(*, rounds: int) -> list[Comparison]:
    """Measure each registered statistic."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        many_rows = read_table(hundredfold_table(Path(folder)))
    bundled = read_table(paths.BUNDLED_TABLE)
    frame = read_frame(paths.BUNDLED_TABLE)
    floor = Floor(frame, QUESTION, STATE).calls()
    tables = f"{many_rows.report.rows_used:,} rows", f"{bundled.report.rows_used:,} rows"
    print_now(f"statistics over {tables[0]} and over {tables[1]}")
    seconds = {}
    for name in EXPRESSIONS:
        calls: Calls = {
            OURS: our_call(name, bundled),
            PANDAS: partial(EXPRESSIONS[name], frame, body_of(name)),
            FLOOR: floor[name],
            MANY_ROWS: our_call(name, many_rows),
        }
        check(name, calls)
        seconds[name] = median_seconds(calls, rounds, TURN_SECONDS)
    return list(_compared(seconds))


def our_call(name: str, table: SurveyTable) -> Callable[[], object]:
    """Return a function that computes a statistic as a job does."""
    statistic = STATISTICS[name]
    query = statistic.input.resolve(parse_body(json.dumps(body_of(name)).encode(), statistic.body), table)
    return lambda: statistic.compute(table, query)


def check(name: str, calls: Calls) -> None:
    """Check that all contenders return the expected result.

    Raises
    ------
    VoidRunError: one does not
    """
    right = expected(name)
    for who, call in calls.items():
        if not is_right(call(), right):
            raise VoidRunError(f"{name}: wrong result of {who}")


def _compared(seconds: Mapping[str, Mapping[str, float]]) -> Iterator[Comparison]:
    for name, of in seconds.items():
        yield times_faster(f"`{name}`, plain pandas", of[OURS], of[PANDAS], PANDAS_TARGET)
    for name, of in seconds.items():
        yield times_slower(f"`{name}`, `bincount` floor", of[OURS], of[FLOOR], FLOOR_TARGET)
    for name, of in seconds.items():
        yield times_slower(f"`{name}`, {TIMES} times the rows", of[MANY_ROWS], of[OURS], MANY_ROWS_TARGET)
