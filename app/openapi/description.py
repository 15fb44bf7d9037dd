"""What the API document tells of a route beside its path, its method and its summary: parameters, body, answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field

from app.openapi.answer_models import ErrorEnvelope

JSON_TYPE = "application/json"

JobId = Annotated[str, Field(pattern="^job_id_[1-9][0-9]{0,17}$")]

ERRORS: Mapping[int, str] = MappingProxyType(
    {
        400: "the request is malformed, or asks for what the table does not hold",
        401: "no token was sent, and the server has one",
        403: "a wrong token, or a page of another site",
        404: "there is no such thing",
        409: "the job is being computed and cannot be cancelled any more",
        410: "the job has been removed, by the retention rule or on request",
        413: "the body is over the limit",
        415: "the body is not declared as JSON",
        422: "the Idempotency-Key came with another request before",
        500: "a fault of the server's own, which is logged",
        503: "not now: the table is being read, shutting down, the queue is full, or the disk cannot be written to",
    }
)


@dataclass(frozen=True, slots=True)
class Header:
    """A header of an answer: what it tells, and the type of its value."""

    description: str
    type: Any = str


HEADERS: Mapping[str, Header] = MappingProxyType(
    {
        "Content-Disposition": Header("a telling name for a file of it"),
        "Location": Header("where the job's result will be"),
        "Preference-Applied": Header("the wait that was preferred, where the answer waited for the result"),
        "Retry-After": Header("in how many seconds to try again", Annotated[int, Field(ge=1)]),
        "Vary": Header("the request headers that the answer depends on"),
        "WWW-Authenticate": Header("how to send the token", Literal["Bearer"]),
        "ETag": Header("the tag of this content, to be sent back in If-None-Match"),
    }
)
ERROR_HEADERS: Mapping[int, tuple[str, ...]] = MappingProxyType({401: ("WWW-Authenticate",), 503: ("Retry-After",)})


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a route.

    Parameters
    ----------
    type: the type of its values
    example: a value that can be sent as it is, None where there is none that can be sent again and again
    """

    name: str
    description: str
    type: Any
    example: Any = None
    where: Literal["path", "query", "header"] = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """The JSON body of a request: its model, and an example that can be sent as it is."""

    model: Any
    example: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers under one status.

    Parameters
    ----------
    content: the type of the body by media type, None where there is no body
    headers: the names of headers in ``HEADERS`` that it always has
    may_have: the names of those that it has at times
    """

    description: str
    content: Mapping[str, Any] | None = None
    headers: tuple[str, ...] = ()
    may_have: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """What a route takes and how it answers.

    Parameters
    ----------
    answers: what it answers by status, errors aside
    errors: the statuses of the errors in ``ERRORS`` that this route has beside those that all of its kind have
    operator: only an operator may call it
    links: where what it answers can be used next, as OpenAPI writes that
    """

    answers: Mapping[int, Answer]
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    errors: tuple[int, ...] = ()
    operator: bool = False
    links: Mapping[str, Any] | None = None


def json_of(model: Any, description: str = "done", headers: tuple[str, ...] = ()) -> Mapping[int, Answer]:
    """Return the answers of a route that answers with JSON of one type and nothing else."""
    return {200: Answer(description, {JSON_TYPE: model}, headers)}


def error_answer(status: int) -> Answer:
    """Return the answer that an error is told in."""
    return Answer(ERRORS[status], {JSON_TYPE: ErrorEnvelope}, ERROR_HEADERS.get(status, ()))
