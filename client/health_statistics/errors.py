"""Errors that the client raises, each with the exit code of the command line."""

from collections.abc import Sequence
from typing import ClassVar


class ClientError(Exception):
    """The base of all errors; the message says what is wrong and how to fix it."""

    exit_code: ClassVar[int] = 1


class ResponseError(ClientError):
    """The server answered with an error status.

    Parameters
    ----------
    reason: the server's own words
    status: the HTTP status code
    request: method and path of the request
    field: where in the request the mistake is: a path in the body, such as ``state`` or ``locations.1``, or the name of
        a parameter; empty if it is not in one field
    suggestions: values of the field that may have been meant, the likeliest first
    """

    def __init__(
        self, reason: str, status: int, request: str, field: str = "", suggestions: Sequence[str] = ()
    ) -> None:
        super().__init__(f"{reason} (status {status} of {request})")
        self.reason = reason
        self.status = status
        self.field = field
        self.suggestions = tuple(suggestions)


class JobFailedError(ClientError):
    """The server accepted the job, and the job failed."""


class MissingCitationError(ClientError):
    """The result has no citation."""


class UsageError(ClientError):
    """The arguments are wrong; the client has submitted nothing."""

    exit_code = 2


class UnreachableError(ClientError):
    """No server responds at the address."""

    exit_code = 3


class ProtocolError(ClientError):
    """The response does not come from a health statistics server, or belongs to another request."""

    exit_code = 4


class JobTimeoutError(ClientError):
    """The job did not finish within the timeout; the server still computes it."""

    exit_code = 5

    def __init__(self, job_id: str) -> None:
        super().__init__(f"{job_id} did not finish within the timeout; the server still computes it")
        self.job_id = job_id
