"""The request log: a line when a request enters, a line when it leaves, and their metrics."""

import time
from functools import partial
from itertools import count
from secrets import token_hex
from typing import cast

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from app.log_batches import request_label
from app.logger_config import Log
from app.services import Services
from app.web.proxies import REQUEST_ID
from app.web.support import has_body, this_request

LONGEST_PARAMETERS_CHARS = 1000
NO_ROUTE = "none"
PROCESS_ID, NUMBERS = token_hex(4), count(1)  # the id of a request that has none from a trusted proxy
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def register(app: Flask) -> None:
    """Log and count every request of an application."""
    services = cast("Services", app.extensions["services"])
    metrics, log = services.metrics, services.log

    def leave(response: Response) -> Response:
        current = this_request()
        seconds = time.perf_counter() - current.started
        method, path = current.method, current.path
        route = current.url_rule.rule if current.url_rule else NO_ROUTE
        status = response.status_code
        metrics.answered(method if method in KNOWN_METHODS else "other", route, status, seconds)
        log.info("leave %s %s %d %.1f ms %s", method, path, status, seconds * 1000, current.job_id)
        request_label.set("")  # the thread handles other requests
        response.headers.add("X-Request-Id", current.id)
        return response

    app.before_request(partial(_enter, log))
    app.after_request(leave)


def _enter(log: Log) -> None:
    current = this_request()
    current.started = time.perf_counter()
    current.id = current.environ.get(REQUEST_ID) or f"{PROCESS_ID}-{next(NUMBERS):x}"
    request_label.set(f" {current.remote_addr} {current.id}")  # from here on each line of this thread carries it
    method, path = current.method, current.path
    parameters = current.environ.get("QUERY_STRING", "")
    if has_body(current):
        try:
            body = current.get_data(cache=True)
        except HTTPException as error:
            log.info("enter %s %s (%s)", method, path, error.name)
            raise
        parameters = f"{parameters} {body[:LONGEST_PARAMETERS_CHARS].decode('utf-8', 'replace')}".strip()
    log.info("enter %s %s %s", method, path, parameters[:LONGEST_PARAMETERS_CHARS] or "-")
