"""Recorded requests: as short as the table allows, with the results of what the client sent."""

import json
from typing import Any

import pytest

from app.planner import Planner
from app.statistics import STATISTICS
from app.table.engines.pandas_reader import read_table
from app.table.survey_table import SurveyTable
from support.real_server import BUNDLED_TABLE

PADDED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "global_mean",
        {"question": "Q036", "locations": ["UT", "Ohio", "OH", "Utah"] * 250, "suppressed": "include", "years": None},
        {"question": "Q036", "locations": ["Ohio", "Utah"]},
    ),
    (
        "states_mean",
        {"question": "Q036", "exclude": ["TX"] * 999, "years": list(range(3000, 2000, -1))},
        {"question": "Q036", "exclude": ["Texas"], "years": list(range(2011, 2023))},
    ),
    ("estimate", {"question": "Q036", "by": ["location"]}, {"question": "Q036"}),
    (
        "estimate",
        {"question": "Q036", "by": ["year", "location"], "years": {"from": 2015, "to": None}},
        {"question": "Q036", "by": ["year", "location"], "years": {"from": 2015}},
    ),
    (
        "compare",
        {"question": "Q036", "between": {"location": ["Utah", "OH"], "year": None}, "stratification": None},
        {"question": "Q036", "between": {"location": ["Utah", "OH"]}},
    ),
]


@pytest.fixture(scope="module")
def table() -> SurveyTable:
    return read_table(BUNDLED_TABLE)


@pytest.mark.parametrize(("statistic", "sent", "recorded"), PADDED)
def test_padding_is_not_recorded_and_the_result_is_the_same(
    table: SurveyTable, statistic: str, sent: dict[str, Any], recorded: dict[str, Any]
) -> None:
    plan = Planner(table).plan(statistic, json.dumps(sent, indent=8).encode())
    assert json.loads(plan.request.body) == recorded
    again = Planner(table).plan(statistic, plan.request.body)
    assert again.request == plan.request
    assert again.query == plan.query
    assert again.work().content == plan.work().content


@pytest.mark.parametrize("name", STATISTICS)
def test_the_recorded_request_means_what_was_sent(table: SurveyTable, name: str) -> None:
    raw = json.dumps(STATISTICS[name].example).encode()
    plan = Planner(table).plan(name, raw)
    assert Planner(table).plan(name, plan.request.body).query == plan.query


def test_the_same_meaning_is_recorded_once(table: SurveyTable) -> None:
    planner = Planner(table)
    bodies = (
        {"question": "Q036", "locations": order} for order in (["OH", "UT"], ["Utah", "Ohio"], ["UT"] * 5 + ["OH"])
    )
    first, *others = [planner.plan("global_mean", json.dumps(body).encode()).request for body in bodies]
    assert all(other is first for other in others)
