"""Describe a route beside its view: parameters, body and responses for the API document.

``@describe(...)`` stores the description on the view function and returns that same function: it wraps nothing, so a
request pays nothing for it. ``app.openapi`` collects the descriptions when somebody asks for the document.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from app.errors import ErrorEnvelope, FieldError, InvalidRequestError
from app.web.support import JSON_TYPE

DESCRIPTION = "api_description"  # the attribute of a view that holds its description

JobId = Annotated[str, Field(pattern="^job_id_[1-9][0-9]{0,17}$")]
View = TypeVar("View", bound=Callable[..., Any])

ERRORS: Mapping[int, str] = MappingProxyType(
    {
        400: "the request is malformed, or names something that the table does not hold",
        401: "the server has a token and the request has none",
        403: "the request is not an operator's, comes from a page of another site, or has a Host that is not allowed",
        404: "not found",
        409: "the state of the job, or of the version of the table, does not allow this",
        410: "the job, or the version of the table, has been removed, by the retention rule or on request",
        413: "the body is over the limit",
        415: "the body is not declared as JSON",
        422: "the Idempotency-Key was used before, with another request; or the chart would have too many marks",
        429: "this client's jobs occupy its whole share of the queue; try again later",
        500: "the server failed; the fault is in its log",
        503: "try again later: the table is loading, the server stops, the queue of jobs or pictures is full, "
        "the disk is not writable, or clients have not read too many long responses",
    }
)


@dataclass(frozen=True, slots=True)
class Header:
    """A response header and the type of its value."""

    description: str
    type: Any = str


HEADERS: Mapping[str, Header] = MappingProxyType(
    {
        "Content-Disposition": Header("a file name that says what the result is"),
        "Location": Header("the address of the job's result"),
        "Preference-Applied": Header("the wait that was applied, when the response waited for the result"),
        "Retry-After": Header("seconds until the next try", Annotated[int, Field(ge=1)]),
        "Vary": Header("the request headers that the response depends on"),
        "WWW-Authenticate": Header("how to send the token", Literal["Bearer"]),
        "ETag": Header("the tag of this content, to be sent back in If-None-Match"),
    }
)
ERROR_HEADERS: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a route.

    Parameters
    ----------
    type: the type of its values
    example: a value that works as it is; None if no value works more than once
    """

    name: str
    description: str
    type: Any
    example: Any = None
    where: Literal["path", "query", "header"] = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class RequestBody:
    """The JSON body of a request.

    Parameters
    ----------
    model: its type, or a function that returns it when the document is built
    example: a body that works as it is
    """

    model: Any
    example: Any


@dataclass(frozen=True, slots=True)
class ResponseDescription:
    """The response of a route under one status.

    Parameters
    ----------
    content: by media type, the type of the body or a function that returns it when the document is built; None if
        there is no body
    headers: names of ``HEADERS`` that are always present
    optional_headers: names of those that are present at times
    """

    description: str
    content: Mapping[str, Any] | None = None
    headers: tuple[str, ...] = ()
    optional_headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteDescription:
    """What a route takes and returns.

    Parameters
    ----------
    responses: by status, errors excluded
    errors: keys of ``ERRORS`` that this route can return, besides those that all routes with its method can return
    links: where to use a field of the response next, as an OpenAPI Link Object
    """

    responses: Mapping[int, ResponseDescription]
    parameters: tuple[Parameter, ...] = ()
    body: RequestBody | None = None
    errors: tuple[int, ...] = ()
    links: Mapping[str, Any] | None = None


def describe(
    responses: Mapping[int, ResponseDescription],
    *,
    parameters: tuple[Parameter, ...] = (),
    body: RequestBody | None = None,
    errors: tuple[int, ...] = (),
    links: Mapping[str, Any] | None = None,
) -> Callable[[View], View]:
    """Add a route to the API document; its summary is the first line of the view's docstring.

    Parameters
    ----------
    responses, parameters, body, errors, links: as in ``RouteDescription``
    """
    description = RouteDescription(responses, parameters, body, errors, links)

    def add(view: View) -> View:
        setattr(view, DESCRIPTION, description)
        return view

    return add


def description_of(view: Callable[..., Any]) -> RouteDescription | None:
    """Return the description of a view, None for one that is not in the API document."""
    description: RouteDescription | None = getattr(view, DESCRIPTION, None)
    return description


def json_of(model: Any, description: str = "done") -> Mapping[int, ResponseDescription]:
    """Return the responses of a route that only returns JSON of one type."""
    return {200: ResponseDescription(description, {JSON_TYPE: model})}


def error_description(status: int) -> ResponseDescription:
    """Return the description of an error response."""
    model = FieldError | ErrorEnvelope if status == InvalidRequestError.status else ErrorEnvelope
    return ResponseDescription(ERRORS[status], {JSON_TYPE: model}, ERROR_HEADERS.get(status, ()))


def operation_id(method: str, path: str) -> str:
    """Return the OpenAPI operationId of a route under one method, with the path's parameters in braces."""
    return "_".join([method.lower(), *re.findall(r"\w+", path)])


JOB_ID = Parameter("job_id", "the job's id", JobId, "job_id_1", where="path", required=True)
TAG = Parameter("If-None-Match", "the ETag that the client already has; the response is then 304", str, where="header")
