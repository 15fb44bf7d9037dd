"""The columns of respondents' records as whole numbers, whatever type a file gives them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from app.cells import Codes, Mask, Values

UNKNOWN = -1  # of a code that the mapping does not name
WIDEST_TABLE = 100_000  # codes further apart are looked up by their texts


def coded(column: pd.Series, code_of: Mapping[str, int]) -> Codes:
    """Return what the mapping makes of each field, ``UNKNOWN`` where it does not name it.

    A number is named by its digits: 1 and 1.0 are "1".
    """
    whole = {int(text): code for text, code in code_of.items() if text.removeprefix("-").isdecimal()}
    if _is_number(column) and whole and max(whole) - min(whole) < WIDEST_TABLE:
        return _looked_up(column.to_numpy(), whole)
    categorical = column.astype("category")
    texts = [_text(value) for value in categorical.cat.categories]
    codes = np.array([*(code_of.get(text, UNKNOWN) for text in texts), UNKNOWN], dtype=np.int64)
    return codes[categorical.cat.codes.to_numpy()]


def _is_number(column: pd.Series) -> bool:
    return is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype) and isinstance(column.dtype, np.dtype)


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


def measured(column: pd.Series) -> Values:
    """Return the number in each field, NaN where there is none."""
    if _is_number(column):
        return column.to_numpy(dtype=np.float64)
    categorical = column.astype("category")
    texts = pd.Series([_text(value) for value in categorical.cat.categories], dtype=object)
    parsed = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    return np.append(parsed, np.nan)[categorical.cat.codes.to_numpy()]


def numbered(column: pd.Series) -> tuple[Codes, Mask]:
    """Return the whole number in each field, and whether there is one."""
    if _is_number(column) and np.issubdtype(column.to_numpy().dtype, np.integer):
        return column.to_numpy(dtype=np.int64), np.ones(len(column), dtype=np.bool_)
    numbers = measured(column)
    return _whole(numbers, 0), _is_whole(numbers)
