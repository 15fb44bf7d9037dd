"""The columns of respondents' records as whole numbers, whatever type a file gives them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.cells import Codes, Mask, Values
from app.source_frame import SourceFrame

UNKNOWN = -1  # of a code that the mapping does not name
WIDEST_TABLE = 100_000  # codes further apart are looked up by their texts


def coded(frame: SourceFrame, column: str, code_of: Mapping[str, int]) -> Codes:
    """Return what the mapping makes of each field, ``UNKNOWN`` where it does not name it.

    A number is named by its digits: 1 and 1.0 are "1".
    """
    whole = {int(text): code for text, code in code_of.items() if text.removeprefix("-").isdecimal()}
    if frame.is_number(column) and whole and max(whole) - min(whole) < WIDEST_TABLE:
        return _looked_up(frame.numbers(column), whole)
    places, fields = frame.distinct(column)
    codes = np.array([*(code_of.get(_text(field), UNKNOWN) for field in fields), UNKNOWN], dtype=np.int64)
    return codes[places]


def _looked_up(values: NDArray[np.generic], code_of: Mapping[int, int]) -> Codes:
    """Look numbers up in a table from the lowest to the highest, with a place at either end for all others."""
    lowest, highest = min(code_of), max(code_of)
    codes = np.full(highest - lowest + 3, UNKNOWN, dtype=np.int64)
    codes[[number - lowest + 1 for number in code_of]] = list(code_of.values())
    return codes[np.clip(_whole(values, lowest - 1), lowest - 1, highest + 1) - (lowest - 1)]


def _whole(values: NDArray[np.generic], otherwise: int) -> Codes:
    """Return numbers as whole ones, ``otherwise`` for those that are not."""
    if np.issubdtype(values.dtype, np.integer):
        return values.astype(np.int64)
    numbers = values.astype(np.float64)
    return np.where(_is_whole(numbers), numbers, otherwise).astype(np.int64)


def _is_whole(numbers: Values) -> Mask:
    with np.errstate(invalid="ignore"):
        whole: Mask = (np.abs(numbers) < 2**53) & (np.floor(numbers) == numbers)  # not a number is not
    return whole


def _text(value: object) -> str:
    """Return how a code is written: without spaces around it, and a whole number without decimals."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def measured(frame: SourceFrame, column: str) -> Values:
    """Return the number in each field, NaN where there is none."""
    if frame.is_number(column):
        return frame.numbers(column).astype(np.float64, copy=False)
    places, fields = frame.distinct(column)
    texts = pd.Series([_text(field) for field in fields], dtype=object)
    parsed = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    return np.append(parsed, np.nan)[places]


def numbered(frame: SourceFrame, column: str) -> tuple[Codes, Mask]:
    """Return the whole number in each field, and whether there is one."""
    if frame.is_number(column):
        found = frame.numbers(column)
        if np.issubdtype(found.dtype, np.integer):
            return found.astype(np.int64, copy=False), np.ones(frame.rows, dtype=np.bool_)
    numbers = measured(frame, column)
    return _whole(numbers, 0), _is_whole(numbers)
