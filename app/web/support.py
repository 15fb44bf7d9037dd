"""What views share: the request and its services, JSON responses and their envelopes, query-string arguments."""

import io
import math
import time
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import IO, TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

import orjson
from flask import Request, Response, current_app, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.utils import cached_property

from app.errors import InvalidRequestError, ServiceError, quoted
from app.services import Services
from app.web.connections import CLOSE_WAIT, ESTABLISHED, MARGIN_SECONDS, parse_address, sending_ports, server_ends
from app.web.header_cache import cached_by_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import WSGIEnvironment

JSON_TYPE, HTML_TYPE = "application/json", "text/html"
MAX_BODY_BYTES = 64 * 1024
BATCH_PATH = "/api/batch"
MAX_BATCH_BYTES = 1024 * 1024
CUT_BODY = "the connection ended before the body did; send the request again"
LOOK_SECONDS, LONG_LOOK_SECONDS, PAUSE_SECONDS = 0.1, 2.0, 0.03  # at a connection that is closing
MODELLED_NOTICE = (
    "This table is modelled, not survey data: do not cite its figures. "
    "`make data` downloads CDC's table; the setting STATS_DATA names another."
)

Data = TypeVar("Data")


@dataclass(frozen=True, slots=True)
class Done(Generic[Data]):
    """The request is done; ``data`` is its result."""

    status: Literal["done"] = field(default="done", init=False)
    data: Data


@dataclass(frozen=True, slots=True)
class Finished:
    """The request is done and has no result."""

    status: Literal["done"] = "done"


@dataclass(frozen=True, slots=True)
class Running:
    """The operation is still running."""

    status: Literal["running"] = "running"


class ApiRequest(Request):
    """A request with what its log lines need: its id, the job's id and when the request came (monotonic seconds)."""

    id = "-"
    job_id = "-"
    started = 0.0

    @property  # type: ignore[misc]
    def max_content_length(self) -> int:  # type: ignore[override]
        """The longest body that is accepted, in bytes."""
        return MAX_BATCH_BYTES if self.path == BATCH_PATH else MAX_BODY_BYTES

    @cached_property  # of Werkzeug: that of functools holds one lock for all requests while a body comes in
    def stream(self) -> IO[bytes]:
        """The body, read whole.

        Raises
        ------
        RequestEntityTooLarge: it is too long, announced or in chunks
        BadRequest: the client has cut it off
        """
        return io.BytesIO(self._read_body())

    def _read_body(self) -> bytes:
        announced, limit = self.content_length, self.max_content_length
        if announced is None and "wsgi.input_terminated" not in self.environ:
            return b""  # neither a length nor chunks: there is no body
        if announced is not None and announced > limit:
            raise RequestEntityTooLarge
        body = _read(self.environ["wsgi.input"], limit + 1 if announced is None else announced)
        if len(body) > limit:
            raise RequestEntityTooLarge
        if self._client_has_left() if announced is None else len(body) < announced:
            raise BadRequest(CUT_BODY)
        return body

    def _client_has_left(self) -> bool:
        """Return whether the client has closed its side of the connection, which cuts a body in chunks off.

        At the end of such a body Granian does not say whether the last chunk came. A client that has sent it and waits
        for the response has not closed. Other connections from its address may be closing at this very moment, so
        one that is counts only if it stays: for longer if another connection may be this client's.
        """
        peer = self.environ.get("werkzeug.proxy_fix.orig", self.environ).get("REMOTE_ADDR", "")
        client, port = parse_address(peer), services().settings.port
        if client is None:
            return False
        closing = _ports(client, port, CLOSE_WAIT)
        if not closing:
            return False
        # One that has sent nothing lately has given up an earlier request, and is not this client.
        lately = time.perf_counter() - self.started + MARGIN_SECONDS
        sending = sending_ports(client, port, lately, lately).keys()
        closing &= sending
        deadline = time.monotonic() + (
            LONG_LOOK_SECONDS if _ports(client, port, ESTABLISHED) & sending else LOOK_SECONDS
        )
        while closing and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
            closing &= _ports(client, port, CLOSE_WAIT)
        return bool(closing)


class ApiResponse(Response):
    """A response that skips Werkzeug's header rewriting when its body is complete.

    Without it a request takes an eighth more processor time (GET /api/num_jobs).

    ``longest_part`` is how many bytes a streamed body holds at a time. ``instead`` is the body to send if this one is
    too long to be sent now; without it the response is an error then.
    """

    longest_part = 0
    instead: bytes | None = None

    def get_wsgi_response(self, environ: "WSGIEnvironment") -> "tuple[Iterable[bytes], str, list[tuple[str, str]]]":
        """Return body, status and headers. Werkzeug handles responses that are streamed or must not have a body."""
        body = self.response
        complete = isinstance(body, list) and "Content-Length" in self.headers
        if not complete or self.status_code != 200 or environ["REQUEST_METHOD"] == "HEAD":
            return super().get_wsgi_response(environ)
        return cast("list[bytes]", body), self.status, self.headers.to_wsgi_list()


def this_request() -> ApiRequest:
    """Return the current request itself: Flask's proxy costs a lookup at each use."""
    return cast("ApiRequest", request._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001


def _read(stream: IO[bytes], size: int) -> bytes:
    """Read at most ``size`` bytes; less at the end of the stream, or where it breaks."""
    body = bytearray()
    with suppress(OSError, ValueError):  # it breaks: the caller sees that bytes are missing
        while len(body) < size and (part := stream.read(size - len(body))):
            body += part
    return bytes(body)


def _ports(client: IPv4Address | IPv6Address, port: int, state: str) -> set[int]:
    """Return the ports of a client whose connections are in a state; ``CLOSE_WAIT``: the client alone has closed."""
    return {end.remote_port for end in server_ends(client, port) if end.state == state}


def has_body(current: Request) -> bool:
    """Return whether a request announces a body."""
    environ = current.environ
    return environ.get("CONTENT_LENGTH", "0") not in {"", "0"} or "HTTP_TRANSFER_ENCODING" in environ


def prefers_html(accepted: MIMEAccept) -> bool:
    """Return whether a client, by its Accept header, prefers HTML to JSON."""
    return accepted.best_match([JSON_TYPE, HTML_TYPE]) == HTML_TYPE


def services() -> Services:
    """Return the services of the current application."""
    return cast("Services", current_app.extensions["services"])


def json_response(content: Any, status: int = 200) -> ApiResponse:
    """Return a JSON response.

    Parameters
    ----------
    content: bytes of JSON, or what orjson serializes: dataclasses, mappings, lists
    """
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return ApiResponse(body, status, content_type=JSON_TYPE)


def data_response(data: Any) -> ApiResponse:
    """Return a result in the envelope ``Done``."""
    return json_response(Done(data))


def error_response(error: ServiceError) -> ApiResponse:
    """Return an error in the error envelope, with its status and headers."""
    response = json_response(error.envelope(), error.status)
    response.headers.update(error.headers)
    return response


def seconds_argument(name: str, longest: float) -> float:
    """Return a duration from the query string: 0 if it is absent, at most ``longest``.

    Raises
    ------
    InvalidRequestError: it is not a number of seconds
    """
    current = this_request()
    if not current.environ.get("QUERY_STRING"):  # most requests: do not parse nothing
        return 0.0
    return _seconds(current.args.get(name, "0"), name, longest)


@cached_by_text(256)
def _seconds(text: str, name: str, longest: float) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:  # NaN fails this comparison too
        raise InvalidRequestError(f"{name} must be a number of seconds from 0 to {longest:g}, not {quoted(text)}", name)
    return min(seconds, longest)


def count_argument(name: str) -> int | None:
    """Return a positive integer from the query string, None if it is absent.

    Raises
    ------
    InvalidRequestError: it is not a positive integer
    """
    text = request.args.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text) > 0):
        raise InvalidRequestError(f"{name} must be a whole number above 0, not {quoted(text)}", name)
    return int(text)


def list_argument(name: str, most: int) -> list[str]:
    """Return the parts of a comma-separated list from the query string.

    Raises
    ------
    InvalidRequestError: the list is absent, a part of it is empty, or it has more than ``most`` parts
    """
    parts = request.args.get(name, "").split(",")
    if not all(parts):
        raise InvalidRequestError(f"{name} must be a list separated by commas, such as ?{name}=job_id_1,job_id_2", name)
    if len(parts) > most:
        raise InvalidRequestError(f"{name} must have at most {most} parts, not {len(parts)}", name)
    return parts
