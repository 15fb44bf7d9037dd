"""HTTP requests to one server: retries, timeouts, and errors in plain words.

The connection retries a request when no response arrives and when the server is busy (503). It waits as long as
``Retry-After`` says, otherwise it doubles its pause each time. Retries are safe because submissions carry an
idempotency key.
"""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from health_statistics.errors import ProtocolError, ResponseError, UnreachableError, UsageError

DEFAULT_ADDRESS = "http://127.0.0.1:5000"
RETRIES = 3
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 60.0
CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0  # between two bytes of a response, on top of the time that the server may hold it
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
EXCERPT_CHARS = 200

Pause = Callable[[float, str], None]


def pause_silently(seconds: float, _reason: str) -> None:
    """Wait for some seconds without a message."""
    time.sleep(seconds)


class BearerAuth(AuthBase):
    """Adds a bearer token. Passed as ``auth``, it takes precedence over a netrc file."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token to a request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Connection:
    """Keep-alive connections to one server. Not thread-safe.

    Parameters
    ----------
    address: base address, such as http://127.0.0.1:5000; the scheme is optional
    retries: how often to retry a request
    pause: waits for some seconds; its text gives the reason, and is empty if there is nothing to report

    Raises
    ------
    UsageError: the address is invalid
    """

    def __init__(self, address: str, *, retries: int = RETRIES, pause: Pause = pause_silently) -> None:
        self.address = parse_address(address)
        self.pause = pause
        self._retries = retries
        self._session = requests.Session()
        if urlsplit(self.address).hostname in LOCAL_HOSTS:
            self._session.trust_env = False  # a proxy would look for the loopback address on its own machine

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def request_json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Return the JSON object of a successful response; options and errors are those of ``request``."""
        response = self.request(method, path, **options)
        try:
            content = json.loads(response.content)
        except (ValueError, RecursionError) as error:
            raise self._foreign_response(response) from error
        if not isinstance(content, dict):
            raise self._foreign_response(response)
        return content

    def request(self, method: str, path: str, *, held_seconds: float = 0.0, **options: Any) -> requests.Response:
        """Send a request, retry it if necessary, and return the successful response.

        Parameters
        ----------
        held_seconds: how long the server may hold its response
        options: params, json, headers and auth of ``requests``

        Raises
        ------
        UnreachableError: no response arrived
        ResponseError: the server answered with an error
        ProtocolError: the response does not come from a health statistics server
        """
        options |= {"timeout": (CONNECT_SECONDS, held_seconds + READ_SECONDS), "allow_redirects": False}
        for back_off_seconds in self._back_off():
            try:
                response = self._request_once(method, path, options)
            except UnreachableError as error:
                self.pause(back_off_seconds, str(error))
                continue
            seconds = max(back_off_seconds, retry_after_seconds(response))
            if response.status_code != requests.codes.service_unavailable or seconds > LONGEST_PAUSE_SECONDS:
                return self._checked(response)
            self.pause(seconds, f"the server is busy: {_reason(response)}")
        return self._checked(self._request_once(method, path, options))

    def _back_off(self) -> Iterator[float]:
        """Yield the pause (seconds) before each retry."""
        for attempt in range(self._retries):
            yield min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS)

    def _request_once(self, method: str, path: str, options: dict[str, Any]) -> requests.Response:
        lost = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
        try:
            return self._session.request(method, self.address + path, **options)
        except lost as error:
            raise UnreachableError(f"no response from {self.address}: {_root_cause(error)}") from error
        except requests.RequestException as error:
            raise ProtocolError(f"{method} {self.address}{path} failed: {error}") from error

    def _checked(self, response: requests.Response) -> requests.Response:
        """Return a successful response, raise any other."""
        if response.is_redirect:
            target = response.headers["Location"]
            raise ProtocolError(f"{self.address} redirects to {target}; pass that address by --address")
        if response.status_code >= requests.codes.bad_request:
            request = f"{response.request.method} {urlsplit(response.url).path}"
            raise ResponseError(_reason(response), response.status_code, request, *_field(response))
        return response

    def _foreign_response(self, response: requests.Response) -> ProtocolError:
        content_type = response.headers.get("Content-Type", "no type")
        return ProtocolError(
            f"{self.address} is not a health statistics server: it sent status {response.status_code}, "
            f"{content_type}, {_excerpt(response.text)!r}"
        )


def parse_address(text: str) -> str:
    """Return an address without trailing slashes, with http:// as the default scheme.

    Raises
    ------
    UsageError: it is not the address of a web server
    """
    address = (text if "://" in text else f"http://{text}").rstrip("/")
    try:
        parts = urlsplit(address)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise UsageError(f"{text!r} is not an address; use --address or STATS_URL, such as {DEFAULT_ADDRESS}")
    return address


def retry_after_seconds(response: requests.Response) -> float:
    """Return the seconds that Retry-After asks for; 0 if it is missing or cannot be parsed."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _reason(response: requests.Response) -> str:
    """Return the reason of an error response; without one, its status and the beginning of its body."""
    try:
        return str(json.loads(response.content)["reason"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"{response.reason or 'no reason'}: {_excerpt(response.text)!r}"


def _field(response: requests.Response) -> tuple[str, list[str]]:
    """Return the field that an error response is about, empty if it names none, and the suggestions for it."""
    try:
        error = json.loads(response.content)
        return str(error["field"]), [str(each) for each in error["suggestions"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", []


def _root_cause(error: BaseException) -> str:
    """Return the message of the innermost error; the outer ones describe the internals of requests and urllib3."""
    innermost: BaseException = error
    while inner := _inner_error(innermost):
        innermost = inner
    return getattr(innermost, "strerror", None) or str(innermost) or type(innermost).__name__


def _inner_error(error: BaseException) -> BaseException | None:
    candidates = getattr(error, "reason", None), error.__cause__, *error.args
    return next((inner for inner in candidates if isinstance(inner, BaseException)), None)


def _excerpt(text: str) -> str:
    return text if len(text) <= EXCERPT_CHARS else text[:EXCERPT_CHARS] + "…"
