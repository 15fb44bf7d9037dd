"""HTML responses: rendered pages with their Content-Security-Policy, redirects, and error pages."""

from typing import Any

from flask import Blueprint, Response, current_app, render_template, request
from werkzeug.exceptions import NotFound

from app.errors import ServiceError, quoted
from app.findings.words import year_span
from app.pages.asking.address import THEME, THEMES
from app.pages.static_files import static_address
from app.table.survey_rows.layouts import published_dataset
from app.web.error_handlers import http_error
from app.web.guard import use_page_policy
from app.web.support import HTML_TYPE, error_response, prefers_html, services, this_request

SEE_OTHER = 303
API_PREFIX = "/api/"  # below it, errors are JSON for everybody

blueprint = Blueprint("unknown_pages", __name__)


def wants_page() -> bool:
    """Return whether the client prefers HTML to JSON."""
    return prefers_html(request.accept_mimetypes)


@blueprint.app_context_processor
def frame_values() -> dict[str, Any]:
    """Return the values that every template may use, those of the API document's page included."""
    report = services().ingestor.table.report
    published = published_dataset(report.layout) if report.modelled else None
    return {
        "root": this_request().root_path,  # the path prefix of a proxy, such as /stats
        "modelled": report.modelled,
        "modelled_on": published.address if published else None,
        "has_docs": any(rule.rule == "/docs" for rule in current_app.url_map.iter_rules()),
        "static": static_address,
        "year_span": year_span,
        "theme": request.args.get(THEME) if request.args.get(THEME) in THEMES else None,
    }


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Render a template as a page."""
    use_page_policy(forms=True)
    response = Response(render_template(template, **values), status, mimetype=HTML_TYPE)
    response.cache_control.no_store = True
    return response


def see_other(path: str) -> Response:
    """Redirect a browser to a page after a form was handled."""
    return Response(status=SEE_OTHER, headers={"Location": this_request().root_path + path})


def problem_page(error: ServiceError) -> Response:
    """Handle an error in a page: HTML for a browser, JSON for a program."""
    if not wants_page():
        return error_response(error)
    return page("message.html", error.status, heading="This page cannot be shown", reason=error.reason)


@blueprint.app_errorhandler(NotFound)
def unknown_path(error: NotFound) -> Response:
    """Answer a request for an unknown path: with a page for a browser, with JSON for a program and within the API."""
    if wants_page() and not request.path.startswith(API_PREFIX):
        reason = f"There is no page {quoted(request.path)} on this server."
        response = page("message.html", NotFound.code, heading="Page not found", reason=reason)
    else:
        response = http_error(error)
    response.vary.add("Accept")
    return response
