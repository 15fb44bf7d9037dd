"""Errors say for programs at which field the mistake is, and which values may have been meant."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from support.small_survey import OBESITY, SINGING, STRENGTH, assert_error

GENDER = {"category": "Gender"}


@pytest.mark.parametrize(
    ("statistic", "body", "field", "suggestions"),
    [
        ("state_mean", {"state": "Ohoi"}, "state", ["Ohio"]),
        ("state_mean", {"state": "ohio"}, "state", ["Ohio"]),
        ("state_mean", {"state": "oh"}, "state", ["OH"]),
        ("state_mean", {"state": "Atlantis"}, "state", []),
        ("state_mean", {}, "state", []),
        ("states_mean", {"question": "obesity"}, "question", [OBESITY]),
        ("states_mean", {"question": "smoking"}, "question", []),
        ("states_mean", {"locations": ["Ohio", "Texsa"]}, "locations.1", ["Texas"]),
        ("states_mean", {"exclude": ["Natoinal"]}, "exclude.0", ["National"]),
        ("states_mean", {"locations": []}, "locations", []),
        ("states_mean", {"stratification": {"category": "Gendre"}}, "stratification.category", ["Gender"]),
        ("states_mean", {"stratification": {**GENDER, "value": "Femal"}}, "stratification.value", ["Female"]),
        ("states_mean", {"years": {"from": 1999, "to": 1999}}, "years", []),
        ("states_mean", {"years": {"from": "2019"}}, "years.from", []),
        ("states_mean", {"standardize": "age"}, "standardize", []),
        ("states_mean", {"colour": "red"}, "colour", []),
        ("best5", {"question": STRENGTH, "n": 5}, "n", []),
        ("best", {"question": SINGING}, "best", []),
        ("compare", {"between": {"location": ["Ohio", "Uta"]}}, "between.location.1", ["Utah"]),
        ("compare", {"between": {"year": [2020, 1999]}, "state": "Ohio"}, "between.year.1", []),
        ("compare", {"between": {"location": ["OH", "Ohio"]}}, "between.location.1", []),
        (
            "compare",
            {"between": {"stratum": ["Female", "Males"]}, "stratification": GENDER},
            "between.stratum.1",
            ["Male"],
        ),
        ("compare", {"between": {"location": ["Ohio", "Utah"]}, "state": "Ohio"}, "state", []),
        ("compare_all", {"across": "location", "reference": "Natoinal"}, "reference", ["National"]),
        ("correlate", {"other_question": "sing in the shower"}, "other_question", [SINGING]),
        ("correlate", {"other_question": OBESITY}, "other_question", []),
        ("trend", {"state": "Texas"}, "state", []),
        ("estimate", {"by": ["category"], "stratification": GENDER}, "by", []),
        ("rank", {"as_of": "yesterday"}, "as_of", []),
        ("rank", {"table": "0" * 8}, "table", []),
    ],
)
def test_an_error_names_the_field_and_what_may_have_been_meant(
    client: FlaskClient, statistic: str, body: dict[str, Any], field: str, suggestions: list[str]
) -> None:
    answer = client.post(f"/api/{statistic}", json={"question": OBESITY, **body})
    assert_error(answer, 400)
    error = answer.get_json()
    assert error["field"] == field
    assert error["suggestions"][:1] == suggestions  # others are less likely


def test_a_suggestion_put_at_its_field_is_accepted(client: FlaskClient) -> None:
    body: dict[str, Any] = {"question": OBESITY, "locations": ["Ohio", "Texsa"]}
    error = client.post("/api/states_mean", json=body).get_json()
    name, place = error["field"].split(".")
    body[name][int(place)] = error["suggestions"][0]
    assert client.post("/api/states_mean", json=body).status_code == 200


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/jobs?limit=-1", "limit"),
        ("/api/job_details?state=lost", "state"),
        ("/api/job_details?before=x", "before"),
        ("/api/tables/current/changes?since=current&question=nothing", "question"),
    ],
)
def test_an_error_in_the_query_string_names_its_parameter(client: FlaskClient, path: str, field: str) -> None:
    answer = client.get(path)
    assert_error(answer, 400)
    assert answer.get_json()["field"] == field


def test_the_only_mistake_of_a_batch_has_its_position(client: FlaskClient) -> None:
    right, wrong = ({"statistic": "state_mean", "question": OBESITY, "state": name} for name in ("Ohio", "Ohoi"))
    assert client.post("/api/batch", json=[right, wrong]).get_json()["field"] == "1.state"
    assert "field" not in client.post("/api/batch", json=[wrong, wrong]).get_json()


def test_an_error_that_is_not_about_one_field_has_none(client: FlaskClient) -> None:
    assert list(client.get("/api/get_results/job_id_1").get_json()) == ["status", "reason"]
    assert list(client.post("/api/best5", data=b"[", content_type="application/json").get_json()) == [
        "status",
        "reason",
    ]
