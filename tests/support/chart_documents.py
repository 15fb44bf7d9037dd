"""Results in each of their shapes, written by hand, for the tests of charts."""

from collections.abc import Mapping
from typing import Any

from app.charts import ChartContext

QUESTION = "Percent of adults aged 18 years and older who have obesity"
SOURCE = "table.csv"
ABOUT = ChartContext(QUESTION, SOURCE, tuple(range(2011, 2022)))

Document = Mapping[str, Any]


def done(data: Any) -> Document:
    """Return the document of a finished job."""
    return {"status": "done", "data": data}


def cell(value: float | None, *flags: str, **keys: Any) -> dict[str, Any]:
    """Return a cell with limits one point away, or without limits if it has no value."""
    low, high = (None, None) if value is None else (value - 1, value + 1)
    return {**keys, "value": value, "low": low, "high": high, "sample_size": 900, "rows": 1, "flags": list(flags)}


STATES = {"Utah": 25.0, "Ohio": 31.0, "Texas": 34.0, "National": 30.5}
CATEGORIES = {
    "('Ohio', 'Gender', 'Female')": 30.0,
    "('Ohio', 'Gender', 'Male')": 32.0,
    "('Utah', 'Gender', 'Female')": 24.0,
    "('Utah', 'Total', 'Total')": 25.0,
}
ONE_STATE = {"Ohio": {"('Gender', 'Female')": 30.0, "('Gender', 'Male')": 32.0, "('Total', 'Total')": 31.0}}

BY_LOCATION = done(
    [
        cell(25.0, location="Utah"),
        cell(31.0, "unreliable", location="Ohio"),
        cell(None, "suppressed", location="Guam"),
        cell(34.0, location="Texas"),
    ]
)
BY_STRATUM = done(
    [
        cell(30.0, category="Gender", stratum="Female"),
        cell(32.0, "small_sample", category="Gender", stratum="Male"),
        cell(None, "suppressed", category="Age (years)", stratum="18 - 24"),
    ]
)
BY_LOCATION_AND_STRATUM = done(
    [
        cell(30.0, location="Ohio", category="Gender", stratum="Female"),
        cell(None, "suppressed", location="Ohio", category="Gender", stratum="Male"),
        cell(24.0, "nchs", location="Utah", category="Gender", stratum="Female"),
        cell(25.0, location="Utah", category="Gender", stratum="Male"),
    ]
)
BY_YEAR = done(
    [
        cell(30.0 + year - 2011 if (name, year) != ("Utah", 2012) else None, location=name, year=year)
        for name in ("Ohio", "Utah")
        for year in range(2011, 2015)
    ]
)
TREND = done(
    {
        "location": "Ohio",
        "category": "Age (years)",
        "stratum": "18 - 24",
        "slope": {"value": 0.5, "low": 0.3, "high": 0.7, "standard_error": 0.1, "p_value": 0.0003},
        "years": [
            {
                **cell(None if year == 2013 else 30.0 + year - 2011, year=year),
                "fitted": 30.0,
                "fitted_low": 29.0,
                "fitted_high": 31.0,
            }
            for year in range(2011, 2016)
        ],
    }
)
TRENDS = done(
    {
        "category": "Total",
        "stratum": "Total",
        "trends": [
            {"location": location, **{name: TREND["data"][name] for name in ("slope", "years")}}
            for location in ("Ohio", "Utah")
        ],
    }
)
COMPARE = done(
    {
        "dimension": "location",
        "a": cell(31.0, location="Ohio", year=2019, category="Total", stratum="Total"),
        "b": cell(25.0, location="Utah", year=2019, category="Total", stratum="Total"),
        "difference": {"value": 6.0, "low": 4.6, "high": 7.4, "standard_error": 0.7, "z": 8.3, "p_value": 0.01234},
    }
)
DISPARITY = done(
    {
        "location": "Ohio",
        "category": "Gender",
        "groups": [cell(30.0, stratum="Female"), cell(32.0, "unreliable", stratum="Male")],
        "best": "Female",
        "worst": "Male",
        "absolute_gap": {"value": 2.0, "low": 0.6, "high": 3.4, "standard_error": 0.7},
        "relative_gap": {"value": 1.07, "low": 1.01, "high": 1.12},
    }
)
CORRELATE = done(
    {
        "question": QUESTION,
        "other_question": "Percent of adults who sing in the shower",
        "locations": 3,
        "pearson": {"r": 0.71, "low": 0.5, "high": 0.82, "p_value": 0.00001},
        "spearman": {"rho": 0.69, "low": 0.5, "high": 0.81, "p_value": None},
        "pairs": [
            {"location": name, "x": STATES[name], "y": 60.0 - STATES[name]} for name in ("Ohio", "Utah", "Texas")
        ],
    }
)

# Each shape of a result: the statistic, the document, and the chart kinds that suit it.
RESULTS: Mapping[str, tuple[str, Document, tuple[str, ...]]] = {
    "states_mean": ("states_mean", done(STATES), ("bars", "map", "tiles")),
    "diff_from_mean": ("diff_from_mean", done({"Utah": 5.0, "Ohio": -1.0}), ("bars", "map", "tiles")),
    "best": ("best", done({"Utah": 25.0, "Ohio": 31.0}), ("bars", "map", "tiles")),
    "best of one": ("best", done({"Utah": 25.0}), ("figure",)),
    "global_mean": ("global_mean", done({"global_mean": 31.2}), ("figure",)),
    "state_mean": ("state_mean", done({"Ohio": 31.0}), ("figure",)),
    "state_diff_from_mean": ("state_diff_from_mean", done({"Ohio": -0.4}), ("figure",)),
    "mean_by_category": ("mean_by_category", done(CATEGORIES), ("heatmap",)),
    "state_mean_by_category": ("state_mean_by_category", done(ONE_STATE), ("dots",)),
    "estimate by location": ("estimate", BY_LOCATION, ("dots", "map", "tiles")),
    "estimate by stratum": ("estimate", BY_STRATUM, ("dots",)),
    "estimate by both": ("estimate", BY_LOCATION_AND_STRATUM, ("heatmap",)),
    "estimate by year": ("estimate", BY_YEAR, ("lines", "map", "tiles", "heatmap")),
    "estimate of one": ("estimate", done([cell(34.8)]), ("figure",)),
    "trend": ("trend", TREND, ("trend",)),
    "trends": ("trends", TRENDS, ("trend", "lines", "heatmap")),
    "compare": ("compare", COMPARE, ("comparison",)),
    "disparity": ("disparity", DISPARITY, ("dots",)),
    "correlate": ("correlate", CORRELATE, ("scatter",)),
}
