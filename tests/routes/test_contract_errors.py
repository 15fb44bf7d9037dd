"""The errors of the HTTP contract, row by row."""

import errno
import os

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.services import Services
from app.statistics import STATISTICS
from app.web.support import MAX_BODY_BYTES
from support.small_survey import OBESITY, SINGING, assert_error


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "must be a JSON object"),
        (b"[]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'{"question": ', "must be a JSON object"),
        (b"\xff\xfe", "must be a JSON object"),
        (b"{}", "'question' is missing"),
        (b'{"question": ""}', "'question' is empty"),
        (b'{"question": 36}', "'question' must be a string"),
        (b'{"question": null}', "'question' must be a string"),
        (b'{"question": ["Q036"]}', "'question' must be a string"),
        (b'{"question": "Q036", "colour": "red"}', "unknown field 'colour'"),
    ],
)
def test_a_malformed_body_is_refused_with_the_fix(
    client: FlaskClient, statistic: str, body: bytes, reason: str
) -> None:
    answer = client.post(f"/api/{statistic}", data=body, content_type="application/json")
    assert reason in assert_error(answer, 400)


@pytest.mark.parametrize(
    ("statistic", "body", "reasons"),
    [
        ("global_mean", {"question": "Percent of adults who have obesity"}, ["unknown question", OBESITY]),
        ("state_mean", {"question": OBESITY, "state": "Ohoi"}, ["unknown state 'Ohoi'", "'Ohio'"]),
        ("state_mean", {"question": OBESITY}, ["'state' is missing"]),
        ("state_mean", {"question": OBESITY, "state": ""}, ["'state' is empty"]),
        ("states_mean", {"question": OBESITY, "states": "Ohio"}, ["unknown field 'states'"]),
        ("best", {"question": OBESITY, "state": "Ohio"}, ["unknown field 'state'"]),
        ("estimate", {"question": OBESITY, "state": "Ohio"}, ["unknown field 'state' (", '"locations": ["Ohio"]']),
        ("trend", {"question": OBESITY, "location": "OH"}, ["unknown field 'location' (", 'use "state"']),
        ("state_mean", {"question": SINGING, "state": "Guam"}, ["Guam has no value"]),
        ("best5", {"question": OBESITY, "best": "most"}, ["'best' must be 'min' or 'max'"]),
    ],
)
def test_what_the_table_does_not_hold_is_refused(
    client: FlaskClient, statistic: str, body: dict[str, str], reasons: list[str]
) -> None:
    told = assert_error(client.post(f"/api/{statistic}", json=body), 400)
    assert all(reason in told for reason in reasons)
    assert client.get("/api/jobs").get_json()["data"] == []


def test_an_unknown_route_is_404(client: FlaskClient) -> None:
    for method, path in (("get", "/api/nothing"), ("post", "/api/median"), ("get", "/static/x"), ("delete", "/x")):
        assert "there is no route" in assert_error(getattr(client, method)(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("get", "/api/states_mean", {"POST"}),
        ("put", "/api/global_mean", {"POST"}),
        ("post", "/api/jobs", {"GET", "HEAD"}),
        ("delete", "/api/num_jobs", {"GET", "HEAD"}),
        ("options", "/api/best5", {"POST"}),
        ("post", "/", {"GET", "HEAD"}),
    ],
)
def test_a_wrong_method_gets_the_allowed_ones(client: FlaskClient, method: str, path: str, allowed: set[str]) -> None:
    answer = getattr(client, method)(path)
    assert_error(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == allowed


def test_a_body_over_the_limit_is_refused(client: FlaskClient) -> None:
    body = orjson.dumps({"question": "x" * MAX_BODY_BYTES})
    reason = assert_error(client.post("/api/global_mean", data=body, content_type="application/json"), 413)
    assert str(MAX_BODY_BYTES) in reason


def test_a_body_at_the_limit_is_read(client: FlaskClient) -> None:
    body = orjson.dumps({"question": "x" * (MAX_BODY_BYTES - len(b'{"question":""}'))})
    assert len(body) == MAX_BODY_BYTES
    assert_error(client.post("/api/global_mean", data=body, content_type="application/json"), 400)


@pytest.mark.parametrize("declared", ["text/plain", "application/x-www-form-urlencoded", "application/xml", None])
def test_a_body_whose_type_is_not_json_is_refused(client: FlaskClient, declared: str | None) -> None:
    answer = client.post("/api/global_mean", data=b'{"question": "Q036"}', content_type=declared)
    assert "Content-Type: application/json" in assert_error(answer, 415)


@pytest.mark.parametrize("declared", ["application/json; charset=utf-8", "application/problem+json"])
def test_other_json_media_types_are_accepted(client: FlaskClient, declared: str) -> None:
    answer = client.post("/api/global_mean", data=b'{"question": "Q036"}', content_type=declared)
    assert answer.status_code == 200


def test_a_server_fault_is_logged_and_returned_without_its_traceback(
    app: Flask, client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("app.jobs.status_map.StatusMap.unfinished", fail)
    assert "secret" not in assert_error(client.get("/api/num_jobs"), 500)
    monkeypatch.undo()
    services.close()
    log = services.settings.log_file.read_text()
    assert "ZeroDivisionError: secret" in log
    assert "GET /api/num_jobs failed" in log


@pytest.mark.parametrize("path", ["/api//jobs", "/api/jobs//job_id_1", "/api/get_results//job_id_1"])
def test_extra_slashes_are_404_without_a_redirect(client: FlaskClient, path: str) -> None:
    assert "there is no route" in assert_error(client.get(path, base_url="http://localhost"), 404)


def test_a_request_for_which_the_system_has_nothing_left_is_refused_for_now(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("app.web.guard.is_own_user", fail)
    refused = client.get("/api/graceful_shutdown")
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert "Too many open files" in refused.get_json()["reason"]
    assert client.get("/readyz").status_code == 200
