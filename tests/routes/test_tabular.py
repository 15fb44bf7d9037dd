"""The columns of each statistic's result, as CSV, Parquet and pages have them."""

from typing import Any

import orjson
import pytest

from app.formats import columns_of
from app.planner import Planner
from app.statistics import STATISTICS
from app.table.engines.pandas_reader import read_table
from support.real_server import PROJECT_ROOT

LIMITS: dict[str, Any] = {"low": 1.0, "high": 3.0}
CELL: dict[str, Any] = {"value": 2.0, **LIMITS, "sample_size": 900, "rows": 1, "flags": []}
SUPPRESSED = {
    "value": None,
    "low": None,
    "high": None,
    "sample_size": None,
    "rows": 0,
    "flags": ["suppressed", "no_limits"],
}
CELL_COLUMNS = ["value", "low", "high", "sample_size", "rows", "flags"]
CELL_ROW, SUPPRESSED_ROW = [2.0, 1.0, 3.0, 900, 1, ""], [None, None, None, None, 0, "suppressed;no_limits"]
SLOPE_ROW = [0.5, 1.0, 3.0, 0.1, 0.01, 2.5, 1, 0.2, 1.5]
PLACE: dict[str, Any] = {"location": "Ohio", "category": "Total", "stratum": "Total"}


def rows_of(statistic: str, data: Any) -> list[list[Any]]:
    """Return the header and the rows of a table."""
    columns = columns_of(statistic, data)
    return [list(columns), *map(list, zip(*columns.values(), strict=True))]


@pytest.mark.parametrize(
    ("statistics", "data", "expected"),
    [
        (
            ["states_mean", "state_mean", "best5", "worst5", "best", "worst"],
            {"Utah": 24.1, "Ohio": 31.0},
            [["location", "mean"], ["Utah", 24.1], ["Ohio", 31.0]],
        ),
        (["diff_from_mean", "state_diff_from_mean"], {"Utah": -1.5}, [["location", "difference"], ["Utah", -1.5]]),
        (["global_mean"], {"global_mean": 29.5}, [["global_mean"], [29.5]]),
        (
            ["mean_by_category"],
            {"('Ohio', 'Age (years)', '18 - 24')": 1.5, "('Ohio', \"Owner's\", 'a, b')": 2.5},
            [
                ["location", "category", "stratum", "mean"],
                ["Ohio", "Age (years)", "18 - 24", 1.5],
                ["Ohio", "Owner's", "a, b", 2.5],
            ],
        ),
        (
            ["state_mean_by_category"],
            {"Ohio": {"('Gender', 'Female')": 30.0, "('Gender', 'Male')": 32.0}},
            [
                ["location", "category", "stratum", "mean"],
                ["Ohio", "Gender", "Female", 30.0],
                ["Ohio", "Gender", "Male", 32.0],
            ],
        ),
        (
            ["estimate"],
            [{"location": "Ohio", "year": 2019, **CELL}, {"location": "Guam", "year": 2019, **SUPPRESSED}],
            [
                ["location", "year", *CELL_COLUMNS],
                ["Ohio", 2019, *CELL_ROW],
                ["Guam", 2019, *SUPPRESSED_ROW],
            ],
        ),
        (
            ["trend"],
            {
                **PLACE,
                "slope": {"value": 0.5, **LIMITS, "standard_error": 0.1, "p_value": 0.01},
                "lack_of_fit": {"q": 2.5, "degrees_of_freedom": 1, "p_value": 0.2, "scale": 1.5},
                "years": [
                    {"year": 2011, **CELL, "fitted": 2.1, "fitted_low": 2.0, "fitted_high": 2.2},
                    {"year": 2012, **SUPPRESSED, "fitted": 2.6, "fitted_low": 2.5, "fitted_high": 2.7},
                ],
            },
            [
                [
                    *("location", "category", "stratum", "year", *CELL_COLUMNS, "fitted", "fitted_low", "fitted_high"),
                    *("slope", "slope_low", "slope_high", "slope_standard_error", "slope_p_value"),
                    *("lack_of_fit_q", "lack_of_fit_degrees_of_freedom", "lack_of_fit_p_value", "lack_of_fit_scale"),
                ],
                ["Ohio", "Total", "Total", 2011, *CELL_ROW, 2.1, 2.0, 2.2, *SLOPE_ROW],
                ["Ohio", "Total", "Total", 2012, *SUPPRESSED_ROW, 2.6, 2.5, 2.7, *SLOPE_ROW],
            ],
        ),
        (
            ["compare"],
            {
                "dimension": "location",
                "a": {**PLACE, "years": [2018, 2019], **CELL},
                "b": {**PLACE, "location": "Utah", "years": [2018, 2019], **CELL},
                "difference": {"value": 0.0, **LIMITS, "standard_error": 0.5, "z": 0.0, "p_value": 1.0},
            },
            [
                [
                    *("dimension", "cell", "location", "category", "stratum", "years", *CELL_COLUMNS),
                    *("difference", "difference_low", "difference_high"),
                    *("difference_standard_error", "difference_z", "difference_p_value"),
                ],
                ["location", "a", "Ohio", "Total", "Total", "2018;2019", *CELL_ROW, 0.0, 1.0, 3.0, 0.5, 0.0, 1.0],
                ["location", "b", "Utah", "Total", "Total", "2018;2019", *CELL_ROW, 0.0, 1.0, 3.0, 0.5, 0.0, 1.0],
            ],
        ),
        (
            ["disparity"],
            {
                "location": "Ohio",
                "category": "Gender",
                "groups": [{"stratum": "Female", **CELL}, {"stratum": "Male", **SUPPRESSED}],
                "best": "Female",
                "worst": "Male",
                "absolute_gap": {"value": 4.0, **LIMITS, "standard_error": 0.2},
                "relative_gap": {"value": 1.2, **LIMITS},
            },
            [
                [
                    *("location", "category", "best", "worst", "stratum", *CELL_COLUMNS),
                    *("absolute_gap", "absolute_gap_low", "absolute_gap_high", "absolute_gap_standard_error"),
                    *("relative_gap", "relative_gap_low", "relative_gap_high"),
                ],
                ["Ohio", "Gender", "Female", "Male", "Female", *CELL_ROW, 4.0, 1.0, 3.0, 0.2, 1.2, 1.0, 3.0],
                ["Ohio", "Gender", "Female", "Male", "Male", *SUPPRESSED_ROW, 4.0, 1.0, 3.0, 0.2, 1.2, 1.0, 3.0],
            ],
        ),
        (
            ["correlate"],
            {
                "question": "one",
                "other_question": "two",
                "locations": 2,
                "pearson": {"r": 0.9, **LIMITS, "p_value": 0.1},
                "spearman": {"rho": 0.8, **LIMITS, "p_value": 0.2},
                "reliability": {"x": 0.9, "y": None},
                "pairs": [{"location": "Ohio", "x": 35.1, "y": 29.0}, {"location": "Utah", "x": 25.1, "y": 19.0}],
                "left_out": [{"location": "Guam", "x": 1.0, "y": 2.0}],
                "notes": ["a note"],
            },
            [
                [
                    *("question", "other_question", "locations", "location", "x", "y"),
                    *("pearson_r", "pearson_low", "pearson_high", "pearson_p_value"),
                    *("spearman_rho", "spearman_low", "spearman_high", "spearman_p_value"),
                    *("reliability_x", "reliability_y"),
                ],
                ["one", "two", 2, "Ohio", 35.1, 29.0, 0.9, 1.0, 3.0, 0.1, 0.8, 1.0, 3.0, 0.2, 0.9, None],
                ["one", "two", 2, "Utah", 25.1, 19.0, 0.9, 1.0, 3.0, 0.1, 0.8, 1.0, 3.0, 0.2, 0.9, None],
            ],
        ),
        (
            ["unknown"],
            {"Ohio": 1.5, "by": {"a": 1}, "flags": ["x", "y"]},
            [["key", "value"], ["Ohio", 1.5], ["by", '{"a":1}'], ["flags", "x;y"]],
        ),
        (["unknown"], [{"a": 1}, {"a": 2, "b": 3}], [["a", "b"], [1, None], [2, 3]]),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) and isinstance(value[0], str) else "",
)
def test_a_result_has_one_row_for_each_record(statistics: list[str], data: Any, expected: list[list[Any]]) -> None:
    for statistic in statistics:
        assert rows_of(statistic, data) == expected, statistic


@pytest.fixture(scope="module")
def planner() -> Planner:
    """Plans over the bundled table."""
    return Planner(read_table(PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv"))


@pytest.mark.parametrize("statistic", STATISTICS)
def test_the_result_of_every_statistic_makes_plain_columns(planner: Planner, statistic: str) -> None:
    document = planner.plan(statistic, orjson.dumps(STATISTICS[statistic].example)).work()
    header, *rows = rows_of(statistic, orjson.loads(document.content)["data"])
    assert rows
    assert len(set(header)) == len(header)
    assert all(isinstance(value, str | int | float | None) for row in rows for value in row)
    assert not any("{" in value for row in rows for value in row if isinstance(value, str))
