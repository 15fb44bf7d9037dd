"""A statistic is added in one place: the first part of this file adds one, the tests see it everywhere else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import Field

from app.queries.bodies import QuestionBody
from app.queries.query import Query, filters_of, select
from app.settings import Settings
from app.statistics.records import by_location
from app.statistics.registry import Input, Output, Result, _registry, statistic
from app.statistics.result_models import ResultRoot
from app.table.survey_table import SurveyTable
from health_statistics.__main__ import main
from support.small_survey import OBESITY, assert_error


class RowsBody(QuestionBody):
    at_least: int = Field(ge=1, description="only locations with so many rows")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsQuery(Query):
    at_least: int


def resolve(body: RowsBody, table: SurveyTable) -> RowsQuery:
    return RowsQuery(table.question_code(body.question), filters_of(body, table), at_least=body.at_least)


class RowCounts(ResultRoot[dict[str, int]]):
    """Rows by location."""


def add() -> None:
    @statistic(
        Input(RowsBody, resolve, {"question": OBESITY, "at_least": 2}),
        Output(RowCounts, by_location("rows"), ("bars",), "rows"),
        "Rows of each location",
    )
    def row_counts(table: SurveyTable, query: RowsQuery) -> Result:
        """Return how many rows with a value each location has."""
        cells = select(table, query.question, query.filters).cells
        counts = dict.fromkeys(table.location_names, 0)
        for code, rows in zip(cells.locations.tolist(), cells.rows.tolist(), strict=True):
            counts[table.location_names[code]] += rows
        return {name: rows for name, rows in counts.items() if rows >= query.at_least}


@pytest.fixture
def app(start_app: Callable[[Settings], Flask], settings: Settings) -> Iterator[Flask]:
    """An application that is started with the new statistic."""
    add()
    yield start_app(settings)
    del _registry["row_counts"]


def test_its_route_computes_it_and_results_carry_provenance(ask: Callable[..., Any]) -> None:
    document = ask("row_counts", question=OBESITY, at_least=3)
    assert document["data"] == {"Ohio": 3, "Utah": 3}
    assert document["provenance"]["question"] == OBESITY


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"question": OBESITY}, "field 'at_least' is missing"),
        ({"question": OBESITY, "at_least": 0}, "field 'at_least' must be at least 1"),
        ({"question": OBESITY, "at_least": 1, "n": 2}, "unknown field 'n'"),
        ({"question": "Q000", "at_least": 1}, "unknown question"),
    ],
)
def test_its_body_is_validated(client: FlaskClient, body: dict[str, Any], reason: str) -> None:
    assert reason in assert_error(client.post("/api/row_counts", json=body), 400)


def test_it_can_be_part_of_a_batch(client: FlaskClient) -> None:
    batch = [{"statistic": "row_counts", "question": OBESITY, "at_least": 3}]
    documents = client.post("/api/batch", json=batch, headers={"Prefer": "wait=10"}).json
    assert documents is not None
    assert documents["data"]["job_id_1"]["data"] == {"Ohio": 3, "Utah": 3}


def test_the_api_document_describes_its_route_with_its_body_and_its_result(client: FlaskClient) -> None:
    document = client.get("/openapi.json").json
    assert document is not None
    route = document["paths"]["/api/row_counts"]["post"]
    assert route["summary"] == "Return how many rows with a value each location has."
    assert route["requestBody"]["content"]["application/json"]["example"]["at_least"] == 2
    assert document["components"]["schemas"]["RowsBody"]["properties"]["at_least"]["minimum"] == 1
    assert document["components"]["schemas"]["RowCounts"]["additionalProperties"] == {"type": "integer"}


def test_its_csv_has_its_columns(client: FlaskClient, ask: Callable[..., Any]) -> None:
    ask("row_counts", question=OBESITY, at_least=3)
    assert client.get("/api/get_results/job_id_1?format=csv").text == "location,rows\r\nOhio,3\r\nUtah,3\r\n"


def test_the_dashboard_has_an_input_for_its_field_and_shows_its_result(client: FlaskClient) -> None:
    page = client.get("/?statistic=row_counts", headers={"Accept": "text/html"}).text
    assert '<option value="row_counts"' in page
    assert 'name="at_least" type="number"' in page
    assert "only locations with so many rows" in page
    fields = {"statistic": "row_counts", "question": OBESITY, "at_least": "3"}
    job = client.post("/ask", data=fields).json
    assert job is not None
    result = client.get(f"/results/{job['job_id']}", headers={"Accept": "text/html"}).text
    assert "Adult obesity: rows of each location, 2019, 2020" in result
    assert 'data-kind="bars"' in result


def test_its_chart_draws_the_column_that_it_names(client: FlaskClient, ask: Callable[..., Any]) -> None:
    ask("row_counts", question=OBESITY, at_least=3)
    chart = client.get("/api/get_results/job_id_1/chart").json
    assert chart is not None
    assert chart["title"]["text"] == ["Rows of each location"]
    assert [(row["location"], row["value"]) for row in chart["datasets"]["rows"]] == [("Ohio", 3), ("Utah", 3)]


def test_the_client_asks_for_it_without_knowing_it(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--question", "obesity", "--field", "at_least=3", "--format", "csv", "--address", address]
    assert main(["ask", "row_counts", *options]) == 0
    assert capsys.readouterr().out == "location,rows\r\nOhio,3\r\nUtah,3\r\n"


def test_an_application_without_it_does_not_know_it(start_app: Callable[[Settings], Flask], settings: Settings) -> None:
    assert start_app(settings).test_client().post("/api/row_counts", json={}).status_code == 404
