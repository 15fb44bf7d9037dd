"""The API document: OpenAPI 3.1, made from the descriptions of routes and the models of their bodies and answers.

pydantic writes the schemas, in the dialect that OpenAPI 3.1 has for its own (JSON Schema 2020-12); the rest is put
together here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from app.openapi.description import HEADERS, JSON_TYPE, Answer, Description, Parameter, error_answer

OPENAPI_VERSION = "3.1.1"
API_VERSION = "0.1.0"
SCHEMA_REFERENCES = "#/components/schemas/{model}"
READING_METHODS = frozenset({"GET"})
OPERATOR = "operator"
# An alternative that asks for nothing: without a token of its own the server takes its own machine for the operator.
OPERATOR_SECURITY: list[dict[str, list[str]]] = [{OPERATOR: []}, {}]
INFO = {
    "title": "Health statistics server",
    "version": API_VERSION,
    "description": (
        "Statistics over a public-health survey. Post a question to one of the statistics, take the job id from the "
        "answer, and ask for its result. Every error, whichever route it comes from, is told in the same envelope. "
        "While the table is read for the first time, every route but /healthz answers with 503 and Retry-After."
    ),
}
SECURITY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "The operator's token, STATS_ADMIN_TOKEN. Where none is set, the server's own machine needs none.",
}

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """A route under one of its methods.

    Parameters
    ----------
    path: with its parameters in braces
    tag: the name of the group that it is shown in
    """

    method: str
    path: str
    tag: str
    summary: str
    description: Description

    @property
    def id(self) -> str:
        """Its name in the document."""
        return operation_id(self.method, self.path)


def operation_id(method: str, path: str) -> str:
    """Return the name of an operation, which is told apart by its method and path."""
    return "_".join([method.lower(), *re.findall(r"\w+", path)])


class _Schemas:
    """The schemas of one document: handed out empty, and filled in together, so that they share their parts."""

    def __init__(self) -> None:
        self._asked: list[tuple[Schema, JsonSchemaMode, TypeAdapter[Any]]] = []

    def of(self, kind: Any, mode: Literal["validation", "serialization"] = "validation") -> Schema:
        """Return the schema of a type, empty until ``fill`` is called."""
        schema: Schema = {}
        self._asked.append((schema, mode, TypeAdapter(kind)))
        return schema

    def fill(self) -> Schema:
        """Fill in every schema that was handed out, and return those that they refer to, by name."""
        inputs = [(place, mode, adapter) for place, (_, mode, adapter) in enumerate(self._asked)]
        found, shared = TypeAdapter.json_schemas(inputs, ref_template=SCHEMA_REFERENCES)
        for place, (schema, mode, _) in enumerate(self._asked):
            schema.update(found[place, mode])
        named: Schema = shared.get("$defs", {})
        return named


def api_document(operations: Iterable[Operation], tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the document of some operations, JSON-ready.

    Parameters
    ----------
    tags: what the groups of operations are, by name
    """
    schemas = _Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": OPENAPI_VERSION,
        "info": INFO,
        "tags": [{"name": name, "description": description} for name, description in tags.items()],
        "paths": paths,
        "components": {"schemas": schemas.fill(), "securitySchemes": {OPERATOR: SECURITY_SCHEME}},
    }


def _operation(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    told = operation.description
    content: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": {str(status): _answer(answer, schemas) for status, answer in _answers(operation).items()},
    }
    if told.links:
        content["responses"]["200"]["links"] = dict(told.links)
    if told.parameters:
        content["parameters"] = [_parameter(parameter, schemas) for parameter in told.parameters]
    if told.body is not None:
        media = {"schema": schemas.of(told.body.model), "example": told.body.example}
        content["requestBody"] = {"required": True, "content": {JSON_TYPE: media}}
    if told.operator:
        content["security"] = OPERATOR_SECURITY
    return content


def _answers(operation: Operation) -> dict[int, Answer]:
    """Return the answers of an operation by status, with the errors that all of its kind have."""
    told = operation.description
    errors = {*told.errors, 500}
    if operation.method not in READING_METHODS:
        errors |= {403, 413}
    if told.operator:
        errors |= {401, 403}
    return {**told.answers, **{status: error_answer(status) for status in sorted(errors)}}


def _answer(answer: Answer, schemas: _Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {"description": answer.description}
    if answer.headers or answer.may_have:
        always = {name: _header(name, schemas, required=True) for name in answer.headers}
        content["headers"] = always | {name: _header(name, schemas, required=False) for name in answer.may_have}
    if answer.content:
        media = {name: {"schema": schemas.of(kind, "serialization")} for name, kind in answer.content.items()}
        content["content"] = media
    return content


def _header(name: str, schemas: _Schemas, *, required: bool) -> dict[str, Any]:
    header = HEADERS[name]
    return {"description": header.description, "required": required, "schema": schemas.of(header.type)}


def _parameter(parameter: Parameter, schemas: _Schemas) -> dict[str, Any]:
    content = {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.description,
        "required": parameter.required,
        "schema": schemas.of(parameter.type),
    }
    return content if parameter.example is None else {**content, "example": parameter.example}
