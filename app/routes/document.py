"""The API document of an application: its routes, with what ``descriptions`` tells of them."""

import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from app.api_document import Operation, api_document
from app.routes.descriptions import DESCRIPTIONS
from app.routes.route_list import route_summary

NOT_DESCRIBED = frozenset({"HEAD", "OPTIONS"})  # what any route answers, by itself
PAGES = frozenset(
    {"dashboard", "job_pages", "data_page", "static_files"}
)  # for people: what a program needs, others tell


@lru_cache(maxsize=1)
def document(app: Flask) -> dict[str, Any]:
    """Return the document of an application, without the address that it is served from; made when first asked for."""
    return api_document(
        _operations(app), {name: _about(part.import_name) for name, part in app.blueprints.items() if name not in PAGES}
    )


def described_rules(app: Flask) -> list[Rule]:
    """Return the routes of an application that are for programs."""
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint.partition(".")[0] not in PAGES]


def _operations(app: Flask) -> Iterator[Operation]:
    """Yield every route of an application under each of its methods.

    Raises
    ------
    KeyError: a route has no description
    """
    for rule in described_rules(app):
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - NOT_DESCRIBED):
            tag, summary = rule.endpoint.partition(".")[0], route_summary(rule.endpoint)
            yield Operation(method, path, tag, summary, DESCRIPTIONS[rule.endpoint])


def _about(module: str) -> str:
    """Return the first line of a module's docstring."""
    return (sys.modules[module].__doc__ or "").splitlines()[0]
