"""Many at once: many requests in one body, results of many jobs in one answer."""

import os
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.services import Services
from app.settings import Settings
from app.web.support import MAX_BATCH_BYTES, MAX_BODY_BYTES
from support.small_survey import OBESITY, assert_error

Ask = Callable[..., Any]


def many(client: FlaskClient, *job_ids: str, wait: float = 10) -> Any:
    """Return the data of the answer for many jobs."""
    answer = client.get(f"/api/get_results?ids={','.join(job_ids)}&wait={wait}").get_json()
    assert list(answer) == ["status", "data"]
    assert answer["status"] == "done"
    return answer["data"]


# Reading


def test_many_results_come_in_the_requested_order(client: FlaskClient, ask: Ask) -> None:
    one, two = ask("state_mean", question=OBESITY, state="OH"), ask("best5", question=OBESITY)
    answer = many(client, "job_id_2", "job_id_1", "job_id_2")
    assert answer == {"job_id_2": two, "job_id_1": one}
    assert list(answer) == ["job_id_2", "job_id_1"]
    assert list(answer["job_id_2"]["data"]) == list(two["data"])


def test_an_unknown_job_does_not_affect_the_others(client: FlaskClient, ask: Ask) -> None:
    for _ in range(2):
        known = ask("global_mean", question=OBESITY)
    client.delete("/api/jobs/job_id_1")
    answer = many(client, "job_id_1", "job_id_2", "job_id_3", "x")
    assert answer["job_id_2"] == known
    assert answer["job_id_3"] == answer["x"] == {"status": "error", "reason": "Invalid job_id"}
    assert answer["job_id_1"]["status"] == "error"
    assert "removed" in answer["job_id_1"]["reason"]


def test_the_wait_is_for_all_together(client: FlaskClient, services: Services, open_gate: Callable[[], None]) -> None:
    running = [f"job_id_{number + 1}" for number in range(len(services.pool.runners()))]
    waiting = client.post("/api/global_mean", json={"question": OBESITY}).get_json()["job_id"]
    answer = many(client, *running, waiting, wait=0.01)
    assert list(answer.items()) == [(job_id, {"status": "running"}) for job_id in (*running, waiting)]
    open_gate()
    answer = many(client, *running, waiting)
    assert {document["status"] for document in answer.values()} == {"done"}


@pytest.mark.parametrize("query", ["", "?ids=", "?ids=,", "?ids=job_id_1,", "?ids=job_id_1,,job_id_2", "?id=job_id_1"])
def test_a_malformed_list_of_ids_is_refused(client: FlaskClient, query: str) -> None:
    assert "?ids=job_id_1,job_id_2" in assert_error(client.get(f"/api/get_results{query}"), 400)


def test_no_more_than_a_thousand_are_read_at_once(client: FlaskClient) -> None:
    assert len(many(client, *(f"job_id_{number}" for number in range(1, 1001)))) == 1000
    answer = client.get(f"/api/get_results?ids={','.join(['job_id_1'] * 1001)}")
    assert assert_error(answer, 400) == "ids must have at most 1000 parts, not 1001"


# Submitting

OHIO, BEST = {"question": OBESITY, "state": "OH"}, {"question": "Q036"}
REQUESTS = [{"statistic": "state_mean", **OHIO}, {"statistic": "best5", **BEST}, {"statistic": "state_mean", **OHIO}]
WRONG = {"statistic": "state_mean", "question": OBESITY, "state": "Ohoi"}


def submit(client: FlaskClient, content: object, **headers: str) -> TestResponse:
    """Submit a batch with headers whose names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return client.post("/api/batch", data=body, content_type="application/json", headers=named)


def accepted(client: FlaskClient) -> int:
    """Count the jobs that are kept."""
    return len(client.get("/api/jobs").get_json()["data"])


def test_a_batch_returns_ids_in_its_order_and_computes_each_request_as_if_alone(client: FlaskClient, ask: Ask) -> None:
    alone = [ask("state_mean", **OHIO), ask("best5", **BEST)]
    answer = submit(client, REQUESTS)
    assert (answer.status_code, answer.json) == (200, {"job_ids": ["job_id_3", "job_id_4", "job_id_5"]})
    results = many(client, *answer.get_json()["job_ids"])
    assert list(results.values()) == [alone[0], alone[1], alone[0]]


def test_a_thousand_requests_are_accepted_and_one_more_is_not(client: FlaskClient) -> None:
    thousand = [REQUESTS[0]] * 1000
    job_ids = submit(client, thousand).get_json()["job_ids"]
    assert job_ids == [f"job_id_{number}" for number in range(1, 1001)]
    assert {document["data"]["Ohio"] for document in many(client, *job_ids).values()} == {31.0}
    assert "1 to 1000 requests" in assert_error(submit(client, [*thousand, REQUESTS[0]]), 400)
    assert accepted(client) == 1000


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"[{]", b"\xff", {}, REQUESTS[0], "text", None, [], {"requests": REQUESTS}]
)
def test_a_body_that_is_not_a_list_is_refused(client: FlaskClient, content: object) -> None:
    assert "the body must be a JSON list" in assert_error(submit(client, content), 400)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (WRONG, "unknown state 'Ohoi'"),
        ({"statistic": "median", **BEST}, "unknown statistic 'median'; the statistics are states_mean, state_mean"),
        ({"statistic": 5, **BEST}, "unknown statistic '5'"),
        ({"statistic": None, **BEST}, "field 'statistic' is missing"),
        (BEST, "field 'statistic' is missing"),
        ({"statistic": "best5"}, "field 'question' is missing"),
        ({"statistic": "best", **OHIO}, "unknown field 'state'"),
        ({"statistic": "best5", "question": "x" * MAX_BODY_BYTES}, "exceeds the limit of 65536 bytes"),
        ([], "it must be a JSON object"),
        ("best5", "it must be a JSON object"),
        (None, "it must be a JSON object"),
    ],
)
def test_one_wrong_request_refuses_all_and_is_named(client: FlaskClient, request_: object, reason: str) -> None:
    told = assert_error(submit(client, [REQUESTS[0], request_, REQUESTS[1]]), 400)
    assert told.startswith("no request of this batch is accepted (counted from 0). request 1: ")
    assert reason in told
    assert "request 0" not in told
    assert accepted(client) == 0


def test_a_request_that_is_nested_too_deep_is_refused(client: FlaskClient) -> None:
    deep = b'[{"statistic": "best5", "question": ' + b"[" * 500 + b"]" * 500 + b"}]"
    assert "request 0: it is nested too deep" in assert_error(submit(client, deep), 400)


def test_the_first_few_wrong_requests_are_named(client: FlaskClient) -> None:
    told = assert_error(submit(client, [REQUESTS[0], *[WRONG] * 7]), 400)
    assert [f"request {place}:" in told for place in range(8)] == [False, True, True, True, *[False] * 4]
    assert told.endswith("; and 4 more")


def test_the_limit_on_the_body_is_higher_here_only(client: FlaskClient) -> None:
    padded = b" " * (MAX_BATCH_BYTES - 200) + orjson.dumps([REQUESTS[0]])
    assert submit(client, padded).status_code == 200
    reason = assert_error(submit(client, padded + b" " * 200), 413)
    assert reason == f"the body is over the limit of {MAX_BATCH_BYTES} bytes"
    alone = client.post("/api/state_mean", data=padded, content_type="application/json")
    assert assert_error(alone, 413) == f"the body is over the limit of {MAX_BODY_BYTES} bytes"


def test_a_body_that_is_not_declared_as_json_is_refused(client: FlaskClient) -> None:
    assert_error(client.post("/api/batch", data="[]", content_type="text/plain"), 415)


def test_a_batch_for_which_the_queue_has_no_room_is_refused_whole(
    start_app: Callable[[Settings], Flask], settings: Settings
) -> None:
    client = start_app(settings.model_copy(update={"queue_size": 2, "client_share": 1.0})).test_client()
    refused = submit(client, REQUESTS)
    assert_error(refused, 503)
    assert int(refused.headers["Retry-After"]) > 0
    assert accepted(client) == 0
    assert submit(client, REQUESTS[:2]).status_code == 200


def test_a_batch_that_cannot_be_recorded_is_refused_whole(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(file: int, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", no_space)
        assert_error(submit(client, REQUESTS, Idempotency_Key="a"), 503)
    assert accepted(client) == 0
    answer = submit(client, REQUESTS, Idempotency_Key="a")
    assert answer.get_json()["job_ids"] == ["job_id_1", "job_id_2", "job_id_3"]


def test_no_batch_is_accepted_after_a_shutdown(client: FlaskClient) -> None:
    client.post("/api/graceful_shutdown")
    assert assert_error(submit(client, REQUESTS), 503) == "shutting down"


def test_a_key_belongs_to_the_whole_batch(client: FlaskClient) -> None:
    first = submit(client, REQUESTS, Idempotency_Key="a")
    assert submit(client, REQUESTS, Idempotency_Key="a").data == first.data
    assert_error(submit(client, REQUESTS[:2], Idempotency_Key="a"), 422)
    alone = client.post("/api/state_mean", json=OHIO, headers={"Idempotency-Key": "a"})
    assert_error(alone, 422)
    assert accepted(client) == 3


def test_the_key_of_a_batch_survives_a_restart(start_app: Callable[[Settings], Flask], settings: Settings) -> None:
    first = start_app(settings)
    answer = submit(first.test_client(), REQUESTS, Idempotency_Key="a")
    assert first.extensions["services"].close()
    client = start_app(settings).test_client()
    assert submit(client, REQUESTS, Idempotency_Key="a").data == answer.data
    client.delete("/api/jobs/job_id_2")
    again = submit(client, REQUESTS, Idempotency_Key="a")
    assert again.get_json()["job_ids"] == ["job_id_4", "job_id_5", "job_id_6"]


def test_a_batch_that_prefers_to_wait_returns_all_results(client: FlaskClient) -> None:
    answer = submit(client, REQUESTS, Prefer="wait=10")
    assert answer.headers["Preference-Applied"] == "wait=10"
    assert list(answer.get_json()) == ["job_ids", "status", "data"]
    assert answer.get_json()["status"] == "done"
    assert answer.get_json()["data"] == many(client, *answer.get_json()["job_ids"])


def test_a_batch_that_is_not_done_in_time_returns_ids_alone(client: FlaskClient, open_gate: Callable[[], None]) -> None:
    answer = submit(client, REQUESTS, Prefer="wait=0")
    assert list(answer.get_json()) == ["job_ids"]
    assert "Preference-Applied" not in answer.headers
