"""Results as rows that charts are drawn from.

A row has some of ``location``, ``year``, ``category`` and ``stratum``, and always ``value``, ``low`` and ``high`` (in
percent, or None) and ``state``: how reliable the value is.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.statistics.registry import STATISTICS, records_of
from app.table.stratum_order import category_order, stratum_order
from app.table.survey_table import NATIONS

RELIABLE = "reliable"
CAUTION = "interpret with caution"
SUPPRESSED = "suppressed"
NO_VALUE = "no value"
STATES = (RELIABLE, CAUTION, SUPPRESSED, NO_VALUE)
SUPPRESSED_FLAGS = frozenset({"suppressed", "not_reported"})
CAUTION_FLAGS = frozenset({"unreliable", "small_sample", "nchs", "nchs_review", "incomplete"})
# What the flags of a figure mean, in the words of charts and tables.
FLAG_WORDS = {
    "suppressed": "suppressed",
    "not_reported": "not reported",
    "incomplete": "some years are missing",
    "small_sample": "small sample",
    "unreliable": "large standard error",
    "nchs": "below the NCHS standard",
    "nchs_review": "needs a review by the NCHS standard",
    "no_limits": "no confidence limits",
}

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
    row = {name: record[name] for name in KEYS if record.get(name) is not None}
    limits = ("low", "high") if f"{column}_low" not in record else (f"{column}_low", f"{column}_high")
    row |= {"value": value, "low": record.get(limits[0]), "high": record.get(limits[1])}
    row["state"] = state_of(value, flags)
    if row["state"] == CAUTION:
        row["note"] = f"{CAUTION}: {flag_words(flag for flag in flags if flag in CAUTION_FLAGS)}"
    if "flags" in record:
        row["sample_size"] = record.get("sample_size")
        row["flags"] = flag_words(flags) or "none"
    return row


def flag_words(flags: Iterable[str]) -> str:
    """Return flags in words, separated by commas."""
    return ", ".join(FLAG_WORDS.get(flag, flag.replace("_", " ")) for flag in flags)


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


def dimensions(rows: Sequence[Row]) -> frozenset[str]:
    """Return the keys that rows differ in, or those of the only row; ``stratum`` stands for its category too."""
    keys = {key for key in KEYS if any(key in row for row in rows)}
    differing = {key for key in keys if len({row.get(key) for row in rows}) > 1}
    return frozenset("stratum" if key == "category" else key for key in differing or keys)


def in_natural_order(rows: Sequence[Row]) -> list[Row]:
    """Sort rows by category and stratum, the ages of a category by age, say; rows without a stratum stay in place."""

    def order(row: Row) -> tuple[Any, ...]:
        category, stratum = str(row.get("category", "")), str(row.get("stratum", ""))
        return category_order(category), stratum_order(category, stratum)

    return sorted(rows, key=order) if any("stratum" in row for row in rows) else list(rows)


def rows_by_year(rows: Sequence[Row]) -> dict[int | str | None, list[Row]]:
    """Return the rows of each year, in the order of the years; those of None if rows have no year."""
    found: dict[int | str | None, list[Row]] = {}
    for row in sorted(rows, key=lambda row: str(row.get("year"))):
        found.setdefault(row.get("year"), []).append(row)
    return found


def is_nation(row: Row) -> bool:
    """Return whether a row is about the whole nation."""
    return row.get("location") in NATIONS


def values_of(rows: Sequence[Row]) -> list[float]:
    """Return the values of the rows that have one."""
    return [row["value"] for row in rows if row["value"] is not None]
