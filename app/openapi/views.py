"""The API document, and a page to read and try it: Swagger UI, from an installed package, with no outside address."""

import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, render_template
from werkzeug.exceptions import NotFound
from werkzeug.routing import Rule

from app.openapi.descriptions import descriptions
from app.openapi.document import Operation, api_document
from app.web.guard import use_policy
from app.web.route_list import route_summary
from app.web.support import MODELLED_NOTICE, json_answer, services, this_request

# All of it from this server, and no script or style within the page.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
OWN_FILES = Path(__file__).parent.parent / "pages" / "static"
SWAGGER_FILES = Path(str(files("flask_openapi3_swagger"))) / "templates" / "swagger"
PAGE_FILES = {
    "docs.js": OWN_FILES / "docs.js",
    "swagger-ui-bundle.js": SWAGGER_FILES / "js" / "swagger-ui-bundle.js",
    "swagger-ui.css": SWAGGER_FILES / "css" / "swagger-ui.css",
}
FILE_TYPES = {".css": "text/css", ".js": "text/javascript"}

blueprint = Blueprint("docs", __name__)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Give the OpenAPI document of this server."""

    application = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    return json_answer({**document(application), "servers": [{"url": this_request().root_path or "/"}]})


@blueprint.get("/docs")
def docs() -> Response:
    """Show the OpenAPI document as a page that every route can be tried on."""
    use_policy(PAGE_POLICY)
    notice = MODELLED_NOTICE if services().ingestor.table.report.modelled else None
    return Response(render_template("docs.html", notice=notice), mimetype="text/html")


@blueprint.get("/docs/<name>")
def docs_file(name: str) -> Response:
    """Give a script or style of that page; a browser keeps it, and asks each time whether it has changed."""
    if name not in PAGE_FILES:
        raise NotFound
    path = PAGE_FILES[name]
    answer = Response(path.read_bytes(), mimetype=FILE_TYPES[path.suffix])
    answer.cache_control.no_cache = True
    answer.add_etag()
    return answer


NOT_DESCRIBED = frozenset({"HEAD", "OPTIONS"})  # what any route answers, by itself
PAGES = frozenset({"dashboard", "job_pages", "data_page", "static_files"})  # for people
FRONT_PAGE = "dashboard.index"  # lists the routes to programs


@lru_cache(maxsize=1)
def document(app: Flask) -> dict[str, Any]:
    """Return the document of an application, without the address that it is served from; made when first asked for."""
    tags = {rule.endpoint.partition(".")[0] for rule in described_rules(app)}
    about = {name: _about(part.import_name) for name, part in app.blueprints.items() if name in tags}
    return api_document(_operations(app), about)


def described_rules(app: Flask) -> list[Rule]:
    """Return the routes of an application that are for programs."""
    rules = app.url_map.iter_rules()
    return [rule for rule in rules if rule.endpoint == FRONT_PAGE or rule.endpoint.partition(".")[0] not in PAGES]


def _operations(app: Flask) -> Iterator[Operation]:
    """Yield every route of an application under each of its methods.

    Raises
    ------
    KeyError: a route has no description
    """
    described = descriptions()
    for rule in described_rules(app):
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - NOT_DESCRIBED):
            tag, summary = rule.endpoint.partition(".")[0], route_summary(rule.endpoint)
            yield Operation(method, path, tag, summary, described[rule.endpoint])


def _about(module: str) -> str:
    """Return the first line of a module's docstring."""
    return (sys.modules[module].__doc__ or "").splitlines()[0]
