"""One tree of service errors, each with its HTTP status, and the one envelope that every error is told in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

LONGEST_QUOTE_CHARS = 300


@dataclass(frozen=True, slots=True)
class ErrorEnvelope:
    """The body of every error response: what is wrong, and how to fix it."""

    status: Literal["error"] = field(default="error", init=False)
    reason: str


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


class UnauthorizedError(ServiceError):
    """A protected route without a token."""

    status = 401

    def __init__(self) -> None:
        reason = "this needs the operator's token, in the header Authorization: Bearer <token>"
        super().__init__(reason, {"WWW-Authenticate": "Bearer"})


class ForbiddenError(ServiceError):
    """The client may not do this."""

    status = 403


class UnknownJobError(ServiceError):
    """No job of that id was ever accepted."""

    status = 404

    def __init__(self) -> None:
        super().__init__("Invalid job_id")


class GoneError(ServiceError):
    """The job's result has been removed."""

    status = 410

    def __init__(self) -> None:
        super().__init__("the job and its result have been removed, by the retention rule or on request; ask again")


class ConflictError(ServiceError):
    """The job is not in the state that this needs."""

    status = 409


class JobBusyError(ConflictError):
    """The job is being computed and cannot be cancelled any more."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"{job_id} is being computed and cannot be cancelled any more; it can be removed once it is done"
        )


class KeyReusedError(ServiceError):
    """A key that came with another request before."""

    status = 422

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key came with another request before; send a new key with a new request")


class UnsupportedMediaTypeError(ServiceError):
    """The body is not declared as JSON."""

    status = 415


class UnavailableError(ServiceError):
    """The job is not accepted now; it may be later."""

    status = 503

    def __init__(self, reason: str, retry_after_seconds: int) -> None:
        super().__init__(reason, {"Retry-After": str(retry_after_seconds)})


class ShuttingDownError(UnavailableError):
    """The pool takes no more jobs."""

    RETRY_AFTER_SECONDS: ClassVar[int] = 30

    def __init__(self) -> None:
        super().__init__("shutting down", self.RETRY_AFTER_SECONDS)


class QueueFullError(UnavailableError):
    """As many jobs wait as may."""

    def __init__(self, waiting: int, retry_after_seconds: int) -> None:
        super().__init__(
            f"the queue is full, {waiting} jobs wait; try again in {retry_after_seconds} s", retry_after_seconds
        )


class NotRecordedError(UnavailableError):
    """The job cannot be recorded on disk, so it is not accepted."""

    RETRY_AFTER_SECONDS: ClassVar[int] = 5

    def __init__(self, problem: str) -> None:
        super().__init__(f"the job cannot be recorded on disk ({problem}); try again later", self.RETRY_AFTER_SECONDS)


class PictureError(ServiceError):
    """A chart cannot be drawn as a picture."""


class StartError(ServiceError):
    """The server cannot start as it is set up; the process ends with exit code 2."""


class SettingsError(StartError):
    """A setting makes no sense."""


class SourceError(StartError):
    """The table cannot be read from its source."""


def quoted(text: str) -> str:
    """Return what a client sent in quotes, shortened where it is very long."""
    return repr(text if len(text) <= LONGEST_QUOTE_CHARS else text[:LONGEST_QUOTE_CHARS] + "…")


def join_first(items: Sequence[str], limit: int, separator: str = ", ") -> str:
    """Join items for a message. Of more than ``limit``, name the first and count the others."""
    more = len(items) - limit
    return separator.join([*items[:limit], *([f"and {more} more"] if more > 0 else [])])
