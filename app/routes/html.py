"""Pages: HTML answers, with what their browser is allowed to do."""

from typing import Any

from flask import Response, render_template, request

from app.routes.support import JSON_TYPE, services
from app.routes.survey import MODELLED_NOTICE

HTML_TYPE = "text/html"
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
# Without a referrer a browser sends a form with the origin "null", which the guard takes for another site.
PAGE_HEADERS = {"Content-Security-Policy": PAGE_POLICY, "Referrer-Policy": "same-origin", "Cache-Control": "no-store"}


def wants_page() -> bool:
    """Tell whether the client would rather have HTML than JSON."""
    return request.accept_mimetypes.best_match([JSON_TYPE, HTML_TYPE]) == HTML_TYPE


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Return a page made from a template, which is also given the notice of modelled data where it is due."""
    modelled = services().ingestor.table.report.modelled
    text = render_template(template, notice=MODELLED_NOTICE if modelled else None, **values)
    return Response(text, status, PAGE_HEADERS, mimetype=HTML_TYPE)
