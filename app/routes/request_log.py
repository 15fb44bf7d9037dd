"""The request log: a line when a route is entered, a line when it is left."""

import logging
import time

from flask import Flask, Response, g, request

LONGEST_PARAMETERS_CHARS = 1000

logger = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Log every request of an application."""
    app.before_request(_entered)
    app.after_request(_left)


def _entered() -> None:
    g.started = time.perf_counter()
    query = request.query_string.decode("utf-8", "replace")
    body = request.get_data(cache=True).decode("utf-8", "replace")
    parameters = f"{query} {body}".strip()[:LONGEST_PARAMETERS_CHARS] or "-"
    logger.info("enter %s %s %s", request.method, request.path, parameters)


def _left(answer: Response) -> Response:
    milliseconds = (time.perf_counter() - g.started) * 1000 if "started" in g else 0.0
    job_id = g.get("job_id", "-")
    logger.info("leave %s %s %d %.1f ms %s", request.method, request.path, answer.status_code, milliseconds, job_id)
    return answer
