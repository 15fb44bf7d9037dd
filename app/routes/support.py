"""What the views share: the services, JSON answers, and the parameters of a query string."""

import math
from typing import Any, cast

import orjson
from flask import Response, current_app, request

from app.errors import InvalidRequestError, quoted
from app.services import Services


def services() -> Services:
    """Return the services of the application that handles this request."""
    return cast("Services", current_app.extensions["services"])


def json_answer(content: Any, status: int = 200) -> Response:
    """Return ``content`` as a JSON answer; bytes are taken to be JSON already."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return Response(body, status, mimetype="application/json")


def data_answer(data: Any) -> Response:
    """Return ``data`` in the envelope of an answer that is done."""
    return json_answer({"status": "done", "data": data})


def seconds_argument(name: str, longest: float) -> float:
    """Return a duration from the query string, 0 where there is none, cut off at ``longest``.

    Raises
    ------
    InvalidRequestError: it is not a number of seconds
    """
    text = request.args.get(name, "0")
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise InvalidRequestError(f"{name} must be a number of seconds from 0 to {longest:g}, not {quoted(text)}")
    return min(seconds, longest)


def count_argument(name: str) -> int | None:
    """Return a whole number above 0 from the query string, None where there is none.

    Raises
    ------
    InvalidRequestError: it is not such a number
    """
    text = request.args.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text) > 0):
        raise InvalidRequestError(f"{name} must be a whole number above 0, not {quoted(text)}")
    return int(text)
