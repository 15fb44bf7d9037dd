"""What the views share: the services, JSON answers, and the parameters of a query string."""

import math
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

import orjson
from flask import Request, Response, current_app, request
from werkzeug.datastructures import ImmutableMultiDict, MultiDict

from app.errors import InvalidRequestError, ServiceError, envelope, quoted
from app.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import WSGIEnvironment


JSON_TYPE = "application/json"
MAX_BODY_BYTES = 64 * 1024
BATCH_PATH = "/api/batch"
MAX_BATCH_BYTES = 1024 * 1024
LONGEST_REMEMBERED = 64  # bytes of a query string; most of those that come again ask to wait


class ApiRequest(Request):
    """A request with what its log lines show: its id, its job, and when it arrived (monotonic seconds)."""

    id = "-"
    job_id = "-"
    started = 0.0

    @cached_property
    def args(self) -> MultiDict[str, str]:
        """The arguments in the query string."""
        return _arguments(self.query_string) if len(self.query_string) <= LONGEST_REMEMBERED else super().args

    @property  # type: ignore[misc]
    def max_content_length(self) -> int:  # type: ignore[override]
        """How long the body may be, in bytes."""
        return MAX_BATCH_BYTES if self.path == BATCH_PATH else MAX_BODY_BYTES


@lru_cache(maxsize=256)
def _arguments(query_string: bytes) -> ImmutableMultiDict[str, str]:
    return ImmutableMultiDict(parse_qsl(query_string.decode(), keep_blank_values=True, errors="werkzeug.url_quote"))


class ApiResponse(Response):
    """An answer whose headers go out as they are where it is whole, which takes a fifth of the time."""

    def get_wsgi_response(self, environ: "WSGIEnvironment") -> "tuple[Iterable[bytes], str, list[tuple[str, str]]]":
        """Return body, status and headers; what may not have a body, or has one in pieces, is left to Flask."""
        body = self.response
        whole = isinstance(body, list) and "Content-Length" in self.headers
        if not whole or self.status_code != 200 or environ["REQUEST_METHOD"] == "HEAD":
            return super().get_wsgi_response(environ)
        return cast("list[bytes]", body), self.status, self.headers.to_wsgi_list()


def this_request() -> ApiRequest:
    """Return the request that this thread handles: the object itself, as each use of Flask's proxy costs a look-up."""
    return cast("ApiRequest", request._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001


def has_body(asked: Request) -> bool:
    """Tell whether a request announces a body."""
    environ = asked.environ
    return environ.get("CONTENT_LENGTH", "0") not in {"", "0"} or "HTTP_TRANSFER_ENCODING" in environ


def services() -> Services:
    """Return the services of the application that handles this request."""
    return cast("Services", current_app.extensions["services"])


def json_answer(content: Any, status: int = 200) -> ApiResponse:
    """Return ``content`` as a JSON answer; bytes are taken to be JSON already."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return ApiResponse(body, status, content_type=JSON_TYPE)


def error_answer(error: ServiceError) -> ApiResponse:
    """Return what a program is told of an error."""
    answer = json_answer(envelope(error.reason), error.status)
    answer.headers.update(error.headers)
    return answer


def data_answer(data: Any) -> ApiResponse:
    """Return ``data`` in the envelope of an answer that is done."""
    return json_answer({"status": "done", "data": data})


def seconds_argument(name: str, longest: float) -> float:
    """Return a duration from the query string, 0 where there is none, cut off at ``longest``.

    Raises
    ------
    InvalidRequestError: it is not a number of seconds
    """
    asked = this_request()
    if not asked.environ.get("QUERY_STRING"):
        return 0.0
    return _seconds(asked.args.get(name, "0"), name, longest)


@lru_cache(maxsize=256)
def _seconds(text: str, name: str, longest: float) -> float:
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


def list_argument(name: str, most: int) -> list[str]:
    """Return the parts of a list, separated by commas, from the query string.

    Raises
    ------
    InvalidRequestError: there is no such list, a part of it is empty, or it has more than ``most``
    """
    parts = request.args.get(name, "").split(",")
    if not all(parts):
        raise InvalidRequestError(f"{name} must be a list separated by commas, such as ?{name}=job_id_1,job_id_2")
    if len(parts) > most:
        raise InvalidRequestError(f"{name} must have at most {most} parts, not {len(parts)}")
    return parts


MODELLED_NOTICE = (
    "This table is modelled, not survey data: do not cite its figures. "
    "`make data` downloads CDC's table; the setting STATS_DATA names another."
)
