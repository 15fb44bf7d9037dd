"""Pages: HTML answers, with what their browser is allowed to do."""

from typing import Any

from flask import Response, current_app, render_template, request

from app.errors import ServiceError
from app.pages.static_files import static_address
from app.web.guard import use_policy
from app.web.support import JSON_TYPE, MODELLED_NOTICE, error_answer, services, this_request

HTML_TYPE = "text/html"
SEE_OTHER = 303
# Everything from this server and nothing from elsewhere; no script, style or handler within the page.
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
    """Tell whether the client would rather have HTML than JSON."""
    return request.accept_mimetypes.best_match([JSON_TYPE, HTML_TYPE]) == HTML_TYPE


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Return a page made from a template, which is also given the notice of modelled data where it is due."""
    modelled = services().ingestor.table.report.modelled
    has_docs = any(rule.rule == "/docs" for rule in current_app.url_map.iter_rules())
    root = this_request().root_path  # the path prefix of a proxy, such as /stats
    common = {
        "root": root,
        "notice": MODELLED_NOTICE if modelled else None,
        "has_docs": has_docs,
        "static": static_address,
    }
    use_policy(PAGE_POLICY, "same-origin")
    answer = Response(render_template(template, **common, **values), status, mimetype=HTML_TYPE)
    answer.cache_control.no_store = True
    return answer


def see_other(path: str) -> Response:
    """Redirect a browser to a page of this server, after a form was accepted."""
    return Response(status=SEE_OTHER, headers={"Location": this_request().root_path + path})


def problem_page(error: ServiceError) -> Response:
    """Tell of an error as a page to a browser, as JSON to a program. The error handler of the pages."""
    if not wants_page():
        return error_answer(error)
    return page("message.html", error.status, heading="This cannot be shown", reason=error.reason)
