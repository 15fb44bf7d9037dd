"""The estimate statistics as plain pandas code, with statsmodels and SciPy.

Each takes the body of the statistic's example and returns the figures that are compared with ours.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats

Z = 1.959963984540054
COLUMNS = {
    "YearStart": "year",
    "LocationDesc": "location",
    "LocationAbbr": "abbreviation",
    "QuestionID": "question",
    "StratificationCategory1": "category",
    "Stratification1": "stratum",
    "Data_Value": "value",
    "Low_Confidence_Limit": "low",
    "High_Confidence_Limit ": "high",
}

Body = Mapping[str, Any]
Expression = Callable[[pd.DataFrame, Body], list[float]]


def read_estimates(path: Path) -> pd.DataFrame:
    """Read the rows with a value, and compute their standard errors on the logit scale."""
    frame = pd.read_csv(path, usecols=list(COLUMNS)).rename(columns=COLUMNS).dropna(subset=["value"])
    low, high = (np.log(limit / (100 - limit)) for limit in (frame["low"], frame["high"]))
    return frame.assign(error=frame["value"] * (1 - frame["value"] / 100) * (high - low) / (2 * Z))


def _asked(frame: pd.DataFrame, body: Body) -> pd.DataFrame:
    """Select the rows of the question, years and location; of the Total stratum unless a category is given."""
    category = body.get("stratification", {}).get("category", "Total")
    chosen = (frame["question"] == body["question"]) & (frame["category"] == category)
    if "years" in body:
        chosen &= frame["year"].isin(body["years"])
    if "state" in body:
        chosen &= frame["abbreviation"] == body["state"]
    selected: pd.DataFrame = frame[chosen]
    return selected


def _over_years(frame: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return the mean over years and its standard error by a key."""
    found = frame.groupby(key).agg(
        value=("value", "mean"), squares=("error", lambda e: (e**2).sum()), k=("value", "size")
    )
    return found.assign(error=np.sqrt(found["squares"]) / found["k"])


def best(frame: pd.DataFrame, body: Body) -> list[float]:
    """Return the lowest means; the examples use a question where low is good."""
    rows = frame[(frame["question"] == body["question"]) & ~frame["location"].isin(body["exclude"])]
    return list(rows.groupby("location")["value"].mean().nsmallest(body["n"]))


def worst(frame: pd.DataFrame, body: Body) -> list[float]:
    """Return the highest means, highest first."""
    rows = frame[(frame["question"] == body["question"]) & ~frame["location"].isin(body["exclude"])]
    return list(rows.groupby("location")["value"].mean().nlargest(body["n"]))


def estimate(frame: pd.DataFrame, body: Body) -> list[float]:
    """Return the estimates by location, in the order of the names."""
    return list(_over_years(_asked(frame, body), "location")["value"])


def trend(frame: pd.DataFrame, body: Body) -> list[float]:
    """Return the slope and its p-value."""
    rows = _asked(frame, body)
    model = sm.WLS(rows["value"], sm.add_constant(rows["year"].astype(float)), weights=rows["error"] ** -2)
    fit = model.fit()
    if fit.scale <= 1:
        fit = model.fit(cov_type="fixed scale", use_t=False)
    return [fit.params["year"], fit.pvalues["year"]]


def trends(frame: pd.DataFrame, body: Body) -> list[float]:
    """Return the slopes in the order of the locations, then their p-values, adjusted for their number."""
    about = {name: value for name, value in body.items() if name != "locations"}
    lines = [trend(frame, {**about, "state": place}) for place in sorted(body["locations"])]
    return [*(slope for slope, _ in lines), *stats.false_discovery_control([p_value for _, p_value in lines])]


def compare(frame: pd.DataFrame, body: Body) -> list[float]:
    """Return the difference and its p-value."""
    rows = _asked(frame, body)
    a, b = (rows[rows["abbreviation"] == name].iloc[0] for name in body["between"]["location"])
    difference = a["value"] - b["value"]
    return [difference, 2 * stats.norm.sf(abs(difference) / math.hypot(a["error"], b["error"]))]


def compare_all(frame: pd.DataFrame, body: Body) -> list[float]:
    """Return the p-values of the comparisons with the nation, adjusted for their number, in the order of the names."""
    rows = _asked(frame, body).set_index("location").sort_index()
    nation, states = rows.loc["National"], rows.drop("National")
    z: pd.Series[float] = (states["value"] - nation["value"]) / np.hypot(states["error"], nation["error"])
    return list(stats.false_discovery_control(2 * stats.norm.sf(z.abs())))


def rank(frame: pd.DataFrame, body: Body) -> list[float]:
    """Return the upper limits of the ranks, the lowest value first, in the order of the names."""
    rows = _asked(frame, body).set_index("location").drop("National").sort_index()
    p = rows["value"].to_numpy() / 100
    errors = rows["error"].to_numpy() / 100 / (p * (1 - p))
    random_numbers = np.random.default_rng(1).standard_normal((10_000, p.size))
    ranks = stats.rankdata(np.log(p / (1 - p)) + errors * random_numbers, axis=1)
    return list(np.quantile(ranks, 0.975, axis=0, method="inverted_cdf"))


def disparity(frame: pd.DataFrame, body: Body) -> list[float]:
    """Return the absolute and the relative gap."""
    groups = _over_years(_asked(frame, body), "stratum")["value"]
    return [groups.max() - groups.min(), groups.max() / groups.min()]


def correlate(frame: pd.DataFrame, body: Body) -> list[float]:
    """Return Pearson's and Spearman's coefficients."""
    both = [
        _asked(frame, {"question": question}).groupby("location")["value"].mean().round(9)
        for question in (body["question"], body["other_question"])
    ]
    pairs = pd.concat(both, axis=1, join="inner").drop("National")
    x, y = (pairs.iloc[:, column] for column in (0, 1))
    return [stats.pearsonr(x, y).statistic, stats.spearmanr(x, y).statistic]


EXPRESSIONS: Mapping[str, Expression] = MappingProxyType(
    {
        expression.__name__: expression
        for expression in (best, worst, estimate, trend, trends, compare, compare_all, rank, disparity, correlate)
    }
)
