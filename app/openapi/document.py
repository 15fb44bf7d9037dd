"""Build the API document, OpenAPI 3.1, from the descriptions that the views carry.

pydantic writes the schemas of all types in one go, in JSON Schema 2020-12, the dialect of OpenAPI 3.1.
"""

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from flask import Flask
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema
from werkzeug.routing import Rule

from app.queries.provenance import VERSION
from app.web.api_description import (
    HEADERS,
    Parameter,
    ResponseDescription,
    RouteDescription,
    description_of,
    error_description,
    operation_id,
)
from app.web.guard import OPERATOR_ONLY
from app.web.support import JSON_TYPE
from app.web.waiting_room import ALIVE

OPENAPI_VERSION = "3.1.1"
SCHEMA_REFERENCES = "#/components/schemas/{model}"
AUTOMATIC_METHODS = frozenset({"HEAD", "OPTIONS"})  # Flask adds them to every route
OPERATOR = "operator"
# The empty alternative: a server without a token accepts operators from its own machine.
OPERATOR_SECURITY: list[dict[str, list[str]]] = [{OPERATOR: []}, {}]
INFO = {
    "title": "Health statistics server",
    "version": VERSION,
    "description": (
        "Statistics over a public-health survey. Post a question to one of the statistics, take the job id from the "
        "response, and get its result. Every error, on every route, has the same envelope. "
        "While the table loads for the first time, every route except /healthz returns 503 with Retry-After. "
        "The pages for browsers, with their forms, scripts and styles, are not described, except / and /docs."
    ),
    "contact": {"name": "The operator of this server"},
    "license": {"name": "MIT", "identifier": "MIT"},
}
SECURITY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "The operator's token, STATS_ADMIN_TOKEN. If none is set, the server's own machine needs none.",
}

Schema = dict[str, Any]


class _SchemaGenerator(GenerateJsonSchema):
    """Write dataclasses as the server serializes them, and all schemas so that code generators understand them.

    Generators name their classes after the titles of schemas, else after the schemas. ``Done[Trend]`` and
    ``Done[Disparity]`` have one title, so there are no titles, and each schema's name is one word.
    """

    def normalize_name(self, name: str) -> str:
        """Return the name of a schema: ``DoneTrend`` for ``Done[Trend]``."""
        return "".join(word[0].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", name))

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return False: no field has a title."""
        return False

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        """Write a pair of one type as a list of two: linters and generators do not support ``prefixItems``."""
        described = super().tuple_schema(schema)
        parts = described.get("prefixItems", [])
        if parts and parts.count(parts[0]) == len(parts):
            del described["prefixItems"]
            described["items"] = parts[0]
        return described

    def field_is_required(self, field: Any, total: bool) -> bool:
        """Return True for a dataclass, whose defaults are serialized too."""
        return field["type"] == "dataclass-field" or super().field_is_required(field, total)

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        """Return the schema of a dataclass."""
        return {**super().dataclass_schema(schema), "additionalProperties": False}


class _Schemas:
    """The schemas of one document: handed out empty and filled together, so that they share their parts."""

    def __init__(self) -> None:
        self._pending: list[tuple[Schema, JsonSchemaMode, TypeAdapter[Any]]] = []
        self._adapters: dict[Any, TypeAdapter[Any]] = {}  # by model; making one takes about a millisecond

    def of(self, model: Any, mode: JsonSchemaMode = "validation") -> Schema:
        """Return the schema of a type, or of the type that a function returns; it is empty until ``fill``."""
        schema: Schema = {}
        if model not in self._adapters:
            self._adapters[model] = TypeAdapter(model() if isinstance(model, FunctionType) else model)
        self._pending.append((schema, mode, self._adapters[model]))
        return schema

    def fill(self) -> Schema:
        """Fill all schemas, and return the ones that they refer to, by name."""
        inputs = [(number, mode, adapter) for number, (_, mode, adapter) in enumerate(self._pending)]
        schemas, shared = TypeAdapter.json_schemas(
            inputs, ref_template=SCHEMA_REFERENCES, schema_generator=_SchemaGenerator
        )
        for number, (schema, mode, _) in enumerate(self._pending):
            schema.update(schemas[number, mode])
        named: Schema = shared.get("$defs", {})
        for schema in named.values():
            schema.pop("title", None)
            for field in schema.get("properties", {}).values():
                _describe_default(field)
        return named


def _describe_default(field: Schema) -> None:
    """Move the default of a field to its description: openapi-typescript would require the field in requests."""
    default = field.pop("default", None)
    if default is not None and "const" not in field:
        field["description"] = f"{field.get('description', '')} (default: {json.dumps(default)})".lstrip()


@dataclass(frozen=True, slots=True)
class _Operation:
    """A route under one of its methods.

    Parameters
    ----------
    path: with its parameters in braces
    tag: the group of routes that it belongs to: its blueprint
    text: its view's docstring
    operator_only: it needs the operator's token
    """

    method: str
    path: str
    tag: str
    text: str
    operator_only: bool
    description: RouteDescription


def build_document(app: Flask) -> dict[str, Any]:
    """Return the API document of an application, JSON-ready and without its servers."""
    schemas = _Schemas()
    paths: dict[str, dict[str, Any]] = {}
    operations = list(_operations(app))
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    tags = {operation.tag for operation in operations}
    return {
        "openapi": OPENAPI_VERSION,
        "info": INFO,
        "tags": [_tag(name, part.import_name) for name, part in app.blueprints.items() if name in tags],
        "paths": paths,
        "security": [],  # for every operation without its own: no credentials
        "components": {"schemas": schemas.fill(), "securitySchemes": {OPERATOR: SECURITY_SCHEME}},
    }


def described_rules(app: Flask) -> list[tuple[Rule, Callable[..., Any], RouteDescription]]:
    """Return the routes of an application whose views are described, with view and description."""
    views = [(rule, app.view_functions[rule.endpoint]) for rule in app.url_map.iter_rules()]
    return [(rule, view, description) for rule, view in views if (description := description_of(view)) is not None]


def _operations(app: Flask) -> Iterator[_Operation]:
    for rule, view, description in described_rules(app):
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        tag = rule.endpoint.partition(".")[0]
        for method in sorted((rule.methods or set()) - AUTOMATIC_METHODS):
            operator_only = getattr(view, OPERATOR_ONLY, False)
            yield _Operation(method, path, tag, inspect.getdoc(view) or "", operator_only, description)


def _tag(name: str, module: str) -> dict[str, str]:
    """Return a tag that is described by the first line of its module's docstring."""
    return {"name": name, "description": (sys.modules[module].__doc__ or "").splitlines()[0]}


def _operation(operation: _Operation, schemas: _Schemas) -> dict[str, Any]:
    description = operation.description
    responses = {str(status): _response(response, schemas) for status, response in _responses_of(operation).items()}
    summary, _, details = operation.text.partition("\n")
    content: dict[str, Any] = {
        "operationId": operation_id(operation.method, operation.path),
        "tags": [operation.tag],
        "summary": summary,
        "description": " ".join((details or summary).split()),
        "responses": responses,
    }
    if description.links:
        responses["200"]["links"] = dict(description.links)
    if description.parameters:
        content["parameters"] = [_parameter(parameter, schemas) for parameter in description.parameters]
    if description.body is not None:
        media = {"schema": schemas.of(description.body.model), "example": description.body.example}
        content["requestBody"] = {"required": True, "content": {JSON_TYPE: media}}
    if operation.operator_only:
        content["security"] = OPERATOR_SECURITY
    return content


def _responses_of(operation: _Operation) -> dict[int, ResponseDescription]:
    """Return the responses of an operation by status, with the errors that all operations of its kind share."""
    # A GET may have a body too, cut off or too long, and any request a foreign Host.
    errors = {*operation.description.errors, 400, 403, 413, 500}
    if operation.path != ALIVE:
        errors.add(503)
    if operation.operator_only:
        errors.add(401)
    described = {status: error_description(status) for status in errors} | dict(operation.description.responses)
    return dict(sorted(described.items()))


def _response(response: ResponseDescription, schemas: _Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {"description": response.description}
    if response.headers or response.optional_headers:
        always = {name: _header(name, schemas, required=True) for name in response.headers}
        content["headers"] = always | {
            name: _header(name, schemas, required=False) for name in response.optional_headers
        }
    if response.content:
        media = {name: {"schema": schemas.of(model, "serialization")} for name, model in response.content.items()}
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
