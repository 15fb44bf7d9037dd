"""Turn every error into the error envelope, and log the server's own faults."""

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from app.errors import ErrorEnvelope, ServiceError, quoted
from app.web.support import error_response, json_response

KEPT_HEADERS = frozenset({"Allow", "Retry-After"})

logger = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Handle every error of an application."""
    app.register_error_handler(ServiceError, error_response)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)


def _http_error(error: HTTPException) -> Response:
    response = json_response(ErrorEnvelope(_reason(error)), error.code or 500)
    response.headers.update({name: value for name, value in error.get_headers() if name in KEPT_HEADERS})
    return response


def _unexpected_error(error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return json_response(ErrorEnvelope("the server failed; the fault is in its log"), 500)


def _reason(error: HTTPException) -> str:
    """Say why the framework refused the request."""
    if isinstance(error, NotFound):
        return f"there is no route {quoted(request.path)}; GET / lists the routes"
    if isinstance(error, MethodNotAllowed):
        allowed = " or ".join(sorted(set(error.valid_methods or ()) - {"HEAD"}))
        return f"{request.path} takes {allowed}, not {quoted(request.method)}"
    if isinstance(error, RequestEntityTooLarge):
        return f"the body is over the limit of {request.max_content_length} bytes"
    return f"the request is malformed: {error.description}"
