"""Cells: the rows of one question as sums and counts for each location, stratum and period."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.table.columnar import Columnar

Codes = NDArray[np.int64]
Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

TIE_DECIMALS = 9  # two means of published tenths that differ by less than this differ by rounding alone
COARSE_STEPS = 2.0**20  # steps of a point to which the coarse part of a value is rounded
LIMITS_QUANTILE = 0.975  # for 95 % limits
LIMITS_Z = 1.959963984540054  # the 97.5 % quantile of the standard normal distribution, for 95 % limits


@dataclass(frozen=True, slots=True)
class Cells(Columnar):
    """The cells of one question, all arrays of shape (cells,), sorted by location, stratum, period, footnote.

    A cell holds rows that agree in all keys; in CDC's table that is one row. All its measures are sums, so cells can be
    added up in any order and any grouping.

    Parameters
    ----------
    locations, strata, periods: codes of the table that the cells belong to; -1 where the rows have none
    footnotes: codes of the rows' footnotes; -1 where they have none
    copies: whether the rows are identical to a row of another cell with the same location, stratum and period
    percentages: whether the values are percentages, which lie between 0 and 100
    rows: number of rows with a value
    suppressed_rows: number of rows without a value, because it is suppressed or the data were not reported
    unreported_rows: number of these whose data were not reported
    value_sum, value_rest: sums of the two parts of the values (see ``split_values``); added up they are the correctly
        rounded sum of the values, whatever the order of the rows and the parts of the source
    low_sum, high_sum: sums of the published confidence limits (95 %); NaN where a row lacks one
    variance_sum: sum of the squared standard errors of limits that are symmetric; NaN where a row lacks its limits
    logit_variance_sum: the same for limits that are symmetric in the logit; NaN in all cells of a finished table's
        question whose limits are not
    respondents: sum of the sample sizes; NaN where a row lacks it
    degrees: sum of the degrees of freedom of the standard errors; NaN where they are not known, as of published rows
    """

    locations: Codes
    strata: Codes
    periods: Codes
    footnotes: Codes
    copies: Mask
    percentages: Mask
    rows: Codes
    suppressed_rows: Codes
    unreported_rows: Codes
    value_sum: Values
    value_rest: Values
    low_sum: Values
    high_sum: Values
    variance_sum: Values
    logit_variance_sum: Values
    respondents: Values
    degrees: Values

    @property
    def footnoted(self) -> Mask:
        """Whether the rows of each cell have a footnote."""
        return self.footnotes >= 0

    def count_rows(self) -> int:
        """Return how many rows the cells hold, suppressed ones included."""
        return int(self.rows.sum() + self.suppressed_rows.sum())


def split_values(values: Values) -> tuple[Values, Values]:
    """Split values into two parts whose sums are exact, so that the sum of the values is rounded once.

    The coarse part is a multiple of 2**-20, so its sums are exact up to 2**33. The rest is at most 2**-21, and for a
    value of 1/16 or more a multiple of 2**-57: its sums are exact for 131,072 values, and nearly so beyond. The idea is
    that of error-free transformations (Rump, Ogita and Oishi, Accurate Floating-Point Summation, 2008).
    """
    coarse = np.rint(values * COARSE_STEPS) / COARSE_STEPS
    return coarse, values - coarse
