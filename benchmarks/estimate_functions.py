"""Benchmark the estimate statistics, without a server, against pandas, statsmodels and SciPy."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from app.queries.bodies import parse_body
from app.statistics import STATISTICS
from app.table.engines.pandas_reader import read_table
from app.table.survey_table import SurveyTable
from benchmarks import paths
from benchmarks.comparison import Comparison, VoidRunError, times_faster
from benchmarks.pandas_estimates import EXPRESSIONS, read_estimates
from benchmarks.progress import print_now
from benchmarks.questions import is_right
from benchmarks.timing import median_seconds

OURS, PANDAS = "ours", "pandas"
TARGET = 1.0  # a correlation spends most of its time inside SciPy
TURN_SECONDS = 0.01

# The fields of a result that the pandas expression computes too.
FIGURES: Mapping[str, Callable[[Any], list[float]]] = MappingProxyType(
    {
        "best": lambda data: list(data.values()),
        "worst": lambda data: list(data.values()),
        "estimate": lambda data: [cell["value"] for cell in data],
        "trend": lambda data: [data["slope"]["value"], data["slope"]["p_value"]],
        "trends": lambda data: [line["slope"][name] for name in ("value", "p_adjusted") for line in data["trends"]],
        "compare": lambda data: [data["difference"]["value"], data["difference"]["p_value"]],
        "compare_all": lambda data: [cell["p_adjusted"] for cell in data["others"]],
        "rank": lambda data: [
            cell["rank_high"] for cell in sorted(data["locations"], key=lambda cell: cell["location"]) if cell["rank"]
        ],
        "disparity": lambda data: [data["absolute_gap"]["value"], data["relative_gap"]["value"]],
        "correlate": lambda data: [data["pearson"]["r"], data["spearman"]["rho"]],
    }
)


def compare_estimates(*, rounds: int) -> list[Comparison]:
    """Measure each registered statistic whose result has a provenance, on its example.

    Raises
    ------
    VoidRunError: ours and the plain expression do not agree
    """
    table, frame = read_table(paths.BUNDLED_TABLE), read_estimates(paths.BUNDLED_TABLE)
    compared = []
    for name, statistic in STATISTICS.items():
        if not statistic.provenance:
            continue
        calls: dict[str, Callable[[], Any]] = {
            OURS: our_call(name, table),
            PANDAS: partial(EXPRESSIONS[name], frame, statistic.example),
        }
        figures, wanted = FIGURES[name](calls[OURS]()), calls[PANDAS]()
        if not is_right(dict(enumerate(figures)), dict(enumerate(map(float, wanted)))):
            raise VoidRunError(f"{name}: ours gives {figures}, pandas {wanted}")
        seconds = median_seconds(calls, rounds, TURN_SECONDS)
        compared.append(times_faster(f"`{name}`, plain pandas", seconds[OURS], seconds[PANDAS], TARGET))
        print_now(f"{name}: {compared[-1].ours}, plain pandas {compared[-1].rival}")
    return compared


def our_call(name: str, table: SurveyTable) -> Callable[[], Any]:
    """Return a function that computes a statistic's example as a job does."""
    statistic = STATISTICS[name]
    query = statistic.input.resolve(parse_body(json.dumps(statistic.example).encode(), statistic.body), table)
    return lambda: statistic.compute(table, query)
