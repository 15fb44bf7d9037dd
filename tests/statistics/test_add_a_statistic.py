"""A statistic is added in one place: the file that the docs show adds one, the tests see it everywhere else."""

import runpy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.settings import Settings
from app.statistics.registry import _registry
from health_statistics.__main__ import main
from support.documents import section
from support.real_server import PROJECT_ROOT
from support.small_survey import STRENGTH, assert_error

ADDED = PROJECT_ROOT / "tests" / "support" / "added_statistic.py"


@pytest.fixture
def app(start_app: Callable[[Settings], Flask], settings: Settings) -> Iterator[Flask]:
    """An application that is started with the new statistic."""
    runpy.run_path(str(ADDED))
    yield start_app(settings)
    del _registry["above_lowest"]


def test_the_docs_show_this_statistic() -> None:
    _, code = ADDED.read_text(encoding="utf-8").split("\n\n", maxsplit=1)
    assert f"```python\n{code}```" in section("docs/architecture.md", "How to add a statistic")


def test_its_route_computes_it_and_results_carry_provenance(ask: Callable[..., Any]) -> None:
    document = ask("above_lowest", question=STRENGTH, at_least=7)
    assert document["data"] == {"Iowa": 7.0, "Texas": 9.0}
    assert document["provenance"]["question"] == STRENGTH


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"question": STRENGTH}, "field 'at_least' is missing"),
        ({"question": STRENGTH, "at_least": 0}, "field 'at_least' must be at least 1"),
        ({"question": STRENGTH, "at_least": 1, "n": 2}, "unknown field 'n'"),
        ({"question": "Q000", "at_least": 1}, "unknown question"),
    ],
)
def test_its_body_is_validated(client: FlaskClient, body: dict[str, Any], reason: str) -> None:
    assert reason in assert_error(client.post("/api/above_lowest", json=body), 400)


def test_it_can_be_part_of_a_batch(client: FlaskClient) -> None:
    batch = [{"statistic": "above_lowest", "question": STRENGTH, "at_least": 7}]
    documents = client.post("/api/batch", json=batch, headers={"Prefer": "wait=10"}).json
    assert documents is not None
    assert documents["data"]["job_id_1"]["data"] == {"Iowa": 7.0, "Texas": 9.0}


def test_the_api_document_describes_its_route_with_its_body_and_its_result(client: FlaskClient) -> None:
    document = client.get("/openapi.json").json
    assert document is not None
    route = document["paths"]["/api/above_lowest"]["post"]
    assert route["summary"] == "Return how many percentage points the mean of each location is above the lowest one."
    assert route["requestBody"]["content"]["application/json"]["example"]["at_least"] == 2
    assert document["components"]["schemas"]["AboveBody"]["properties"]["at_least"]["minimum"] == 1
    assert document["components"]["schemas"]["PointsAbove"]["additionalProperties"] == {"type": "number"}


def test_its_csv_has_its_columns(client: FlaskClient, ask: Callable[..., Any]) -> None:
    ask("above_lowest", question=STRENGTH, at_least=7)
    assert client.get("/api/get_results/job_id_1?format=csv").text == "location,points\r\nIowa,7.0\r\nTexas,9.0\r\n"


def test_the_dashboard_has_an_input_for_its_field_and_shows_its_result(client: FlaskClient) -> None:
    page = client.get("/?statistic=above_lowest", headers={"Accept": "text/html"}).text
    assert '<option value="above_lowest"' in page
    assert 'name="at_least" type="number"' in page
    assert "only locations that are so many points above the lowest" in page
    fields = {"statistic": "above_lowest", "question": STRENGTH, "at_least": "7"}
    job = client.post("/ask", data=fields).json
    assert job is not None
    result = client.get(f"/results/{job['job_id']}", headers={"Accept": "text/html"}).text
    assert "points above the lowest mean, 2021" in result
    assert 'data-kind="bars"' in result


def test_its_chart_draws_the_column_that_it_names(client: FlaskClient, ask: Callable[..., Any]) -> None:
    ask("above_lowest", question=STRENGTH, at_least=7)
    chart = client.get("/api/get_results/job_id_1/chart").json
    assert chart is not None
    assert chart["title"]["text"] == ["Muscle-strengthening activity: points above", "the lowest mean, 2021"]
    assert [(row["location"], row["value"]) for row in chart["datasets"]["rows"]] == [("Iowa", 7.0), ("Texas", 9.0)]


def test_its_chart_is_labelled_with_its_unit(client: FlaskClient, ask: Callable[..., Any]) -> None:
    ask("above_lowest", question=STRENGTH, at_least=7)
    chart = client.get("/api/get_results/job_id_1/chart").get_data(as_text=True)
    assert '"percentage points"' in chart
    assert '"percent"' not in chart
    assert "global mean" not in chart


def test_the_client_asks_for_it_without_knowing_it(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--question", "muscle", "--field", "at_least=7", "--format", "csv", "--address", address]
    assert main(["ask", "above_lowest", *options]) == 0
    assert capsys.readouterr().out == "location,points\r\nIowa,7.0\r\nTexas,9.0\r\n"


def test_an_application_without_it_does_not_know_it(start_app: Callable[[Settings], Flask], settings: Settings) -> None:
    assert start_app(settings).test_client().post("/api/above_lowest", json={}).status_code == 404
