"""The statistics as plain pandas expressions over the whole table."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

COLUMNS = ("LocationDesc", "Question", "Data_Value", "StratificationCategory1", "Stratification1")
BY_CATEGORY = ["LocationDesc", "StratificationCategory1", "Stratification1"]
RANKING_LENGTH = 5

Result = dict[str, object]
Expression = Callable[[pd.DataFrame, Mapping[str, str]], Result]


def read_frame(path: Path) -> pd.DataFrame:
    """Read the needed columns of a table."""
    return pd.read_csv(path, usecols=list(COLUMNS))


def _of_question(frame: pd.DataFrame, body: Mapping[str, str]) -> pd.DataFrame:
    return frame[frame["Question"] == body["question"]]


def _of_state(frame: pd.DataFrame, body: Mapping[str, str]) -> pd.DataFrame:
    return frame[(frame["Question"] == body["question"]) & (frame["LocationDesc"] == body["state"])]


def _means(frame: pd.DataFrame, body: Mapping[str, str]) -> "pd.Series[float]":
    return _of_question(frame, body).groupby("LocationDesc")["Data_Value"].mean().dropna().sort_values()


def states_mean(frame: pd.DataFrame, body: Mapping[str, str]) -> Result:
    """Return the mean of each location, ascending."""
    return {str(name): mean for name, mean in _means(frame, body).to_dict().items()}


def state_mean(frame: pd.DataFrame, body: Mapping[str, str]) -> Result:
    """Return the mean of one location."""
    return {body["state"]: float(_of_state(frame, body)["Data_Value"].mean())}


def best5(frame: pd.DataFrame, body: Mapping[str, str]) -> Result:
    """Return the five lowest means; the benchmarks use a question where low is good."""
    return {str(name): mean for name, mean in _means(frame, body).head(RANKING_LENGTH).to_dict().items()}


def worst5(frame: pd.DataFrame, body: Mapping[str, str]) -> Result:
    """Return the five highest means, highest first."""
    return {str(name): mean for name, mean in _means(frame, body).iloc[::-1].head(RANKING_LENGTH).to_dict().items()}


def global_mean(frame: pd.DataFrame, body: Mapping[str, str]) -> Result:
    """Return the mean over all rows of the question."""
    return {"global_mean": float(_of_question(frame, body)["Data_Value"].mean())}


def diff_from_mean(frame: pd.DataFrame, body: Mapping[str, str]) -> Result:
    """Return the global mean less the mean of each location."""
    differences = _of_question(frame, body)["Data_Value"].mean() - _means(frame, body)
    return {str(name): difference for name, difference in differences.to_dict().items()}


def state_diff_from_mean(frame: pd.DataFrame, body: Mapping[str, str]) -> Result:
    """Return the global mean less the mean of one location."""
    everywhere = _of_question(frame, body)["Data_Value"].mean()
    return {body["state"]: float(everywhere - _of_state(frame, body)["Data_Value"].mean())}


def mean_by_category(frame: pd.DataFrame, body: Mapping[str, str]) -> Result:
    """Return the mean of each location, category and stratum."""
    means = _of_question(frame, body).groupby(BY_CATEGORY)["Data_Value"].mean().dropna()
    return {str(key): mean for key, mean in means.to_dict().items()}


def state_mean_by_category(frame: pd.DataFrame, body: Mapping[str, str]) -> Result:
    """Return the mean of each category and stratum in one location."""
    means = _of_state(frame, body).groupby(BY_CATEGORY[1:])["Data_Value"].mean().dropna()
    return {body["state"]: {str(key): mean for key, mean in means.to_dict().items()}}


EXPRESSIONS: Mapping[str, Expression] = MappingProxyType(
    {
        expression.__name__: expression
        for expression in (
            *(states_mean, state_mean, best5, worst5, global_mean, diff_from_mean, state_diff_from_mean),
            *(mean_by_category, state_mean_by_category),
        )
    }
)
