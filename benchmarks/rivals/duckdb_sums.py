"""The rival at reducing respondents' records: DuckDB adds up the same measures over the same files.

``python -m benchmarks.rivals.duckdb_sums <folder> <threads>`` prints a line of JSON: the seconds for the sums by
sampling unit and stratum of each group, and the nation's prevalence of obesity in the last year that follows from them.
"""

import json
import sys
import time
from typing import Any

import duckdb
import numpy as np

ANSWERS = ("obese", "overweight", "inactive", "little_fruit")
GROUPS = ("", "sex", "age_group", "education", "income", "race")
UNIT = "year, location, stratum, unit"
OUTSIDE_NATION = (12, 41, 49)  # the codes of Guam, Puerto Rico and the Virgin Islands
MEASURES = ", ".join(
    f"count(*) FILTER ({answer} IN (1, 2)), sum(weight) FILTER ({answer} = 1) AS yes_{answer}, "
    f"sum(weight) FILTER ({answer} = 2) AS no_{answer}"
    for answer in ANSWERS
)


def sums(connection: duckdb.DuckDBPyConnection, folder: str, group: str) -> dict[str, Any]:
    """Add up by sampling unit and, where one is named, by group: a query of its own is faster than grouping sets."""
    keys = f"{UNIT}, {group}" if group else UNIT
    source = f"read_parquet('{folder}/*.parquet')"
    query = f"SELECT {keys}, {MEASURES} FROM {source} GROUP BY {keys}"  # noqa: S608 - names of our own
    found: dict[str, Any] = connection.execute(query).fetchnumpy()
    return found


def national(units: dict[str, Any]) -> float:
    """Return the nation's prevalence of the first answer in the last year, in percent."""
    chosen = (units["year"] == units["year"].max()) & ~np.isin(units["location"], OUTSIDE_NATION)
    yes, no = (float(np.ma.filled(units[f"{name}_{ANSWERS[0]}"], 0.0)[chosen].sum()) for name in ("yes", "no"))
    return 100 * yes / (yes + no)


def main(folder: str, threads: int) -> None:
    """Add up, and print how long that took."""
    connection = duckdb.connect(config={"threads": threads})
    started = time.perf_counter()
    found = [sums(connection, folder, group) for group in GROUPS]
    seconds = time.perf_counter() - started
    sys.stdout.write(json.dumps({"seconds": seconds, "national": national(found[0])}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
