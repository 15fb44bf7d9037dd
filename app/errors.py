"""The errors of the service, each with its HTTP status, and the JSON envelope of every error response."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

LONGEST_QUOTE_CHARS = 300


@dataclass(frozen=True, slots=True)
class ErrorEnvelope:
    """The body of every error response: what is wrong, and how to fix it."""

    status: Literal["error"] = field(default="error", init=False)
    reason: str


@dataclass(frozen=True, slots=True)
class FieldError(ErrorEnvelope):
    """The body of a response to a request with a mistake in one field: which one, and what may have been meant.

    ``field`` is a path in the body, such as ``state`` or ``locations.1``, or the name of a parameter. ``suggestions``
    are values of the field that may have been meant, the likeliest first.
    """

    field: str
    suggestions: tuple[str, ...]


class ServiceError(Exception):
    """A failure with a reason that clients or operators can read.

    Parameters
    ----------
    reason: what is wrong and how to fix it; it holds no secrets
    headers: HTTP headers of the response, for example ``Retry-After``
    """

    status: ClassVar[int] = 500

    def __init__(self, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.headers = dict(headers or {})

    def envelope(self) -> ErrorEnvelope:
        """Return the body of the error response."""
        return ErrorEnvelope(self.reason)


class InvalidRequestError(ServiceError):
    """The request is malformed, or names something that the table does not hold.

    Parameters
    ----------
    field: where the mistake is, as in ``FieldError``; empty if it is not in one field
    suggestions: as in ``FieldError``
    words: the mistake in plain words, for a page that shows it at its field; by default the reason
    """

    status = 400

    def __init__(self, reason: str, field: str = "", suggestions: Sequence[str] = (), words: str = "") -> None:
        super().__init__(reason)
        self.field = field
        self.suggestions = tuple(suggestions)
        self.words = words or reason

    def envelope(self) -> ErrorEnvelope:
        """Return the body of the error response, with the field if the mistake is in one."""
        return FieldError(self.reason, self.field, self.suggestions) if self.field else super().envelope()


class UnauthorizedError(ServiceError):
    """The request to a protected route has no token."""

    status = 401

    def __init__(self) -> None:
        reason = "this route needs the operator's token; send the header Authorization: Bearer <token>"
        super().__init__(reason, {"WWW-Authenticate": "Bearer"})


class ForbiddenError(ServiceError):
    """The client is not allowed to do this."""

    status = 403


class UnknownJobError(ServiceError):
    """No job with that id was ever accepted."""

    status = 404

    def __init__(self) -> None:
        super().__init__("Invalid job_id")


class GoneError(ServiceError):
    """The job's result has been removed."""

    status = 410

    def __init__(self) -> None:
        super().__init__(
            "the job and its result have been removed, by the retention rule or on request; submit it again"
        )


class TableGoneError(ServiceError):
    """The version of the table that is asked for, or that a job needs, is not kept any more."""

    status = 410


class LostResultError(ServiceError):
    """The job's result is lost, and what could be computed now would be another one."""

    status = 410


class UnknownTableError(ServiceError):
    """No version of the table has that id."""

    status = 404


class UnknownPlaceError(ServiceError):
    """The table has no location of that name."""

    status = 404


class ConflictError(ServiceError):
    """The state of the job does not allow this."""

    status = 409


class JobBusyError(ConflictError):
    """The job is running and can no longer be cancelled."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"{job_id} is running and can no longer be cancelled; remove it once it is done")


class KeyReusedError(ServiceError):
    """The Idempotency-Key was used before, with another request."""

    status = 422

    def __init__(self) -> None:
        super().__init__(
            "this Idempotency-Key was used before, with another request; send a new key with a new request"
        )


class UnsupportedMediaTypeError(ServiceError):
    """The body is not declared as JSON."""

    status = 415


class UnavailableError(ServiceError):
    """The job is not accepted now; the client can try again later."""

    status = 503

    def __init__(self, reason: str, retry_after_seconds: int) -> None:
        super().__init__(reason, {"Retry-After": str(retry_after_seconds)})


class ShuttingDownError(UnavailableError):
    """The pool accepts no more jobs."""

    RETRY_AFTER_SECONDS: ClassVar[int] = 30

    def __init__(self) -> None:
        super().__init__("shutting down", self.RETRY_AFTER_SECONDS)


class QueueFullError(UnavailableError):
    """The queue has no free place."""

    def __init__(self, waiting: int, retry_after_seconds: int) -> None:
        super().__init__(
            f"the queue is full, {waiting} jobs wait; try again in {retry_after_seconds} s", retry_after_seconds
        )


class ClientQueueFullError(ServiceError):
    """The client's jobs occupy its whole share of the queue."""

    status = 429

    def __init__(self, waiting: int, retry_after_seconds: int) -> None:
        super().__init__(
            f"{waiting} jobs of this client wait, and one client may not fill the queue; "
            f"try again in {retry_after_seconds} s",
            {"Retry-After": str(retry_after_seconds)},
        )


class NotRecordedError(UnavailableError):
    """A job, a removal or a result computed again cannot be recorded on disk, so it is not acknowledged."""

    RETRY_AFTER_SECONDS: ClassVar[int] = 5

    def __init__(self, problem: str) -> None:
        super().__init__(f"this cannot be recorded on disk ({problem}); try again later", self.RETRY_AFTER_SECONDS)


class PictureError(ServiceError):
    """The chart cannot be drawn as a picture."""


class ConverterExitedError(UnavailableError):
    """The process that draws pictures exited before it had drawn this one."""

    RETRY_AFTER_SECONDS: ClassVar[int] = 5

    def __init__(self) -> None:
        reason = "the chart converter exited early; try again, or request the result as json"
        super().__init__(reason, self.RETRY_AFTER_SECONDS)


class PictureTimeoutError(UnavailableError):
    """The picture was not drawn within the time limit."""

    RETRY_AFTER_SECONDS: ClassVar[int] = 30

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the picture was not drawn within {seconds:g} s; try again later, or request the result as csv",
            self.RETRY_AFTER_SECONDS,
        )


class PicturesBusyError(UnavailableError):
    """Too many pictures wait to be drawn."""

    RETRY_AFTER_SECONDS: ClassVar[int] = 2

    def __init__(self) -> None:
        super().__init__(
            f"too many pictures wait to be drawn; try again in {self.RETRY_AFTER_SECONDS} s",
            self.RETRY_AFTER_SECONDS,
        )


class TooManyMarksError(ServiceError):
    """The chart of a result would be too large."""

    status = 422

    def __init__(self, marks: int, most: int) -> None:
        super().__init__(
            f"the chart would have {marks} marks, and at most {most} are drawn; request fewer locations, strata or "
            "years, or the result as csv"
        )


class StartError(ServiceError):
    """The server cannot start with its settings; the process exits with code 2."""


class SettingsError(StartError):
    """A setting has an invalid value."""


class SourceError(StartError):
    """The table cannot be read from its source."""


def quoted(text: str) -> str:
    """Return a client's text in quotes, cut off if it is very long."""
    return repr(text if len(text) <= LONGEST_QUOTE_CHARS else text[:LONGEST_QUOTE_CHARS] + "…")


def one_line(error: BaseException) -> str:
    """Return an error's message in one line: the system's words for an OSError, the class name for an empty message."""
    message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    first, *others = message.strip().splitlines() or [type(error).__name__]
    return f"{first} {others[0].strip()}" if first.endswith(":") and others else first


def join_first(items: Sequence[str], limit: int, separator: str = ", ") -> str:
    """Join items for a message. Of more than ``limit``, name the first and count the others."""
    more = len(items) - limit
    return separator.join([*items[:limit], *([f"and {more} more"] if more > 0 else [])])
