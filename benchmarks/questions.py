"""The benchmarks' requests and expected results, from the tools' independent reference computation."""

import math
from functools import cache
from pathlib import Path

from benchmarks import paths
from tools.make_reference_cases import Reference, read_rows

QUESTION = "Percent of adults aged 18 years and older who have obesity"
STATE = "Ohio"
RELATIVE_TOLERANCE = 1e-9


def body_of(statistic: str) -> dict[str, str]:
    """Return the request body for a statistic."""
    about_a_state = statistic.startswith("state_")
    return {"question": QUESTION, "state": STATE} if about_a_state else {"question": QUESTION}


@cache
def _reference(table: Path) -> Reference:
    return Reference(read_rows(table))


def expected(statistic: str, table: Path = paths.BUNDLED_TABLE) -> object:
    """Return the expected result of a statistic over a table."""
    return _reference(table).expected(statistic, body_of(statistic))


def is_right(answer: object, right: object) -> bool:
    """Return whether a result has the expected keys and numbers, in any order."""
    if isinstance(answer, dict) and isinstance(right, dict):
        return answer.keys() == right.keys() and all(is_right(answer[key], right[key]) for key in right)
    if isinstance(answer, int | float) and isinstance(right, int | float):
        return math.isclose(answer, right, rel_tol=RELATIVE_TOLERANCE, abs_tol=RELATIVE_TOLERANCE)
    return False
