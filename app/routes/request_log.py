"""The request log: a line when a route is entered, a line when it is left, and the count of both."""

import logging
import time

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from app.routes.support import services

LONGEST_PARAMETERS_CHARS = 1000

NO_ROUTE = "none"
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

logger = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Log every request of an application."""
    app.before_request(_entered)
    app.after_request(_left)


def _entered() -> None:
    g.started = time.perf_counter()
    try:
        body = request.get_data(cache=True).decode("utf-8", "replace")
    except HTTPException as error:
        logger.info("enter %s %s (%s)", request.method, request.path, error.name)
        raise
    query = request.query_string.decode("utf-8", "replace")
    parameters = f"{query} {body}".strip()[:LONGEST_PARAMETERS_CHARS] or "-"
    logger.info("enter %s %s %s", request.method, request.path, parameters)


def _left(answer: Response) -> Response:
    seconds = time.perf_counter() - g.started
    route = request.url_rule.rule if request.url_rule else NO_ROUTE
    method = request.method if request.method in KNOWN_METHODS else "other"
    services().metrics.answered(method, route, answer.status_code, seconds)
    job_id = g.get("job_id", "-")
    logger.info("leave %s %s %d %.1f ms %s", request.method, request.path, answer.status_code, seconds * 1000, job_id)
    return answer
