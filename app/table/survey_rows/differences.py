"""Which measures differ between rows that should be the same row."""

import numpy as np

from app.table.cells import TIE_DECIMALS, Cells, Codes, Values

MEASURES = ("Data_Value", "Low_Confidence_Limit", "High_Confidence_Limit", "Sample_Size")
VALUE_BIT = 1  # of Data_Value, the first
MISSING = -1.0  # no measure is negative
TOLERANCE = 10.0**-TIE_DECIMALS  # the mean of equal figures may be off by rounding


def differing_measures(cells: Cells, differing: Codes, key_of_cell: Codes, keys: int) -> Codes:
    """Return for each key the set of ``MEASURES`` in which the rows of its cells differ, as bits; shape (keys,).

    Rows without a year are not compared: nothing says that they are the same.

    Parameters
    ----------
    differing: the sets within each cell, shape (cells,)
    key_of_cell: the key of each cell, shape (cells,)
    """
    found = np.zeros(keys, dtype=np.int64)
    np.bitwise_or.at(found, key_of_cell[differing > 0], differing[differing > 0])
    if keys == key_of_cell.size:  # one cell for each
        return found
    several = (np.bincount(key_of_cell, minlength=keys) > 1)[key_of_cell] & (cells.periods >= 0)
    chosen, key_of_chosen = cells.select(several), key_of_cell[several]
    for position, figures in enumerate(_figures(chosen)):
        found[keys_that_differ(figures, key_of_chosen, keys)] |= 1 << position
    return found


def keys_that_differ(figures: Values | Codes, key_of_figure: Codes, keys: int) -> Codes:
    """Return the keys whose figures are not all the same."""
    some_figure = np.zeros(keys, dtype=figures.dtype)
    some_figure[key_of_figure] = figures
    off = np.abs(figures - some_figure[key_of_figure]) > TOLERANCE
    return np.unique(key_of_figure[off])


def _figures(cells: Cells) -> list[Values]:
    """Return the measures of one row of each cell, in the order of ``MEASURES``. Those of all its rows are the same.

    Where they are not, the cell's set of differing measures says so already.
    """
    rows = np.maximum(cells.rows, 1)
    values = np.where(cells.rows > 0, (cells.value_sum + cells.value_rest) / rows, MISSING)
    others = (cells.low_sum / rows, cells.high_sum / rows, cells.respondents / rows)
    return [values, *(np.nan_to_num(figures, nan=MISSING) for figures in others)]
