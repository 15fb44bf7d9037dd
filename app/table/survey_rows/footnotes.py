"""What footnotes say of suppressed rows: that a sample is too small, or that the data were not reported."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.table.cells import Cells
from app.table.keys import distinct_keys, sum_by_key

NOT_REPORTED = re.compile(r"\bnot reported\b", re.IGNORECASE)
SMALL_SAMPLE = re.compile(r"\b(sample size|insufficient)\b", re.IGNORECASE)


def mark_unreported(cells: Cells, footnotes: Sequence[str]) -> Cells:
    """Return the cells of one question with ``unreported_rows`` as their footnotes say.

    Newer versions of CDC's table have one footnote for both reasons. Then the data were not reported if the location
    has no value at all in that year: a whole state is never too small a sample.
    """
    possible = np.array([*(bool(NOT_REPORTED.search(text)) for text in footnotes), False])[cells.footnotes]
    if not possible.any():
        return cells
    certain = possible & ~np.array([*(bool(SMALL_SAMPLE.search(text)) for text in footnotes), False])[cells.footnotes]
    keys, key_of_cell = distinct_keys([cells.locations, cells.periods])
    without_value = (sum_by_key(key_of_cell, keys[0].size, cells.rows) == 0)[key_of_cell]
    unreported = certain | (possible & without_value)
    return replace(cells, unreported_rows=np.where(unreported, cells.suppressed_rows, 0))
