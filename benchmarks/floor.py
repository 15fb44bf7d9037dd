"""Compute the lower bound of the statistics' time: ``numpy.bincount`` over one question's pre-coded rows.

The rows are summed and counted by key, divided, put in the order of the result where it has one, and made a dict. All
that is known beforehand is done beforehand: codes, names, and where a location's keys begin and end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.pandas_expressions import BY_CATEGORY, RANKING_LENGTH

Codes = NDArray[np.int64]
Values = NDArray[np.float64]
Result = dict[str, object]


@dataclass(frozen=True)
class Keys:
    """One question's rows: the key code and the value of each row, and the names of the keys in order."""

    codes: Codes
    values: Values
    names: list[str]

    def means(self) -> Values:
        """Return the mean of each key: the sum by key over the count by key."""
        return np.bincount(self.codes, weights=self.values) / np.bincount(self.codes)


class Floor:
    """The statistics of one question; the state statistics are computed for ``state``."""

    def __init__(self, frame: pd.DataFrame, question: str, state: str) -> None:
        rows = frame[(frame["Question"] == question) & frame["Data_Value"].notna()]
        self._state = state
        self._by_location = _keys(rows, ["LocationDesc"])
        self._place = self._by_location.names.index(state)
        self._everywhere = Keys(np.zeros(len(rows), dtype=np.int64), self._by_location.values, ["global_mean"])
        self._by_stratum = _keys(rows, BY_CATEGORY)
        self._state_names = _keys(rows[rows["LocationDesc"] == state], BY_CATEGORY[1:]).names
        first = [name.startswith(f"({state!r}, ") for name in self._by_stratum.names].index(True)
        self._state_keys = slice(first, first + len(self._state_names))

    def calls(self) -> Mapping[str, Callable[[], Result]]:
        """Return the function of each statistic, by name."""
        return {
            "states_mean": self._states_mean,
            "state_mean": lambda: {self._state: float(self._by_location.means()[self._place])},
            "best5": lambda: self._ranked(self._by_location.means(), slice(RANKING_LENGTH)),
            "worst5": lambda: self._ranked(self._by_location.means(), slice(None, -RANKING_LENGTH - 1, -1)),
            "global_mean": lambda: {"global_mean": self._global_mean()},
            "diff_from_mean": self._diff_from_mean,
            "state_diff_from_mean": self._state_diff_from_mean,
            "mean_by_category": self._mean_by_category,
            "state_mean_by_category": self._state_mean_by_category,
        }

    def _global_mean(self) -> float:
        return float(self._everywhere.means()[0])

    def _ranked(self, means: Values, places: slice) -> Result:
        order = np.argsort(means)[places]
        names = self._by_location.names
        return dict(zip([names[code] for code in order.tolist()], means[order].tolist(), strict=True))

    def _states_mean(self) -> Result:
        return self._ranked(self._by_location.means(), slice(None))

    def _diff_from_mean(self) -> Result:
        differences = self._global_mean() - self._by_location.means()
        return self._ranked(differences, slice(None, None, -1))

    def _state_diff_from_mean(self) -> Result:
        return {self._state: self._global_mean() - float(self._by_location.means()[self._place])}

    def _mean_by_category(self) -> Result:
        return dict(zip(self._by_stratum.names, self._by_stratum.means().tolist(), strict=True))

    def _state_mean_by_category(self) -> Result:
        means = self._by_stratum.means()[self._state_keys].tolist()
        return {self._state: dict(zip(self._state_names, means, strict=True))}


def _keys(rows: pd.DataFrame, columns: list[str]) -> Keys:
    """Encode rows by their key columns, in the order of the keys; rows without a key are skipped."""
    kept = rows.dropna(subset=columns)
    codes = kept.groupby(columns).ngroup().to_numpy()
    keys = kept[columns].drop_duplicates().sort_values(columns).itertuples(index=False, name=None)
    names = [str(key[0]) if len(columns) == 1 else str(key) for key in keys]
    return Keys(codes.astype(np.int64), kept["Data_Value"].to_numpy(dtype=np.float64), names)
