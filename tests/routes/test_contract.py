"""The HTTP contract, row by row."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.jobs.job import Document, job_request
from app.services import Services
from support.small_survey import OBESITY, SINGING, STRENGTH, assert_error

Ask = Callable[..., Any]


def data_at(client: FlaskClient, path: str) -> Any:
    """Return the data of an answer that is done."""
    answer = client.get(path).get_json()
    assert answer["status"] == "done"
    return answer["data"]


# Submitting


def test_a_submission_returns_an_id_and_a_location(client: FlaskClient) -> None:
    for number in (1, 2, 3):
        answer = client.post("/api/states_mean", json={"question": OBESITY})
        assert (answer.status_code, answer.json) == (200, {"job_id": f"job_id_{number}"})
        assert answer.headers["Location"] == f"/api/get_results/job_id_{number}"
        assert answer.mimetype == "application/json"


OBESITY_MEANS = {
    "Utah": (24 + 26 + 20) / 3,
    "Maine": 28.5,
    "Guam": 30.0,
    "National": 30.6,
    "Ohio": 31.0,
    "Iowa": 32.0,
    "Texas": 34.0,
}
OBESITY_ROWS = [30.0, 32.0, 24.0, 26.0, 33.0, 35.0, 28.0, 29.0, 31.5, 32.5, 29.0, 31.0, 30.5, 30.7, 31.0, 20.0]
GLOBAL = sum(OBESITY_ROWS) / len(OBESITY_ROWS)


@pytest.mark.parametrize(
    ("statistic", "body", "expected"),
    [
        ("states_mean", {}, OBESITY_MEANS),
        ("state_mean", {"state": "Ohio"}, {"Ohio": 31.0}),
        ("best5", {}, dict(list(OBESITY_MEANS.items())[:5])),
        ("worst5", {}, dict(list(reversed(OBESITY_MEANS.items()))[:5])),
        ("global_mean", {}, {"global_mean": GLOBAL}),
        ("diff_from_mean", {}, {state: GLOBAL - mean for state, mean in OBESITY_MEANS.items()}),
        ("state_diff_from_mean", {"state": "Utah"}, {"Utah": GLOBAL - OBESITY_MEANS["Utah"]}),
        (
            "state_mean_by_category",
            {"state": "Ohio"},
            {"Ohio": {"('Gender', 'Female')": 30.0, "('Gender', 'Male')": 32.0, "('Total', 'Total')": 31.0}},
        ),
    ],
)
def test_a_statistic_is_computed_in_the_order_of_the_contract(
    ask: Ask, statistic: str, body: dict[str, str], expected: dict[str, Any]
) -> None:
    answer = ask(statistic, question=OBESITY, **body)
    assert list(answer) == ["status", "data"]
    assert answer["status"] == "done"
    assert list(answer["data"]) == list(expected)
    for key, value in expected.items():
        assert answer["data"][key] == pytest.approx(value, abs=1e-9)


def test_mean_by_category_has_the_repr_of_tuples_as_keys_sorted(ask: Ask) -> None:
    data = ask("mean_by_category", question=OBESITY)["data"]
    assert data["('Ohio', 'Total', 'Total')"] == 31.0
    assert list(data)[:2] == ["('Guam', 'Gender', 'Female')", "('Guam', 'Gender', 'Male')"]
    assert list(data) == sorted(data)
    assert len(data) == 15  # the row without stratification is left out


def test_best_means_highest_for_an_activity_question(ask: Ask) -> None:
    assert list(ask("best5", question=STRENGTH)["data"]) == ["Texas", "Iowa", "Ohio", "National", "Guam"]
    assert next(iter(ask("worst5", question=STRENGTH)["data"])) == "Utah"


def test_an_id_and_an_abbreviation_are_accepted_and_the_result_has_the_full_name(ask: Ask) -> None:
    assert ask("state_mean", question="Q036", state="OH") == {"status": "done", "data": {"Ohio": 31.0}}


def test_a_question_without_a_known_direction_needs_one(client: FlaskClient, ask: Ask) -> None:
    reason = assert_error(client.post("/api/best5", json={"question": SINGING}), 400)
    assert '"best": "min" or "best": "max"' in reason
    assert ask("best5", question=SINGING, best="max") == {"status": "done", "data": {"Maine": 70.0}}


# Following jobs


def test_a_job_that_is_not_done_is_running(
    client: FlaskClient, services: Services, open_gate: Callable[[], None]
) -> None:
    answer = client.get("/api/get_results/job_id_1")
    assert (answer.status_code, answer.json) == (200, {"status": "running"})
    assert client.get("/api/get_results/job_id_1?wait=0.01").json == {"status": "running"}
    assert client.get("/api/num_jobs").json == {"num_jobs": len(services.pool.runners())}
    assert client.get("/api/graceful_shutdown").json == {"status": "running"}
    open_gate()
    assert client.get("/api/get_results/job_id_1?wait=10").json == {"status": "done", "data": {}}


def test_a_job_that_failed_says_why(client: FlaskClient, services: Services) -> None:
    def fail() -> Document:
        raise ZeroDivisionError("secret")

    job = services.pool.add_task(job_request("fails", b"{}"), fail)
    answer = client.get(f"/api/get_results/{job.id}?wait=10")
    assert "secret" not in assert_error(answer, 200)


@pytest.mark.parametrize(
    "job_id", ["job_id_99", "job_id_0", "nonsense", "job_id_1%00", "..%2f..%2fetc%2fpasswd", "1", "01"]
)
def test_an_unknown_job_is_404(client: FlaskClient, job_id: str) -> None:
    answer = client.get(f"/api/get_results/{job_id}")
    if "%2f" not in job_id:
        assert assert_error(answer, 404) == "Invalid job_id"
    else:
        assert_error(answer, 404)


def test_a_bare_number_means_the_job_of_that_number(client: FlaskClient, ask: Ask) -> None:
    ask("global_mean", question=OBESITY)
    for ending in ("", "/chart", "?format=csv", "?format=svg", "/chart?theme=dark"):
        by_number, by_id = (client.get(f"/api/get_results/{name}{ending}") for name in ("1", "job_id_1"))
        assert by_number.status_code == 200, ending
        assert by_number.data == by_id.data, ending


@pytest.mark.parametrize("state", ["Ohio", "", "nowhere", None, 5])
@pytest.mark.parametrize(
    "statistic", ["states_mean", "best5", "worst5", "global_mean", "diff_from_mean", "mean_by_category"]
)
def test_statistics_of_all_locations_ignore_the_state(ask: Ask, statistic: str, state: object) -> None:
    assert ask(statistic, question=OBESITY, state=state) == ask(statistic, question=OBESITY)


@pytest.mark.parametrize("wait", ["abc", "-1", "nan", "", "1,5"])
def test_a_malformed_wait_is_refused(client: FlaskClient, ask: Ask, wait: str) -> None:
    ask("global_mean", question=OBESITY)
    assert "wait must be a number of seconds" in assert_error(client.get(f"/api/get_results/job_id_1?wait={wait}"), 400)


def test_a_wait_over_the_limit_is_cut_off(client: FlaskClient, ask: Ask) -> None:
    ask("global_mean", question=OBESITY)
    assert client.get("/api/get_results/job_id_1?wait=1e9").get_json()["status"] == "done"


def test_jobs_are_listed_and_paged(client: FlaskClient, ask: Ask) -> None:
    assert client.get("/api/jobs").json == {"status": "done", "data": []}
    for _ in range(4):
        ask("global_mean", question=OBESITY)
    everything = [{f"job_id_{number}": "done"} for number in (1, 2, 3, 4)]
    assert client.get("/api/jobs").json == {"status": "done", "data": everything}
    assert data_at(client, "/api/jobs?limit=2") == everything[:2]
    assert data_at(client, "/api/jobs?limit=1&after=job_id_2") == everything[2:3]
    assert data_at(client, "/api/jobs?after=job_id_4") == []
    assert client.get("/api/num_jobs").json == {"num_jobs": 0}


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=", "after=7", "after=x"])
def test_malformed_paging_is_refused(client: FlaskClient, query: str) -> None:
    assert " must be " in assert_error(client.get(f"/api/jobs?{query}"), 400)


# Shutting down


@pytest.mark.parametrize("method", ["get", "post"])
def test_after_a_shutdown_submissions_are_refused_and_reading_goes_on(
    client: FlaskClient, ask: Ask, method: str
) -> None:
    ask("global_mean", question=OBESITY)
    answer = getattr(client, method)("/api/graceful_shutdown")
    assert (answer.status_code, answer.json) == (200, {"status": "done"})
    refused = client.post("/api/global_mean", json={"question": OBESITY})
    assert assert_error(refused, 503) == "shutting down"
    assert int(refused.headers["Retry-After"]) > 0
    assert_error(client.post("/api/global_mean", json={}), 503)
    assert client.get("/api/get_results/job_id_1").get_json()["status"] == "done"
    for path in ("/", "/api/jobs", "/api/num_jobs", "/api/statistics", "/api/questions", "/api/states", "/api/dataset"):
        assert client.get(path).status_code == 200
    assert getattr(client, method)("/api/graceful_shutdown").json == {"status": "done"}


# Finding out what can be asked


def test_statistics_are_listed_with_the_fields_that_a_request_for_them_takes(client: FlaskClient) -> None:
    listed = data_at(client, "/api/statistics")
    assert len(listed) > 1
    for statistic in listed:
        reason = assert_error(client.post(f"/api/{statistic['name']}", json={}), 400)
        for name in statistic["needed"]:
            assert f"'{name}' is missing" in reason
        for name in statistic["optional"]:
            assert f"{name} (optional)" in reason
    needed = {statistic["name"]: statistic["needed"] for statistic in listed}
    assert needed["best5"] == ["question"]
    assert needed["state_mean"] == ["question", "state"]


def test_questions_are_described(client: FlaskClient) -> None:
    listed = {question["question"]: question for question in data_at(client, "/api/questions")}
    assert listed[OBESITY] == {
        "id": "Q036",
        "question": OBESITY,
        "class": "Obesity / Weight Status",
        "value_type": None,
        "unit": "percent",
        "response": None,
        "best": "min",
        "years": [2019, 2020],
        "rows": 16,
        "suppressed_rows": 0,
    }
    assert listed[SINGING]["best"] is None
    assert (listed[SINGING]["rows"], listed[SINGING]["suppressed_rows"]) == (1, 1)
    assert listed[STRENGTH]["best"] == "max"


def test_locations_are_listed(client: FlaskClient) -> None:
    listed = data_at(client, "/api/states")
    assert {"name": "Ohio", "abbreviation": "OH"} in listed
    assert [place["name"] for place in listed] == sorted(place["name"] for place in listed)


def test_the_dataset_accounts_for_every_row(client: FlaskClient, survey_file: Path) -> None:
    data = data_at(client, "/api/dataset")
    assert (data["source"], data["modelled"]) == (survey_file.name, False)
    assert (data["rows_read"], data["rows_used"], data["rows_suppressed"]) == (32, 31, 1)
    assert data["rows_skipped"] == {}
    assert data["years"] == [2019, 2020, 2021]
    assert re.fullmatch("[0-9a-f]{64}", data["sha256"])


@pytest.mark.parametrize("path", ["/", "/index"])
def test_the_front_page_is_html_for_a_browser_and_json_for_a_program(client: FlaskClient, path: str) -> None:
    browser = client.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert browser.mimetype == "text/html"
    for accept in ("application/json", "*/*"):
        program = client.get(path, headers={"Accept": accept})
        assert program.mimetype == "application/json"
        assert "Accept" in program.headers["Vary"]
        for route in program.get_json()["data"]:
            assert route["summary"]
            assert route["path"].replace("<", "&lt;").replace(">", "&gt;") in browser.text
