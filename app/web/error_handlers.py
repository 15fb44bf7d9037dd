"""The error handlers: whatever goes wrong is told in the one envelope, and logged where the fault is the server's."""

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from app.errors import ServiceError, envelope, quoted
from app.web.support import error_answer, json_answer

logger = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Handle every error of an application here."""
    app.register_error_handler(ServiceError, error_answer)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)


def _http_error(error: HTTPException) -> Response:
    answer = json_answer(envelope(_reason(error)), error.code or 500)
    kept = {"Allow", "Retry-After"}
    answer.headers.update({name: value for name, value in error.get_headers() if name in kept})
    return answer


def _unexpected_error(error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return json_answer(envelope("the server failed to answer this; the fault is logged"), 500)


def _reason(error: HTTPException) -> str:
    """Say in a sentence what the framework refused."""
    if isinstance(error, NotFound):
        return f"there is no route {quoted(request.path)}; GET / lists the routes"
    if isinstance(error, MethodNotAllowed):
        allowed = " or ".join(sorted(set(error.valid_methods or ()) - {"HEAD"}))
        return f"{request.path} takes {allowed}, not {quoted(request.method)}"
    if isinstance(error, RequestEntityTooLarge):
        return f"the body is over the limit of {request.max_content_length} bytes"
    return f"the request cannot be understood: {error.description}"
