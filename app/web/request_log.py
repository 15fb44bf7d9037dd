"""The request log: a line when a route is entered, a line when it is left, and the count of both."""

import time
from itertools import count
from secrets import token_hex
from typing import cast

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from app.logger_config import log_line, request_label
from app.services import Services
from app.web.proxies import REQUEST_ID
from app.web.support import has_body, this_request

LONGEST_PARAMETERS_CHARS = 1000

NO_ROUTE = "none"
PROCESS_ID, NUMBERS = token_hex(4), count(1)  # of which a request gets an id where no trusted proxy has given it one
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def register(app: Flask) -> None:
    """Log every request of an application, and count it."""
    metrics = cast("Services", app.extensions["services"]).metrics

    def left(answer: Response) -> Response:
        asked = this_request()
        seconds = time.perf_counter() - asked.started
        method, path = asked.method, asked.path
        route = asked.url_rule.rule if asked.url_rule else NO_ROUTE
        status = answer.status_code
        metrics.answered(method if method in KNOWN_METHODS else "other", route, status, seconds)
        log_line("leave %s %s %d %.1f ms %s", method, path, status, seconds * 1000, asked.job_id)
        request_label.set("")  # the thread handles other requests
        answer.headers.add("X-Request-Id", asked.id)
        return answer

    app.before_request(_entered)
    app.after_request(left)


def _entered() -> None:
    asked = this_request()
    asked.started = time.perf_counter()
    asked.id = asked.environ.get(REQUEST_ID) or f"{PROCESS_ID}-{next(NUMBERS):x}"
    request_label.set(f" {asked.remote_addr} {asked.id}")  # from here on each line of this thread carries it
    method, path = asked.method, asked.path
    parameters = asked.environ.get("QUERY_STRING", "")
    if has_body(asked):
        try:
            body = asked.get_data(cache=True)
        except HTTPException as error:
            log_line("enter %s %s (%s)", method, path, error.name)
            raise
        parameters = f"{parameters} {body[:LONGEST_PARAMETERS_CHARS].decode('utf-8', 'replace')}".strip()
    log_line("enter %s %s %s", method, path, parameters[:LONGEST_PARAMETERS_CHARS] or "-")
