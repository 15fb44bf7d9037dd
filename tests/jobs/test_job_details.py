"""Jobs in detail over HTTP, and the queue."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.services import Services
from app.settings import Settings
from support.small_survey import OBESITY, assert_error

BODY = {"question": OBESITY}
Ask = Callable[..., Any]


def data_at(client: FlaskClient, path: str) -> Any:
    """Return the data of an answer that is done."""
    answer: Any = client.get(path).json
    assert answer["status"] == "done", answer
    return answer["data"]


def submitted(client: FlaskClient) -> str:
    """Submit a job and return its id."""
    return str(client.post("/api/global_mean", json=BODY).json["job_id"])  # type: ignore[index]


def test_a_job_is_told_with_what_was_asked_and_its_times(client: FlaskClient, ask: Ask) -> None:
    ask("global_mean", question=OBESITY)
    told = data_at(client, "/api/jobs/job_id_1")
    times = [datetime.fromisoformat(told.pop(name)) for name in ("accepted_at", "started_at", "ended_at")]
    assert times == sorted(times)
    assert told.pop("table") == data_at(client, "/api/dataset")["table_id"]
    assert told == {"job_id": "job_id_1", "statistic": "global_mean", "body": BODY, "state": "done", "reason": None}


def test_a_job_waits_and_is_cancelled(client: FlaskClient, services: Services, open_gate: Callable[[], None]) -> None:
    job = submitted(client)
    told = data_at(client, f"/api/jobs/{job}")
    assert (told["state"], told["started_at"], told["ended_at"]) == ("waiting", None, None)
    runners = len(services.pool.runners())
    assert data_at(client, "/api/jobs/job_id_1")["state"] == "running"
    queue = data_at(client, "/api/queue")
    assert (queue["waiting"], queue["running"], queue["kept"], queue["open"]) == (1, runners, runners + 1, True)
    assert [runner["alive"] for runner in queue["runners"]] == [True] * runners
    client.delete(f"/api/jobs/{job}")
    told = data_at(client, f"/api/jobs/{job}")
    assert (told["state"], told["reason"]) == ("error", "cancelled")
    open_gate()


def test_jobs_are_listed_from_the_newest_and_paged(client: FlaskClient, ask: Ask) -> None:
    for _ in range(5):
        ask("global_mean", question=OBESITY)
    listed = [job["job_id"] for job in data_at(client, "/api/job_details")]
    assert listed == [f"job_id_{number}" for number in (5, 4, 3, 2, 1)]
    page = data_at(client, "/api/job_details?limit=2&before=job_id_4")
    assert [job["job_id"] for job in page] == ["job_id_3", "job_id_2"]
    assert data_at(client, "/api/job_details?state=error") == []
    assert len(data_at(client, "/api/job_details?state=done")) == 5


@pytest.mark.parametrize(
    ("query", "word"),
    [("state=lost", "state"), ("state=", "state"), ("before=7", "before"), ("before=", "before"), ("limit=0", "limit")],
)
def test_a_page_that_makes_no_sense_is_refused(client: FlaskClient, query: str, word: str) -> None:
    assert f"{word} must be" in assert_error(client.get(f"/api/job_details?{query}"), 400)


def test_an_unknown_job_has_no_details(client: FlaskClient) -> None:
    assert assert_error(client.get("/api/jobs/job_id_9"), 404) == "Invalid job_id"


def test_after_a_restart_it_is_still_known_when_a_job_was_accepted(
    start_app: Callable[[Settings], Flask], settings: Settings
) -> None:
    first = start_app(settings)
    client = first.test_client()
    job = submitted(client)
    client.get(f"/api/get_results/{job}?wait=10")
    before = data_at(client, f"/api/jobs/{job}")
    first.extensions["services"].close()
    after = data_at(start_app(settings).test_client(), f"/api/jobs/{job}")
    assert (after["accepted_at"], after["ended_at"]) == (before["accepted_at"], before["ended_at"])
    assert after["started_at"] is None


def test_the_chart_of_a_job_that_has_none_is_refused(client: FlaskClient, open_gate: Callable[[], None]) -> None:
    job = submitted(client)
    assert "no result to draw" in assert_error(client.get(f"/api/get_results/{job}/chart"), 409)
    open_gate()
    client.get(f"/api/get_results/{job}?wait=10")
    assert "cannot be drawn as 'pie'" in assert_error(client.get(f"/api/get_results/{job}/chart?kind=pie"), 400)
    assert "theme must be light or dark" in assert_error(client.get(f"/api/get_results/{job}/chart?theme=red"), 400)


def test_a_chart_tells_its_question_its_source_and_what_was_left_out(client: FlaskClient) -> None:
    body = {"question": "Q036", "exclude": ["National"], "years": [2019]}
    job = client.post("/api/states_mean", json=body).json["job_id"]  # type: ignore[index]
    client.get(f"/api/get_results/{job}?wait=10")
    chart = client.get(f"/api/get_results/{job}/chart").text
    for words in (OBESITY, "Without the nation", "survey.csv; 2019"):
        assert words in chart
