"""HTML responses: rendered pages with their Content-Security-Policy, redirects, and error pages."""

from typing import Any

from flask import Response, current_app, render_template, request

from app.charts.words import year_span
from app.errors import ServiceError
from app.pages.static_files import static_address
from app.web.guard import use_policy
from app.web.support import JSON_TYPE, MODELLED_NOTICE, error_answer, services

HTML_TYPE = "text/html"
SEE_OTHER = 303
# Everything comes from this server; inline scripts, styles and event handlers are forbidden.
PAGE_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)


def wants_page() -> bool:
    """Tell whether the client prefers HTML to JSON."""
    return request.accept_mimetypes.best_match([JSON_TYPE, HTML_TYPE]) == HTML_TYPE


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Render a template as a page, with the values that every template may use."""
    modelled = services().ingestor.table.report.modelled
    common = {
        "notice": MODELLED_NOTICE if modelled else None,
        "has_docs": any(rule.rule == "/docs" for rule in current_app.url_map.iter_rules()),
        "static": static_address,
        "year_span": year_span,
    }
    # A browser that sends no referrer posts a form with the origin "null", which the guard refuses as another site.
    use_policy(PAGE_POLICY, "same-origin")
    response = Response(render_template(template, **common, **values), status, mimetype=HTML_TYPE)
    response.cache_control.no_store = True
    return response


def see_other(path: str) -> Response:
    """Redirect a browser to a page after a form was handled."""
    return Response(status=SEE_OTHER, headers={"Location": path})


def problem_page(error: ServiceError) -> Response:
    """Handle an error in a page: HTML for a browser, JSON for a program."""
    if not wants_page():
        return error_answer(error)
    return page("message.html", error.status, heading="This page cannot be shown", reason=error.reason)
