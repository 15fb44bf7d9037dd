"""The request log: a line when a request enters, a line when it leaves, and their metrics."""

import time
from typing import cast

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from app.logger_config import log_line
from app.services import Services
from app.web.support import has_body, this_request

LONGEST_PARAMETERS_CHARS = 1000
NO_ROUTE = "none"
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def register(app: Flask) -> None:
    """Log and count every request of an application."""
    metrics = cast("Services", app.extensions["services"]).metrics

    def leave(response: Response) -> Response:
        current = this_request()
        seconds = time.perf_counter() - current.started
        method, path = current.method, current.path
        route = current.url_rule.rule if current.url_rule else NO_ROUTE
        status = response.status_code
        metrics.answered(method if method in KNOWN_METHODS else "other", route, status, seconds)
        log_line("leave %s %s %d %.1f ms %s", method, path, status, seconds * 1000, current.job_id)
        return response

    app.before_request(_enter)
    app.after_request(leave)


def _enter() -> None:
    current = this_request()
    current.started = time.perf_counter()
    method, path = current.method, current.path
    parameters = current.environ.get("QUERY_STRING", "")
    if has_body(current):
        try:
            body = current.get_data(cache=True)
        except HTTPException as error:
            log_line("enter %s %s (%s)", method, path, error.name)
            raise
        parameters = f"{parameters} {body[:LONGEST_PARAMETERS_CHARS].decode('utf-8', 'replace')}".strip()
    log_line("enter %s %s %s", method, path, parameters[:LONGEST_PARAMETERS_CHARS] or "-")
