"""Group rows by several columns of integer codes at once, and sum by group.

A key is one combination of codes. The columns are packed into one 64-bit integer for each row, because comparing and
counting single integers takes a fraction of the time that comparing rows of integers does.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from app.table.cells import Codes, Mask, Values

LARGEST_PACKED = 2**62
# Counting every possible key beats hashing the rows while there are at most this many possible keys for each row.
DENSE_KEYS_PER_ROW = 8


def distinct_keys(columns: Sequence[Codes]) -> tuple[list[Codes], Codes]:
    """Return the distinct keys, sorted, as columns of codes, and the position of each row's key among them.

    Parameters
    ----------
    columns: at least one, the most significant first, each of shape (rows,)
    """
    rows = columns[0].size
    if not rows:
        return list(columns), np.zeros(0, dtype=np.int64)
    key_of_row, keys = _rank(*pack_codes(columns))
    some_row = np.empty(keys, dtype=np.int64)
    some_row[key_of_row] = np.arange(rows)
    return [column[some_row] for column in columns], key_of_row


def pack_codes(columns: Sequence[Codes]) -> tuple[Codes, int]:
    """Pack the codes of each row into one integer, and return these and a bound that all of them are below.

    The integers are equal where the rows are, and sort as the rows do; none is negative. There is at least one row.
    """
    packed, bound = np.zeros(columns[0].size, dtype=np.int64), 1
    for column in columns:
        lowest = int(column.min())
        width = int(column.max()) - lowest + 1
        codes = column - lowest
        if bound * width > LARGEST_PACKED:
            # Ranks keep the order, and the product of two numbers of ranks fits, as neither is above that of rows.
            packed, bound = _rank(packed, bound)
            codes, width = _rank(codes, width)
        packed = packed * width + codes
        bound *= width
    return packed, bound


def _rank(numbers: Codes, bound: int) -> tuple[Codes, int]:
    """Return the rank of each number (from 0 to below the bound) among the distinct ones, and how many these are."""
    if bound <= DENSE_KEYS_PER_ROW * numbers.size:
        ranks = np.cumsum(np.bincount(numbers, minlength=bound) > 0) - 1
        return ranks[numbers], int(ranks[-1]) + 1
    place, found = pd.factorize(numbers)
    ranks = np.empty(found.size, dtype=np.int64)
    ranks[np.argsort(found)] = np.arange(found.size)
    return ranks[place], found.size


def common_by_key(key_of_row: Codes, keys: int, codes: Codes) -> Codes:
    """Return for each key the code that all its rows have, or -1 if they have several; shape (keys,)."""
    some_code = np.full(keys, -1)
    some_code[key_of_row] = codes
    some_code[key_of_row[codes != some_code[key_of_row]]] = -1
    return some_code


def sum_by_key(key_of_row: Codes, keys: int, measure: Codes | Values | Mask) -> Values:
    """Sum a measure over the rows of each key; shape (keys,)."""
    return np.bincount(key_of_row, weights=measure, minlength=keys).astype(np.float64, copy=False)
