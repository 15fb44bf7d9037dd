"""The connection to a server: requests with retries, and answers taken apart.

A request is sent again where no answer came, and where the server has no room for it now (503): after the time that its
``Retry-After`` asks for, or else after pauses that double. Submissions carry a key, by which the server recognises the
second of two that are the same.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from requests.auth import AuthBase

from app.client.errors import AnswerError, BrokenAnswerError, UnreachableError, UsageError

DEFAULT_ADDRESS = "http://127.0.0.1:5000"
RETRIES = 3
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 60.0
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0  # between two bytes of an answer, beyond the time that it was asked to be held
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
SHOWN_CHARS = 200

Pause = Callable[[float, str], None]


def silent_pause(seconds: float, _reason: str) -> None:
    """Wait for some seconds and say nothing."""
    time.sleep(seconds)


class Bearer(AuthBase):
    """Sends a token. Given as ``auth``, it goes before what a netrc file holds for the host."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token on a request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Connection:
    """Kept-alive connections to one server. For one thread at a time.

    Parameters
    ----------
    address: base address, such as http://127.0.0.1:5000; the scheme may be left out
    retries: how often a request is sent again
    pause: waits for some seconds; the text says why, and is empty where there is nothing to tell

    Raises
    ------
    UsageError: the address is none
    """

    def __init__(self, address: str, *, retries: int = RETRIES, pause: Pause = silent_pause) -> None:
        self.address = base_address(address)
        self.pause = pause
        self._retries = retries
        self._session = requests.Session()
        if urlsplit(self.address).hostname in LOCAL_HOSTS:
            self._session.trust_env = False  # a proxy does not know the loopback address of this machine

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def answer(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Return the JSON object that the server answers with; see ``send`` for the options and what is raised."""
        response = self.send(method, path, **options)
        try:
            content = orjson.loads(response.content)
        except orjson.JSONDecodeError as error:
            raise self._no_such_server(response) from error
        if not isinstance(content, dict):
            raise self._no_such_server(response)
        return content

    def send(self, method: str, path: str, *, held_seconds: float = 0.0, **options: Any) -> requests.Response:
        """Send a request, again and again if need be; return the answer if it tells of success.

        Parameters
        ----------
        held_seconds: how long the server was asked to hold its answer
        options: what ``requests`` takes: params, json, headers, auth

        Raises
        ------
        UnreachableError: no answer came
        AnswerError: the server answered with an error
        BrokenAnswerError: the answer is none of this kind of server
        """
        options |= {"timeout": (CONNECT_SECONDS, held_seconds + ANSWER_SECONDS), "allow_redirects": False}
        for back_off_seconds in self._back_off():
            try:
                response = self._send_once(method, path, options)
            except UnreachableError as error:
                self.pause(back_off_seconds, str(error))
                continue
            seconds = max(back_off_seconds, retry_after_seconds(response))
            if response.status_code != requests.codes.service_unavailable or seconds > LONGEST_PAUSE_SECONDS:
                return self._checked(response)
            self.pause(seconds, f"the server takes nothing now: {_reason(response)}")
        return self._checked(self._send_once(method, path, options))

    def _back_off(self) -> Iterator[float]:
        """Yield the pause (seconds) before each further attempt."""
        for attempt in range(self._retries):
            yield min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS)

    def _send_once(self, method: str, path: str, options: dict[str, Any]) -> requests.Response:
        lost = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
        try:
            return self._session.request(method, self.address + path, **options)
        except lost as error:
            raise UnreachableError(f"no answer from {self.address}: {_cause(error)}") from error
        except requests.RequestException as error:
            raise BrokenAnswerError(f"{method} {self.address}{path} failed: {error}") from error

    def _checked(self, response: requests.Response) -> requests.Response:
        """Return an answer that tells of success; any other is raised."""
        if response.is_redirect:
            target = response.headers["Location"]
            raise BrokenAnswerError(f"{self.address} sends to another address: {target}; give that one by --address")
        if response.status_code >= requests.codes.bad_request:
            asked = f"{response.request.method} {urlsplit(response.url).path}"
            raise AnswerError(_reason(response), response.status_code, asked)
        return response

    def _no_such_server(self, response: requests.Response) -> BrokenAnswerError:
        said = response.headers.get("Content-Type", "no type")
        return BrokenAnswerError(
            f"what answers at {self.address} is not the health statistics server: status {response.status_code}, "
            f"{said}, {_shortened(response.text)!r}"
        )


def base_address(text: str) -> str:
    """Return an address without a slash at the end, with http:// before it where it has no scheme.

    Raises
    ------
    UsageError: it is no address of a web server
    """
    address = (text if "://" in text else f"http://{text}").rstrip("/")
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"{text!r} is no address; give one such as {DEFAULT_ADDRESS} by --address or STATS_URL")
    return address


def retry_after_seconds(response: requests.Response) -> float:
    """Return how long an answer asks to wait, in seconds: 0 where it does not say so, or in no way that is known."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _reason(response: requests.Response) -> str:
    """Return what an error answer says is wrong, or else what its status means and how it begins."""
    try:
        return str(orjson.loads(response.content)["reason"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"{response.reason or 'no reason'}: {_shortened(response.text)!r}"


def _cause(error: BaseException) -> str:
    """Return the innermost error's own words: those around it tell of the library's inner life."""
    innermost: BaseException = error
    while inner := _inner(innermost):
        innermost = inner
    return getattr(innermost, "strerror", None) or str(innermost) or type(innermost).__name__


def _inner(error: BaseException) -> BaseException | None:
    held = getattr(error, "reason", None), error.__cause__, *error.args
    return next((inner for inner in held if isinstance(inner, BaseException)), None)


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "…"
