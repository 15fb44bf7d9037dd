"""The API document is valid and complete, and the server behaves as it says."""

import json
import re
import tomllib
from collections.abc import Callable
from typing import Any, get_args

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import TypeAdapter
from pydantic import ValidationError as ModelError

from app.queries.provenance import NAME, VERSION
from app.settings import Settings
from app.statistics import STATISTICS
from app.statistics.result_models import Flag, Provenance
from app.table.estimates import FLAGS
from support.described import Route, assert_described, example_request, routes_of
from support.real_server import BUNDLED_TABLE, PROJECT_ROOT
from support.small_survey import OBESITY, SINGING

Start = Callable[[Settings], Flask]
Ask = Callable[..., Any]

LAST = ("/api/jobs/{job_id}", "/api/graceful_shutdown")  # the examples before them need the job and the pool
REFUSED = {("DELETE", "/api/tables/{table_id}"): 409}  # the examples of these routes: the current table stays
READINESS = "/readyz"
API = {"statistics", "survey", "tables", "jobs", "events", "results", "operations", "openapi"}  # blueprints
FRONT_PAGE = "dashboard.index"  # lists the routes to programs
FEMALE = {"category": "Gender", "value": "Female"}
WOMEN_IN_OHIO = {"question": OBESITY, "stratification": FEMALE, "locations": ["Ohio"]}
IN_YEARS = {"from": 2015, "to": 2019}
WOMEN_AND_MEN: dict[str, Any] = {"stratification": {"category": "Gender"}, "by": ["stratum"]}
ALL_FILTERS = {"years": IN_YEARS, "stratification": FEMALE, "exclude": ["National", "GU"], "suppressed": "exclude"}
BODIES: list[tuple[str, dict[str, Any]]] = [
    *((statistic.name, dict(statistic.example)) for statistic in STATISTICS.values()),
    *(
        (name, {"question": "Q036", **ALL_FILTERS})
        for name in ("states_mean", "global_mean", "best", "mean_by_category")
    ),
    ("estimate", {"question": "Q036", "by": []}),
    ("estimate", {"question": "Q036", "by": ["location", "year", "category", "stratum"]}),
    ("estimate", {"question": "Q036", **ALL_FILTERS}),
    ("trend", {"question": "Q036"}),
    ("trend", {"question": "Q036", "state": "OH", "stratification": FEMALE}),
    ("compare", {"question": "Q036", "between": {"year": [2019, 2015]}}),
    ("compare", {"question": "Q036", "between": {"stratum": ["Female", "Male"]}, "years": [2015, 2017]}),
    ("disparity", {"question": "Q036", "stratification": {"category": "Race/Ethnicity"}, "state": "Guam"}),
    ("correlate", {"question": "Q036", "other_question": "Q047", "years": IN_YEARS, "exclude": ["OH"]}),
]


@pytest.fixture
def bundled(start_app: Start, settings: Settings) -> FlaskClient:
    """A client of an application over the table that the examples are about."""
    return start_app(settings.model_copy(update={"data": str(BUNDLED_TABLE)})).test_client()


def typed(answer: Any) -> Any:
    """Return the JSON of an answer."""
    return answer.json


def assert_like_its_model(statistic: str, answer: Any) -> None:
    """Check a job's result and its provenance against their models, strictly."""
    registered = STATISTICS[statistic]
    TypeAdapter(registered.result).validate_json(json.dumps(answer["data"]))
    assert ("provenance" in answer) == registered.provenance
    if registered.provenance:
        TypeAdapter(Provenance).validate_json(json.dumps(answer["provenance"]))


def example_order(route: Route) -> tuple[bool, bool, bool]:
    """Sort submissions first, and what ends the pool or a job last."""
    return route.path in LAST, route.method == "DELETE", route.method != "POST"


def route_of(document: dict[str, Any], method: str, path: str) -> Route:
    """Return one route of the document."""
    return Route(method, path, document["paths"][path][method.lower()])


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_every_api_route_is_described_under_each_of_its_methods_and_no_page_is(
    app: Flask, document: dict[str, Any]
) -> None:
    served = {
        (method, rule.rule.replace("<", "{").replace(">", "}"))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.partition(".")[0] in API or rule.endpoint == FRONT_PAGE
        for method in (rule.methods or set()) - {"HEAD"}
    }
    assert {(route.method, route.path) for route in routes_of(document)} == served


def test_each_tag_is_a_module_of_routes(document: dict[str, Any]) -> None:
    assert {tag["name"] for tag in document["tags"]} == {*API, "dashboard"}


def test_every_route_has_its_own_operation_id_and_a_summary(document: dict[str, Any]) -> None:
    routes = list(routes_of(document))
    assert len({route.operation["operationId"] for route in routes}) == len(routes)
    assert all(route.operation["summary"].endswith(".") for route in routes)
    assert {tag for route in routes for tag in route.operation["tags"]} == {tag["name"] for tag in document["tags"]}
    assert all(tag["description"] for tag in document["tags"])


def test_every_parameter_and_every_body_has_an_example(document: dict[str, Any]) -> None:
    sent_once = {"Idempotency-Key", "If-None-Match"}
    for route in routes_of(document):
        parameters = route.operation.get("parameters", [])
        assert {parameter["name"] for parameter in parameters if "example" not in parameter} <= sent_once
        assert [p["name"] for p in parameters if p["in"] == "path"] == re.findall(r"{(\w+)}", route.path)
        takes_body = route.path == "/api/batch" or route.path.removeprefix("/api/") in STATISTICS
        assert ("requestBody" in route.operation) == takes_body


def test_every_example_runs_and_its_response_is_as_described(bundled: FlaskClient, document: dict[str, Any]) -> None:
    routes = sorted(routes_of(document), key=example_order)
    assert routes[0].method == "POST"
    for route in routes:
        answer = bundled.open(**example_request(route))
        assert answer.status_code == REFUSED.get((route.method, route.path), 200), (route.path, answer.text)
        assert_described(document, route, answer)


@pytest.mark.parametrize(("statistic", "body"), BODIES, ids=str)
def test_every_result_matches_its_model_and_the_document(
    bundled: FlaskClient, document: dict[str, Any], statistic: str, body: dict[str, Any]
) -> None:
    submitted = bundled.post(f"/api/{statistic}", json=body)
    assert submitted.status_code == 200, submitted.json
    answer = bundled.get(f"{submitted.headers['Location']}?wait=20")
    assert_like_its_model(statistic, answer.json)
    assert_described(document, route_of(document, "GET", "/api/get_results/{job_id}"), answer)


def test_suppressed_and_unknown_figures_match_the_model(ask: Ask) -> None:
    suppressed = ask("estimate", question=SINGING, locations=["Guam"])
    assert suppressed["data"][0]["flags"] == ["suppressed"]
    assert_like_its_model("estimate", suppressed)
    assert_like_its_model("estimate", ask("estimate", question=OBESITY, locations=["OH"], **WOMEN_AND_MEN))


def test_a_result_with_an_extra_or_missing_field_does_not_match_its_model(ask: Ask) -> None:
    answer = ask("estimate", question=OBESITY, locations=["OH"], **WOMEN_AND_MEN)
    (cell, *_) = answer["data"]
    for other in ({**cell, "more": 1}, {name: value for name, value in cell.items() if name != "low"}):
        with pytest.raises(ModelError):
            assert_like_its_model("estimate", {**answer, "data": [other]})


def test_jobs_that_wait_and_jobs_that_failed_are_described(
    client: FlaskClient, document: dict[str, Any], open_gate: Callable[[], None]
) -> None:
    route = route_of(document, "GET", "/api/get_results/{job_id}")
    location = client.post("/api/global_mean", json={"question": OBESITY}).headers["Location"]
    waiting = client.get(location)
    assert waiting.json == {"status": "running"}
    assert_described(document, route, waiting)
    client.delete(f"/api/jobs/{location.rpartition('/')[2]}")
    cancelled: Any = client.get(location)
    assert cancelled.json["status"] == "error"
    assert_described(document, route, cancelled)
    open_gate()


@pytest.mark.parametrize("form", ["json", "csv", "parquet", "bibtex", "csljson"])
def test_results_in_every_format_are_described(client: FlaskClient, document: dict[str, Any], form: str) -> None:
    route = route_of(document, "GET", "/api/get_results/{job_id}")
    location = client.post("/api/estimate", json=WOMEN_IN_OHIO).headers["Location"]
    answer = client.get(f"{location}?wait=10&format={form}")
    assert_described(document, route, answer)
    again = client.get(f"{location}?format={form}", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert_described(document, route, again)


def test_archives_and_missing_citations_are_described(client: FlaskClient, document: dict[str, Any]) -> None:
    route = route_of(document, "GET", "/api/get_results/{job_id}")
    location = client.post("/api/global_mean", json={"question": OBESITY}).headers["Location"]
    assert_described(document, route, client.get(f"{location}?wait=10&format=zip"))
    refused = client.get(f"{location}?format=bibtex")
    assert refused.status_code == 400
    assert_described(document, route, refused)


@pytest.mark.parametrize("prefer", ["wait=10", "respond-async"])
def test_batches_and_many_results_are_described(client: FlaskClient, document: dict[str, Any], prefer: str) -> None:
    requests = [{"statistic": name, "question": OBESITY} for name in ("global_mean", "best5")]
    accepted = client.post("/api/batch", json=requests, headers={"Prefer": prefer})
    assert_described(document, route_of(document, "POST", "/api/batch"), accepted)
    assert ("data" in typed(accepted)) == prefer.startswith("wait")
    many = client.get(f"/api/get_results?ids={','.join(typed(accepted)['job_ids'])},job_id_99&wait=10")
    assert typed(many)["data"]["job_id_99"]["status"] == "error"
    assert_described(document, route_of(document, "GET", "/api/get_results"), many)


def test_a_key_that_is_used_again_is_described(client: FlaskClient, document: dict[str, Any]) -> None:
    for path, status in (("/api/best5", 200), ("/api/worst5", 422)):
        answer = client.post(path, json={"question": OBESITY}, headers={"Idempotency-Key": "once"})
        assert answer.status_code == status
        assert_described(document, route_of(document, "POST", path), answer)


def test_a_response_that_is_not_described_is_detected(client: FlaskClient, document: dict[str, Any]) -> None:
    answer = client.get("/api/num_jobs")
    assert_described(document, route_of(document, "GET", "/api/num_jobs"), answer)
    with pytest.raises(ValidationError):
        assert_described(document, route_of(document, "GET", "/healthz"), answer)
    with pytest.raises(AssertionError):
        assert_described(document, route_of(document, "GET", "/healthz"), client.get("/nowhere"))


def test_a_server_that_is_not_ready_returns_the_error_envelope_with_the_loading_progress(
    document: dict[str, Any],
) -> None:
    response = route_of(document, "GET", READINESS).operation["responses"]["503"]
    assert response["headers"]["Retry-After"]["required"]
    names = ("NotLoaded", "ErrorEnvelope")
    references = [{"$ref": f"#/components/schemas/{name}"} for name in names]
    assert response["content"]["application/json"]["schema"] == {"anyOf": references}
    not_loaded, envelope = (document["components"]["schemas"][name]["properties"].keys() for name in names)
    assert not_loaded - {"load"} == envelope


@pytest.mark.parametrize("status", ["400", "401", "403", "404", "409", "410", "413", "415", "422", "500", "503"])
def test_every_error_has_the_error_envelope(document: dict[str, Any], status: str) -> None:
    routes = [route for route in routes_of(document) if (route.path, status) != (READINESS, "503")]
    responses = [route.operation["responses"][status] for route in routes if status in route.operation["responses"]]
    assert responses
    for answer in responses:
        envelope: dict[str, Any] = {"$ref": "#/components/schemas/ErrorEnvelope"}
        if status == "400":  # the more specific first
            envelope = {"anyOf": [{"$ref": "#/components/schemas/FieldError"}, envelope]}
        assert answer["content"]["application/json"]["schema"] == envelope
        assert ("Retry-After" in answer.get("headers", {})) == (status == "503")


def test_only_protected_routes_need_the_token(document: dict[str, Any]) -> None:
    guarded = {(route.method, route.path) for route in routes_of(document) if "security" in route.operation}
    assert guarded == {
        ("GET", "/api/graceful_shutdown"),
        ("POST", "/api/graceful_shutdown"),
        ("POST", "/api/dataset/reload"),
        ("DELETE", "/api/jobs/{job_id}"),
        ("DELETE", "/api/tables/{table_id}"),
    }


def test_bodies_are_described_by_the_models_that_check_them(document: dict[str, Any]) -> None:
    for statistic in STATISTICS.values():
        body = document["paths"][f"/api/{statistic.name}"]["post"]["requestBody"]
        name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        schema = document["components"]["schemas"][name]
        fields = statistic.body.model_fields
        assert schema["properties"].keys() == fields.keys()
        assert set(schema["required"]) == {name for name, field in fields.items() if field.is_required()}
        assert schema["additionalProperties"] is False


def test_flags_and_version_match_the_code() -> None:
    assert set(get_args(Flag)) == set(FLAGS)
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert (project["project"]["name"], project["project"]["version"]) == (NAME, VERSION)


def test_the_document_names_the_prefix_that_the_server_is_mounted_under(client: FlaskClient) -> None:
    servers = typed(client.get("/openapi.json"))["servers"]
    assert servers == [{"url": "/"}]
    mounted: Any = client.get("/openapi.json", base_url="http://localhost/stats").json
    assert mounted["servers"] == [{"url": "/stats"}]
