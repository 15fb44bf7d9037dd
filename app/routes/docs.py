"""The API document, and a page to read and try it: Swagger UI, from an installed package, with no outside address."""

from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Response, current_app, render_template
from werkzeug.exceptions import NotFound

from app.routes.guard import use_policy
from app.routes.support import json_answer, services, this_request
from app.routes.survey import MODELLED_NOTICE

# All of it from this server, and no script or style within the page.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
OWN_FILES = Path(__file__).parent.parent / "static"
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
    from app.routes.document import document  # noqa: PLC0415 - only this needs it, and it takes long to import

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
