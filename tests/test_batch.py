"""Many at once: results of many jobs in one answer."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.services import Services
from conftest import OBESITY, assert_error

Ask = Callable[..., Any]


def many(client: FlaskClient, *job_ids: str, wait: float = 10) -> Any:
    """Return the data of the answer for many jobs."""
    answer = client.get(f"/api/get_results?ids={','.join(job_ids)}&wait={wait}").get_json()
    assert list(answer) == ["status", "data"]
    assert answer["status"] == "done"
    return answer["data"]


# Reading


def test_many_results_are_those_of_each_in_the_order_asked_for(client: FlaskClient, ask: Ask) -> None:
    one, two = ask("state_mean", question=OBESITY, state="OH"), ask("best5", question=OBESITY)
    answer = many(client, "job_id_2", "job_id_1", "job_id_2")
    assert answer == {"job_id_2": two, "job_id_1": one}
    assert list(answer) == ["job_id_2", "job_id_1"]
    assert list(answer["job_id_2"]["data"]) == list(two["data"])


def test_a_job_that_is_not_there_costs_no_other(client: FlaskClient, ask: Ask) -> None:
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
def test_a_list_of_ids_that_is_none_is_refused(client: FlaskClient, query: str) -> None:
    assert "?ids=job_id_1,job_id_2" in assert_error(client.get(f"/api/get_results{query}"), 400)


def test_no_more_than_a_thousand_are_read_at_once(client: FlaskClient) -> None:
    assert len(many(client, *(f"job_id_{number}" for number in range(1, 1001)))) == 1000
    answer = client.get(f"/api/get_results?ids={','.join(['job_id_1'] * 1001)}")
    assert assert_error(answer, 400) == "ids must have at most 1000 parts, not 1001"
