"""Trends of several locations: each is the trend of its location, and their p-values are adjusted for their number."""

from functools import cache
from typing import Any

import orjson
import pytest
from scipy import stats

from app.errors import InvalidRequestError
from app.planner import Planner
from app.settings import BUNDLED_TABLE
from app.statistics import STATISTICS
from app.table.engines.pandas_reader import read_table

PLACES = ["Ohio", "Utah", "Texas", "National", "Guam", "Maine"]


@cache
def planner() -> Planner:
    """Return the planner over the bundled table."""
    return Planner(read_table(BUNDLED_TABLE))


def computed(statistic: str, **body: Any) -> Any:
    """Return the data of a request about obesity."""
    document = planner().plan(statistic, orjson.dumps({"question": "Q036", **body})).work()
    return orjson.loads(document.content)["data"]


@pytest.mark.parametrize("filters", [{}, {"stratification": {"category": "Gender", "value": "Female"}}])
def test_each_is_the_trend_of_its_location(filters: dict[str, Any]) -> None:
    data = computed("trends", locations=PLACES, years={"from": 2013}, **filters)
    assert [line["location"] for line in data["trends"]] == sorted(PLACES)
    for line in data["trends"]:
        alone = computed("trend", state=line["location"], years={"from": 2013}, **filters)
        slope = {name: value for name, value in line["slope"].items() if name != "p_adjusted"}
        assert {**line, "slope": slope, "category": data["category"], "stratum": data["stratum"]} == alone


def test_p_values_are_adjusted_for_their_number() -> None:
    slopes = [line["slope"] for line in computed("trends", locations=PLACES)["trends"]]
    expected = stats.false_discovery_control([slope["p_value"] for slope in slopes])
    assert [slope["p_adjusted"] for slope in slopes] == pytest.approx(list(expected))


def test_a_record_is_a_year_of_a_location() -> None:
    data = computed("trends", locations=["OH", "UT"])
    records = list(STATISTICS["trends"].output.records(data))
    assert [(each["location"], each["year"]) for each in records] == [
        (line["location"], year["year"]) for line in data["trends"] for year in line["years"]
    ]
    assert records[-1]["slope_p_adjusted"] == data["trends"][-1]["slope"]["p_adjusted"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "field 'locations' is missing"),
        ({"locations": ["Ohio"]}, "'locations' must have at least 2"),
        ({"locations": [*PLACES, "Iowa"]}, "'locations' must have at most 6"),
        ({"locations": ["OH", "Ohio"]}, "at least 2 different locations, and there is 1"),
        ({"locations": ["OH", "UT"], "exclude": ["UT"]}, "at least 2 different locations, and there is 1"),
        ({"locations": ["OH", "UT"], "years": [2019, 2021]}, "'Ohio': a trend needs at least 3 years"),
        ({"locations": ["OH", "Ohoi"]}, "unknown state 'Ohoi'"),
        ({"locations": ["OH", "UT"], "state": "OH"}, "unknown field 'state'"),
    ],
)
def test_a_request_that_cannot_be_computed_is_rejected(body: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        computed("trends", **body)
    assert reason in caught.value.reason
