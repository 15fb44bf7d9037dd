"""A submission that prefers to wait is answered with the result where it is ready in time."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.errors import InvalidRequestError
from app.jobs.job import Document, job_request
from app.planner import Plan, Planner
from app.queries.query import Query
from support.small_survey import OBESITY, assert_error

PATH, BODY = "/api/state_mean", {"question": OBESITY, "state": "OH"}
ANSWER = {"job_id": "job_id_1", "status": "done", "data": {"Ohio": 31.0}}


def send(client: FlaskClient, prefer: str, **headers: str) -> TestResponse:
    """Submit with a preference."""
    return client.post(PATH, json=BODY, headers={"Prefer": prefer, **headers})


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=10", "wait=10"),
        ("Wait = 10", "wait=10"),
        ("wait=30", "wait=30"),
        ("wait=31", "wait=30"),
        ("wait=123456789012", "wait=30"),
        ("respond-async, wait=10", "wait=10"),
        ('foo="a, wait=2"; bar, wait=10; baz', "wait=10"),
        ("wait=10, wait=20", "wait=10"),
    ],
)
def test_the_result_is_returned_if_it_is_ready_in_time(client: FlaskClient, prefer: str, applied: str) -> None:
    answer = send(client, prefer)
    assert (answer.status_code, answer.json) == (200, ANSWER)
    assert list(answer.get_json()) == ["job_id", "status", "data"]
    assert answer.headers["Preference-Applied"] == applied
    assert answer.headers["Location"] == "/api/get_results/job_id_1"


@pytest.mark.parametrize(
    "prefer",
    ["", "respond-async", "wait", "wait=", "wait=-1", "wait=1.5", "wait=x", "wait=x, wait=10", "waiting=10", "="],
)
def test_a_malformed_preference_is_ignored(client: FlaskClient, prefer: str) -> None:
    answer = send(client, prefer)
    assert (answer.status_code, answer.json) == (200, {"job_id": "job_id_1"})
    assert "Preference-Applied" not in answer.headers


@pytest.mark.parametrize("prefer", ["wait=0", "wait=1"])
def test_the_id_alone_is_returned_if_the_result_is_not_ready(
    client: FlaskClient, open_gate: Callable[[], None], prefer: str
) -> None:
    answer = send(client, prefer)
    assert list(answer.get_json()) == ["job_id"]
    assert "Preference-Applied" not in answer.headers
    open_gate()
    assert client.get(f"{answer.headers['Location']}?wait=10").get_json()["data"] == ANSWER["data"]


def test_a_failed_job_returns_its_reason(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Document:
        raise InvalidRequestError("no such thing")

    monkeypatch.setattr(Planner, "plan", lambda *_: Plan(job_request("fails", b"{}"), Query(0), fail))
    answer = send(client, "wait=10")
    assert answer.json == {"job_id": "job_id_1", "status": "error", "reason": "no such thing"}
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "wait=10")


def test_a_preference_does_not_change_refusals(client: FlaskClient) -> None:
    answer = client.post(PATH, json={"question": OBESITY}, headers={"Prefer": "wait=10"})
    assert_error(answer, 400)
    assert "Preference-Applied" not in answer.headers


def test_a_repeated_key_gets_the_same_response(client: FlaskClient) -> None:
    for _ in range(2):
        assert send(client, "wait=10", **{"Idempotency-Key": "a"}).json == ANSWER
