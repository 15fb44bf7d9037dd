"""Rows of a source that can be used: numbers in their fields, and counts of skipped rows by reason."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from app.table.cells import Mask, Values
from app.table.sources.frame import SourceFrame


def parse_numbers(frame: SourceFrame, column: str) -> tuple[Values, Mask]:
    """Return the number in each field, NaN where there is none, and whether the field holds anything at all."""
    if frame.is_number(column):
        values = frame.numbers(column).astype(np.float64, copy=False)
        return values, ~np.isnan(values)
    field_of_row, fields = frame.distinct(column)
    texts = pd.Series([str(field).strip() for field in fields], dtype=object)
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    filled = np.append((texts != "").to_numpy(dtype=np.bool_), False)  # the last entry is for -1, a missing field
    return np.append(numbers, np.nan)[field_of_row], filled[field_of_row]


class RowFilter:
    """Which rows are still usable, and how many were skipped for which reason.

    A row is counted once, for the first reason that applies to it.
    """

    def __init__(self, rows: int) -> None:
        self.usable = np.ones(rows, dtype=np.bool_)
        self.skipped: dict[str, int] = {}

    def skip(self, unusable: Mask, reason: str) -> None:
        """Skip the usable rows that a mask of shape (rows,) chooses."""
        count = int(np.count_nonzero(self.usable & unusable))
        if count:
            self.skipped[reason] = self.skipped.get(reason, 0) + count
            self.usable &= ~unusable


def sum_skipped(parts: Sequence[Mapping[str, int]], reasons: Sequence[str]) -> dict[str, int]:
    """Add up counts by reason, in the order of the reasons, so that they do not depend on the order of the parts."""
    totals = {reason: sum(part.get(reason, 0) for part in parts) for reason in reasons}
    return {reason: count for reason, count in totals.items() if count}


def describe_skipped(skipped: Mapping[str, int]) -> str:
    """Return the counts as one line, empty if no row was skipped."""
    return ", ".join(f"{count}: {reason}" for reason, count in skipped.items())
