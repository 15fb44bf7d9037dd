"""Read the API document as a client does, and check responses against it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator


class Route(NamedTuple):
    """A route of the document under one method, with its Operation Object."""

    method: str
    path: str
    operation: dict[str, Any]


def routes_of(document: dict[str, Any]) -> Iterator[Route]:
    """Yield every route of a document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield Route(method.upper(), path, operation)


def example_request(route: Route) -> dict[str, Any]:
    """Build a request from a route's examples, as arguments of a test client."""
    places: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
    for parameter in route.operation.get("parameters", []):
        if "example" in parameter:
            places[parameter["in"]][parameter["name"]] = parameter["example"]
    body = route.operation.get("requestBody")
    return {
        "method": route.method,
        "path": route.path.format(**places["path"]),
        "query_string": places["query"],
        "headers": places["header"],
        "json": body["content"]["application/json"]["example"] if body else None,
    }


def assert_described(document: dict[str, Any], route: Route, answer: Any) -> None:
    """Check a response's status, headers, media type and content against the document."""
    assert str(answer.status_code) in route.operation["responses"], (route.path, answer.status, answer.text[:500])
    described = route.operation["responses"][str(answer.status_code)]
    required = {name for name, header in described.get("headers", {}).items() if header["required"]}
    assert {name for name in required if name not in answer.headers} == set()
    if "content" not in described:
        assert answer.data == b""
        return
    schema = described["content"][answer.mimetype]["schema"]
    if answer.mimetype.endswith(("/json", "+json")):
        Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json)
    elif answer.mimetype.startswith("text/") or "charset" in answer.content_type:
        assert schema == {"type": "string"}
    else:
        assert schema == {"type": "string", "format": "binary"}
