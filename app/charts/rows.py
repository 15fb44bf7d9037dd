"""Results as rows that charts are drawn from.

A row has some of ``location``, ``year``, ``category`` and ``stratum``, and always ``value``, ``low`` and ``high`` (in
percent, or None) and ``state``: how reliable the value is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from app.statistics.registry import STATISTICS, records_of

RELIABLE = "reliable"
CAUTION = "use with caution"
SUPPRESSED = "suppressed"
NO_VALUE = "no value"
STATES = (RELIABLE, CAUTION, SUPPRESSED, NO_VALUE)
SUPPRESSED_FLAGS = frozenset({"suppressed", "not_reported"})
CAUTION_FLAGS = frozenset({"unreliable", "small_sample", "nchs", "nchs_review", "incomplete"})

KEYS = ("location", "year", "category", "stratum")

Row = dict[str, Any]


def rows_of(statistic: str, data: Any) -> list[Row]:
    """Return the rows of a result, from the same records as its CSV."""
    known = STATISTICS.get(statistic)
    column = known.output.value if known else "value"
    return [chart_row(record, column) for record in records_of(statistic, data)]


def chart_row(record: Mapping[str, Any], column: str = "value") -> Row:
    """Return the row of a record: its keys, the value in ``column``, limits, and its flags as one text."""
    flags = record.get("flags") or ()
    value = record.get(column)
    row = {name: record[name] for name in KEYS if name in record}
    row |= {"value": value, "low": record.get("low"), "high": record.get("high"), "state": state_of(value, flags)}
    if "flags" in record:
        row["sample_size"] = record.get("sample_size")
        row["flags"] = ", ".join(flag.replace("_", " ") for flag in flags) or "none"
    return row


def state_of(value: float | None, flags: Sequence[str]) -> str:
    """Return how reliable a value is."""
    if SUPPRESSED_FLAGS.intersection(flags):
        return SUPPRESSED
    if value is None:
        return NO_VALUE
    return CAUTION if CAUTION_FLAGS.intersection(flags) else RELIABLE


def states_in(rows: Sequence[Row]) -> list[str]:
    """Return the states that occur, the most reliable first."""
    return [state for state in STATES if any(row["state"] == state for row in rows)]


def has_limits(rows: Sequence[Row]) -> bool:
    """Return whether any row has confidence limits."""
    return any(row["low"] is not None for row in rows)


def values_of(rows: Sequence[Row]) -> list[float]:
    """Return the values of the rows that have one."""
    return [row["value"] for row in rows if row["value"] is not None]
