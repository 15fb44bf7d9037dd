"""Turn every error into the error envelope, and log the server's own faults."""

import errno
import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from app.errors import ErrorEnvelope, ServiceError, UnavailableError, one_line, quoted
from app.web.support import error_response, json_response

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})  # the system has run out of something for now
EXHAUSTED_RETRY_SECONDS = 5
KEPT_HEADERS = frozenset({"Allow", "Retry-After"})

logger = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Handle every error of an application."""
    app.register_error_handler(ServiceError, error_response)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, _unexpected_error)


def http_error(error: HTTPException) -> Response:
    """Return the error of the framework in the error envelope."""
    response = json_response(ErrorEnvelope(_reason(error)), error.code or 500)
    response.headers.update({name: value for name, value in error.get_headers() if name in KEPT_HEADERS})
    return response


def _unexpected_error(error: Exception) -> Response:
    if isinstance(error, OSError) and error.errno in EXHAUSTED:
        logger.warning("%s %s was refused: %s", request.method, request.path, one_line(error))
        reason = f"the server cannot do this now ({one_line(error)}); try again later"
        return error_response(UnavailableError(reason, EXHAUSTED_RETRY_SECONDS))
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
