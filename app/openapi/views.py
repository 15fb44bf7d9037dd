"""The API document, and a page to read it and try the routes: Swagger UI from an installed package."""

from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from flask import Blueprint, Flask, Response, current_app, render_template
from werkzeug.exceptions import NotFound

from app.openapi.document import INFO, build_document
from app.web.api_description import TAG, Parameter, ResponseDescription, describe, json_of
from app.web.guard import use_page_policy
from app.web.support import HTML_TYPE, json_response, this_request

OWN_FILES = Path(__file__).parent.parent / "pages" / "static"
SWAGGER_FILES = Path(str(files("flask_openapi3_swagger"))) / "templates" / "swagger"
PAGE_FILES = {
    "docs.css": OWN_FILES / "docs.css",
    "docs.js": OWN_FILES / "docs.js",
    "swagger-ui-bundle.js": SWAGGER_FILES / "js" / "swagger-ui-bundle.js",
    "swagger-ui.css": SWAGGER_FILES / "css" / "swagger-ui.css",
}
FILE_TYPES = {".css": "text/css", ".js": "text/javascript"}
DOCUMENT = "api_document"  # the key of the built document among the extensions of its application

FILE_NAME = Parameter(
    "name", "the name of the file", Literal[tuple(PAGE_FILES)], "docs.js", where="path", required=True
)

blueprint = Blueprint("openapi", __name__)


@blueprint.get("/openapi.json")
@describe(json_of(dict[str, Any], "this document"))
def openapi() -> Response:
    """Return the OpenAPI document of this server."""
    application = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    return json_response({**_document(application), "servers": [{"url": this_request().root_path or "/"}]})


@blueprint.get("/docs")
@describe({200: ResponseDescription("the page", {HTML_TYPE: str})})
def docs() -> Response:
    """Show the OpenAPI document as a page on which every route can be tried."""
    use_page_policy()
    return Response(render_template("docs.html", about=INFO["description"]), mimetype=HTML_TYPE)


@blueprint.get("/docs/<name>")
@describe(
    {
        200: ResponseDescription("the file", dict.fromkeys(FILE_TYPES.values(), str), headers=("ETag",)),
        304: ResponseDescription("the client has this file already", headers=("ETag",)),
    },
    parameters=(FILE_NAME, TAG),
    errors=(404,),
)
def docs_file(name: str) -> Response:
    """Return a script or style of that page; browsers cache it and revalidate it each time."""
    if name not in PAGE_FILES:
        raise NotFound
    path = PAGE_FILES[name]
    response = Response(path.read_bytes(), mimetype=FILE_TYPES[path.suffix])
    response.cache_control.no_cache = True
    response.add_etag()
    return response


def _document(app: Flask) -> dict[str, Any]:
    """Return the document of an application, which is built for the first request and kept with the application."""
    if DOCUMENT not in app.extensions:  # two first requests may both build it: they build the same
        app.extensions[DOCUMENT] = build_document(app)
    document: dict[str, Any] = app.extensions[DOCUMENT]
    return document
