"""Compare our loading of the whole CDC table, with checks and means, with bare ``pandas.read_csv``."""

from pathlib import Path

import pandas as pd

from app.table.engines.pandas_reader import read_table
from app.table.sources.parser import NEEDED, OPTIONAL
from benchmarks.comparison import Comparison, times_slower
from benchmarks.progress import print_now
from benchmarks.timing import median_seconds

TARGET = 1.5


def compare_reading(table: Path, kind: str, *, rounds: int) -> list[Comparison]:
    """Measure both in turns, with the file in the page cache.

    Parameters
    ----------
    table: a plain CSV file
    kind: what table that is, for the report
    """
    columns = {*NEEDED, *OPTIONAL}
    in_file = [name for name in pd.read_csv(table, nrows=0).columns if name.strip() in columns]
    calls = {"ours": lambda: read_table(table), "rival": lambda: pd.read_csv(table, usecols=in_file)}
    median_seconds(calls, rounds=1)  # the first round also imports modules
    seconds = median_seconds(calls, rounds)
    compared = times_slower(f"reading {kind}, bare `read_csv`", seconds["ours"], seconds["rival"], TARGET)
    print_now(f"reading: {compared.ours}, bare read_csv {compared.rival}")
    return [compared]
