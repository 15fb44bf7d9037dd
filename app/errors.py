"""One tree of service errors, each with its HTTP status, and the one envelope that every error is told in."""

from collections.abc import Mapping
from typing import ClassVar

LONGEST_QUOTE_CHARS = 300


class ServiceError(Exception):
    """A failure that a client or an operator is told about in one clear sentence.

    Parameters
    ----------
    reason: what is wrong and how to put it right; safe to show to anybody
    headers: HTTP headers that go with the answer, for example ``Retry-After``
    """

    status: ClassVar[int] = 500

    def __init__(self, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.headers = dict(headers or {})


class InvalidRequestError(ServiceError):
    """The request is malformed or asks for something that the table does not hold."""

    status = 400


class UnknownJobError(ServiceError):
    """No job of that id was ever accepted."""

    status = 404

    def __init__(self) -> None:
        super().__init__("Invalid job_id")


class UnsupportedMediaTypeError(ServiceError):
    """The body is not declared as JSON."""

    status = 415


class ShuttingDownError(ServiceError):
    """The pool takes no more jobs."""

    status = 503
    RETRY_AFTER_SECONDS: ClassVar[int] = 30

    def __init__(self) -> None:
        super().__init__("shutting down", {"Retry-After": str(self.RETRY_AFTER_SECONDS)})


class StartError(ServiceError):
    """The server cannot start as it is set up; the process ends with exit code 2."""


class SettingsError(StartError):
    """A setting makes no sense."""


class SourceError(StartError):
    """The table cannot be read from its source."""


def envelope(reason: str) -> dict[str, str]:
    """Return the body of an error answer."""
    return {"status": "error", "reason": reason}


def quoted(text: str) -> str:
    """Return what a client sent in quotes, shortened where it is very long."""
    return repr(text if len(text) <= LONGEST_QUOTE_CHARS else text[:LONGEST_QUOTE_CHARS] + "…")
