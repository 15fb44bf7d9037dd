"""Operating a server over HTTP: health, metrics, cancelling, removing, and the limits on queue and history."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from app.services import Services
from app.settings import Settings
from app.statistics import STATISTICS
from support.small_survey import OBESITY, assert_error

BODY = {"question": OBESITY}
QUEUE_SIZE = 5
Ask = Callable[..., Any]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The settings of every test, with a queue that is soon full."""
    return settings.model_copy(update={"queue_size": QUEUE_SIZE, "client_share": 1.0})


def submitted(client: FlaskClient) -> str:
    """Submit a job and return its id."""
    return str(client.post("/api/global_mean", json=BODY).json["job_id"])  # type: ignore[index]


def samples(client: FlaskClient) -> dict[tuple[str, ...], float]:
    """Return every sample of the metrics by its name and the values of its labels."""
    text = client.get("/metrics").text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# Health


def test_a_server_that_works_is_alive_and_ready(client: FlaskClient) -> None:
    for path in ("/healthz", "/readyz"):
        assert (client.get(path).status_code, client.get(path).json) == (200, {"status": "done"})


def test_a_server_that_shuts_down_is_alive_and_not_ready(client: FlaskClient) -> None:
    client.post("/api/graceful_shutdown")
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert assert_error(answer, 503) == "shutting down"
    assert int(answer.headers["Retry-After"]) > 0


def test_a_server_that_cannot_write_is_not_ready_until_it_can(client: FlaskClient, settings: Settings) -> None:
    shutil.rmtree(settings.results_dir)
    settings.results_dir.write_text("in the way")
    assert "results folder cannot be written to" in assert_error(client.get("/readyz"), 503)
    settings.results_dir.unlink()
    assert client.get("/readyz").status_code == 200


def test_a_failed_reload_does_not_show_the_folder_of_the_table(client: FlaskClient, settings: Settings) -> None:
    source = Path(settings.source())
    source.rename(f"{source}.away")
    client.post("/api/dataset/reload")
    deadline = time.monotonic() + 20
    while (reload := client.get("/api/dataset").get_json()["data"]["reload"])["status"] == "running":
        assert time.monotonic() < deadline
    assert reload["reason"].startswith(f"{source.name}: no such file")
    page = client.get("/data").text
    assert "no such file" in page
    assert str(source.parent) not in page


# Metrics


def test_jobs_and_requests_are_counted_by_statistic_and_by_route(client: FlaskClient, ask: Ask) -> None:
    for _ in range(3):
        ask("global_mean", question=OBESITY)
    client.get("/api/get_results/job_id_77")
    client.get("/no/such/path")
    client.open("/api/jobs", method="BREW")
    found = samples(client)
    assert found["stats_jobs_accepted_total", "global_mean"] == 3
    assert found["stats_jobs_finished_total", "global_mean"] == 3
    assert found["stats_job_seconds_count", "global_mean"] == 3
    assert found["stats_http_requests_total", "POST", "/api/global_mean", "200"] == 3
    assert found["stats_http_requests_total", "GET", "/api/get_results/<job_id>", "200"] == 3
    assert found["stats_http_requests_total", "GET", "/api/get_results/<job_id>", "404"] == 1
    assert found["stats_http_requests_total", "GET", "none", "404"] == 1
    assert found["stats_http_requests_total", "other", "none", "405"] == 1
    assert found["stats_http_request_seconds_count", "/api/global_mean"] == 3


def test_metrics_report_the_state_of_the_pool(
    client: FlaskClient, open_gate: Callable[[], None], services: Services
) -> None:
    for _ in range(4):
        submitted(client)
    found = samples(client)
    assert found["stats_queue_length",] == 4
    assert found["stats_runners_alive",] == len(services.pool.runners())
    assert found["stats_runners_replaced_total",] == 0
    open_gate()


def test_no_metric_label_holds_an_id_or_client_input(client: FlaskClient, ask: Ask) -> None:
    ask("global_mean", question=OBESITY)
    for path in ("/api/get_results/job_id_1", "/api/jobs/job_id_5", "/made/up", "/api/made_up"):
        client.get(path)
        client.open(path, method="MADEUP")
    text = client.get("/metrics").text.lower()
    assert "job_id_" not in text
    assert "made" not in text


# Cancelling and removing


def test_a_waiting_job_is_cancelled(client: FlaskClient, open_gate: Callable[[], None], settings: Settings) -> None:
    first, second = submitted(client), submitted(client)
    assert client.delete(f"/api/jobs/{first}").json == {"status": "done", "data": {first: "cancelled"}}
    answer = client.get(f"/api/get_results/{first}")
    assert (answer.status_code, answer.json) == (200, {"status": "error", "reason": "cancelled"})
    assert {first: "error"} in client.get("/api/jobs").json["data"]  # type: ignore[index]
    open_gate()
    assert client.get(f"/api/get_results/{second}?wait=10").json["status"] == "done"  # type: ignore[index]
    assert client.get(f"/api/get_results/{first}").json == {"status": "error", "reason": "cancelled"}
    assert not (settings.results_dir / f"{first}.json").exists()


def test_a_finished_job_is_removed_with_its_file(client: FlaskClient, ask: Ask, settings: Settings) -> None:
    ask("global_mean", question=OBESITY)
    assert client.delete("/api/jobs/job_id_1").json == {"status": "done", "data": {"job_id_1": "removed"}}
    assert not (settings.results_dir / "job_id_1.json").exists()
    assert_error(client.get("/api/get_results/job_id_1"), 410)
    assert_error(client.delete("/api/jobs/job_id_1"), 410)
    assert client.get("/api/jobs").json == {"status": "done", "data": []}
    assert submitted(client) == "job_id_2"


def test_a_running_job_is_not_cancelled(client: FlaskClient, open_gate: Callable[[], None]) -> None:
    assert "is running" in assert_error(client.delete("/api/jobs/job_id_1"), 409)
    open_gate()
    assert client.get("/api/get_results/job_id_1?wait=10").json["status"] == "done"  # type: ignore[index]


@pytest.mark.parametrize("job_id", ["job_id_99", "job_id_0", "nonsense", "job_id_1.json"])
def test_no_other_job_is_cancelled(client: FlaskClient, job_id: str) -> None:
    assert assert_error(client.delete(f"/api/jobs/{job_id}"), 404) == "Invalid job_id"


# Limits


def test_a_full_queue_refuses_with_retry_after(client: FlaskClient, open_gate: Callable[[], None]) -> None:
    ids = [submitted(client) for _ in range(QUEUE_SIZE)]
    answer = client.post("/api/global_mean", json=BODY)
    assert f"the queue is full, {QUEUE_SIZE} jobs wait" in assert_error(answer, 503)
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    open_gate()
    for job_id in ids:
        assert client.get(f"/api/get_results/{job_id}?wait=10").json["status"] == "done"  # type: ignore[index]
    assert client.post("/api/global_mean", json=BODY).status_code == 200


def test_the_retention_rule_removes_the_oldest(start_app: Callable[[Settings], Flask], settings: Settings) -> None:
    app = start_app(settings.model_copy(update={"retention_jobs": 2}))
    client = app.test_client()
    for _ in range(4):
        job_id = submitted(client)
        assert client.get(f"/api/get_results/{job_id}?wait=10").json["status"] == "done"  # type: ignore[index]
    app.extensions["services"].pool.drain(10)  # a runner retires jobs after it has ended one
    app.extensions["services"].store.flush()  # deletes their files
    assert client.get("/api/jobs").json["data"] == [{"job_id_3": "done"}, {"job_id_4": "done"}]  # type: ignore[index]
    assert "retention rule" in assert_error(client.get("/api/get_results/job_id_1"), 410)
    assert sorted(path.name for path in settings.results_dir.glob("*.json")) == ["job_id_3.json", "job_id_4.json"]


def test_every_statistic_survives_an_emptied_results_folder(
    start_app: Callable[[Settings], Flask], settings: Settings
) -> None:
    bundled = Settings.model_fields["data"].default
    client = start_app(settings.model_copy(update={"data": bundled})).test_client()
    answers = {}
    for statistic, entry in STATISTICS.items():
        submitted = client.post(f"/api/{statistic}", json=entry.example)
        answer = client.get(f"{submitted.headers['Location']}?wait=30").json
        assert answer
        assert answer["status"] == "done", answer
        answers[statistic] = answer
    shutil.rmtree(settings.results_dir)
    for number, (statistic, answer) in enumerate(answers.items(), 1):
        assert client.get(f"/api/get_results/job_id_{number}").json == answer, statistic
        assert (settings.results_dir / f"job_id_{number}.json").exists()
