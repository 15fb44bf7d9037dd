"""The request log: a line when a route is entered, a line when it is left, and the count of both."""

import time
from functools import partial
from typing import cast

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from app.logger_config import Log
from app.services import Services
from app.web.support import has_body, this_request

LONGEST_PARAMETERS_CHARS = 1000

NO_ROUTE = "none"
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def register(app: Flask) -> None:
    """Log every request of an application, and count it."""
    services = cast("Services", app.extensions["services"])
    metrics, log = services.metrics, services.log

    def left(answer: Response) -> Response:
        asked = this_request()
        seconds = time.perf_counter() - asked.started
        method, path = asked.method, asked.path
        route = asked.url_rule.rule if asked.url_rule else NO_ROUTE
        status = answer.status_code
        metrics.answered(method if method in KNOWN_METHODS else "other", route, status, seconds)
        log.info("leave %s %s %d %.1f ms %s", method, path, status, seconds * 1000, asked.job_id)
        return answer

    app.before_request(partial(_entered, log))
    app.after_request(left)


def _entered(log: Log) -> None:
    asked = this_request()
    asked.started = time.perf_counter()
    method, path = asked.method, asked.path
    parameters = asked.environ.get("QUERY_STRING", "")
    if has_body(asked):
        try:
            body = asked.get_data(cache=True)
        except HTTPException as error:
            log.info("enter %s %s (%s)", method, path, error.name)
            raise
        parameters = f"{parameters} {body[:LONGEST_PARAMETERS_CHARS].decode('utf-8', 'replace')}".strip()
    log.info("enter %s %s %s", method, path, parameters[:LONGEST_PARAMETERS_CHARS] or "-")
