"""Generated clients: what code generators and linters need of the API document, and what their clients get."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from app.settings import Settings
from app.statistics import STATISTICS
from support.described import Route, routes_of
from support.real_server import BUNDLED_TABLE

JSON_TYPE = "application/json"
LONGEST_NAME = 40
GENERATED = "generated_client"  # the name of the generated package
NODE_PROGRAMS = Path(sys.prefix, "node", "node_modules", ".bin")
NODE_PACKAGES = {
    "openapi-typescript": "openapi-typescript",
    "openapi-ts": "@hey-api/openapi-ts",
    "tsc": "typescript@5",
    "redocly": "@redocly/cli",
    "spectral": "@stoplight/spectral-cli",
}
TYPED_PROGRAM = """
import type { paths } from "./openapi-typescript";
import { postApiEstimate } from "./hey";

type Submission = paths["/api/estimate"]["post"];
export const body: Submission["requestBody"]["content"]["application/json"] = { question: "Q036" };

export function first(done: Submission["responses"][200]["content"]["application/json"]): number | null | undefined {
  return "status" in done && done.status === "done" ? done.data[0]?.value : undefined;
}

export async function ask(): Promise<string | undefined> {
  const { data } = await postApiEstimate({ body, headers: { Prefer: "wait=5" } });
  return data && "status" in data && data.status === "done" ? data.provenance.table.sha256 : data?.job_id;
}
"""
COMPILER_OPTIONS = {
    "strict": True,
    "noEmit": True,
    "skipLibCheck": True,
    "module": "esnext",
    "moduleResolution": "bundler",
    "target": "es2022",
    "lib": ["es2022", "dom", "dom.iterable"],
    "types": [],
}


def node_program(name: str) -> str:
    """Return the path of a program that npm installs, an empty string if it is not installed."""
    return shutil.which(name, path=os.pathsep.join([str(NODE_PROGRAMS), os.environ["PATH"]])) or ""


needs_node = pytest.mark.skipif(
    not all(map(node_program, NODE_PACKAGES)),
    reason=f"needs Node packages: npm install --prefix .venv/node {' '.join(NODE_PACKAGES.values())}",
)


@pytest.fixture
def app(start_app: Callable[[Settings], Flask], settings: Settings) -> Flask:
    """An application over the table that the examples are about."""
    return start_app(settings.model_copy(update={"data": str(BUNDLED_TABLE)}))


@pytest.fixture
def document_file(tmp_path: Path, document: dict[str, Any]) -> Path:
    """The API document as a file."""
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.fixture
def generated(document_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of an importable package that openapi-python-client has generated."""
    folder = document_file.parent
    configuration = folder / "generator.json"
    configuration.write_text('{"post_hooks": []}', encoding="utf-8")
    options = ["--meta", "none", "--path", document_file.name, "--output-path", GENERATED, "--fail-on-warning"]
    program = [sys.executable, "-m", "openapi_python_client", "generate"]
    run([*program, *options, "--config", configuration.name], folder)
    monkeypatch.syspath_prepend(folder)
    yield GENERATED
    for name in [name for name in sys.modules if name.partition(".")[0] == GENERATED]:
        del sys.modules[name]


def run(command: list[str], folder: Path) -> str:
    """Run a program in a folder, check that it succeeds, and return its output."""
    finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def response_branches(document: dict[str, Any], route: Route) -> list[dict[str, Any]]:
    """Return the alternatives of a route's JSON response, in the order of the document."""
    schema = route.operation["responses"]["200"]["content"][JSON_TYPE]["schema"]
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return list(schema.get("anyOf", [schema]))


def matching(document: dict[str, Any], branches: list[dict[str, Any]], content: Any) -> list[str]:
    """Return the names of the alternatives that some JSON is valid for."""
    validators = [Draft202012Validator({**branch, "components": document["components"]}) for branch in branches]
    names = [branch["$ref"].rpartition("/")[2] for branch in branches]
    return [name for name, validator in zip(names, validators, strict=True) if validator.is_valid(content)]


def lenient(node: Any) -> Any:
    """Return a schema without ``additionalProperties: false``, which generated clients ignore."""
    if isinstance(node, dict):
        return {key: lenient(value) for key, value in node.items() if (key, value) != ("additionalProperties", False)}
    return [lenient(value) for value in node] if isinstance(node, list) else node


def submission(document: dict[str, Any], statistic: str) -> Route:
    """Return the route that submits jobs of a statistic."""
    path = f"/api/{statistic}"
    return Route("POST", path, document["paths"][path]["post"])


def test_names_of_schemas_are_short_words_and_are_not_overridden_by_titles(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert re.fullmatch("([A-Z][a-z0-9]*)+", name)
        assert len(name) <= LONGEST_NAME
        assert "title" not in schema


def test_fields_with_a_default_are_optional_in_requests_and_name_it_in_their_description(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]
    assert '"default": ' not in json.dumps(schemas)
    assert schemas["RankingBody"]["properties"]["n"]["description"] == "how many locations (default: 5)"


def test_a_finished_result_is_the_first_and_only_alternative_of_its_submission_that_fits(
    client: FlaskClient, document: dict[str, Any]
) -> None:
    without_limits = lenient(document)
    for name, statistic in STATISTICS.items():
        branches = response_branches(document, submission(document, name))
        finished: Any = client.post(f"/api/{name}", json=dict(statistic.example), headers={"Prefer": "wait=20"}).json
        accepted = {"job_id": finished["job_id"]}
        failed = {**accepted, "status": "error", "reason": "cancelled"}
        (done,) = matching(document, branches, finished)
        assert done == f"Accepted{'Explained' if statistic.provenance else 'Done'}{statistic.result.__name__}"
        assert matching(without_limits, branches, finished)[0] == done
        assert matching(document, branches, failed) == ["AcceptedFailed"]
        assert matching(without_limits, branches, failed)[0] == "AcceptedFailed"
        assert matching(without_limits, branches, accepted) == ["JobAccepted"]


def test_a_polled_result_fits_first_the_alternative_that_describes_it_best(
    client: FlaskClient, document: dict[str, Any]
) -> None:
    path = "/api/get_results/{job_id}"
    branches = response_branches(document, Route("GET", path, document["paths"][path]["get"]))
    without_limits = lenient(document)
    for name, statistic in STATISTICS.items():
        location = client.post(f"/api/{name}", json=dict(statistic.example)).headers["Location"]
        finished = client.get(f"{location}?wait=20").json
        best, *others = matching(document, branches, finished)
        assert others == (["DoneNumberByKey"] if name == "global_mean" else []), name  # a mapping with one key
        assert matching(without_limits, branches, finished)[0] == best
    assert matching(document, branches, {"status": "running"}) == ["Running"]
    assert matching(without_limits, branches, {"status": "error", "reason": "cancelled"}) == ["ErrorEnvelope"]


def test_every_route_says_which_credentials_it_needs(document: dict[str, Any]) -> None:
    assert document["security"] == []  # none, unless an operation says otherwise
    assert document["components"]["securitySchemes"]["operator"]["scheme"] == "bearer"
    for route in routes_of(document):
        assert route.operation.get("security", []) == ([{"operator": []}, {}] if "401" in responses(route) else [])


def test_every_route_describes_the_errors_that_it_can_return(document: dict[str, Any], client: FlaskClient) -> None:
    for route in routes_of(document):
        assert {"413", "500"} <= responses(route)
        assert ("503" in responses(route)) == (route.path != "/healthz")
        assert ("415" in responses(route)) == ("requestBody" in route.operation)
    assert client.get("/healthz", data=b" " * 100_000).status_code == 413


def responses(route: Route) -> set[str]:
    """Return the statuses of a route's responses."""
    return set(route.operation["responses"])


def test_the_document_has_all_that_linters_require(document: dict[str, Any]) -> None:
    assert {"contact", "license", "description"} <= document["info"].keys()
    assert all(route.operation["description"] for route in routes_of(document))
    assert "prefixItems" not in json.dumps(document)


def test_the_client_of_openapi_python_client_gets_typed_results_by_prefer_and_by_polling(
    generated: str, document: dict[str, Any], address: str
) -> None:
    client = importlib.import_module(generated).Client(address)
    models = importlib.import_module(f"{generated}.models")
    poll = importlib.import_module(f"{generated}.api.results.get_api_get_results_job_id").sync
    types = set()
    for statistic in STATISTICS:
        media = submission(document, statistic).operation["requestBody"]["content"][JSON_TYPE]
        body = getattr(models, media["schema"]["$ref"].rpartition("/")[2]).from_dict(media["example"])
        submit = importlib.import_module(f"{generated}.api.statistics.post_api_{statistic}").sync
        waited = submit(client=client, body=body, prefer="wait=20")
        accepted = submit(client=client, body=body)
        polled = poll(client=client, job_id=accepted.job_id, wait=20.0)
        assert type(accepted) is models.JobAccepted
        types.add((statistic, type(waited).__name__, type(polled).__name__))
        waited_fields, polled_fields = waited.to_dict(), polled.to_dict()
        assert waited_fields.pop("job_id") != accepted.job_id
        assert waited_fields == polled_fields
    assert {
        ("best5", "AcceptedDoneLocationMeans", "DoneNumberByKey"),
        ("global_mean", "AcceptedDoneGlobalMean", "DoneGlobalMean"),
        ("estimate", "AcceptedExplainedEstimateCells", "ExplainedEstimateCells"),
        ("trend", "AcceptedExplainedTrend", "ExplainedTrend"),
    } < types
    assert type(poll(client=client, job_id="job_id_99")) is models.ErrorEnvelope


@needs_node
def test_linters_have_nothing_to_say(document_file: Path) -> None:
    folder, name = document_file.parent, document_file.name
    (folder / "rules.json").write_text('{"extends": ["spectral:oas"]}', encoding="utf-8")
    run([node_program("spectral"), "lint", "--fail-severity", "hint", "--ruleset", "rules.json", name], folder)
    found = json.loads(run([node_program("redocly"), "lint", "--format", "json", name], folder))
    assert found["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}


@needs_node
def test_programs_with_the_types_of_both_typescript_generators_compile(document_file: Path) -> None:
    folder, name = document_file.parent, document_file.name
    (folder / "program.ts").write_text(TYPED_PROGRAM, encoding="utf-8")
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": COMPILER_OPTIONS}), encoding="utf-8")
    run([node_program("openapi-typescript"), name, "--output", "openapi-typescript.d.ts"], folder)
    run([node_program("openapi-ts"), "--input", name, "--output", "hey", "--client", "@hey-api/client-fetch"], folder)
    run([node_program("tsc"), "--project", "."], folder)
