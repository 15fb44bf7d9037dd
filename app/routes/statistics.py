"""Submitting jobs: a route for each registered statistic, and one for a batch of requests."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Literal, cast

import orjson
from flask import Blueprint, Response
from flask.blueprints import BlueprintSetupState
from pydantic import Field, create_model
from werkzeug.http import parse_list_header

from app.errors import ErrorEnvelope, InvalidRequestError, UnsupportedMediaTypeError, quoted
from app.jobs.job import RUNNING_DOCUMENT, Job, JobStatus
from app.planner import MOST_REQUESTS
from app.routes.results import RESULTS_PATH, Explained, job_document, one_of
from app.statistics import STATISTICS, Statistic
from app.web.api_description import Parameter, RequestBody, ResponseDescription, describe, operation_id
from app.web.document_stream import documents_response
from app.web.header_cache import cached_by_text
from app.web.sender import root_address, sender_of
from app.web.support import BATCH_PATH, JSON_TYPE, ApiResponse, Data, Done, json_response, services, this_request
from app.web.unread import document_to_send

PREFIX = "/api"
LONGEST_PREFERRED_WAIT_SECONDS = 30
PREFER_HEADERS_CACHED = 256
KEY_PATTERN = re.compile("[!-~]{1,255}")
SECONDS_PATTERN = re.compile("[0-9]{1,18}")
BATCH_EXAMPLES = ("best5", "state_mean", "estimate")
SUBMISSION_ERRORS = (400, 415, 422, 429)
SUBMISSION_DETAILS = "The response is the id of a job. With Prefer: wait=5, it is the result, if the job ends in time."

PREFER = Parameter(
    "Prefer", "wait=5, in seconds, at most 30: return the result if it is ready in time", str, "wait=5", where="header"
)
KEY = Parameter(
    "Idempotency-Key",
    "a submission that is repeated with the same key and body returns the job of the first one",
    Annotated[str, Field(pattern=f"^{KEY_PATTERN.pattern}$")],
    where="header",
)
RESULT_LINK = {
    "result": {
        "operationId": operation_id("GET", f"{RESULTS_PATH}{{job_id}}"),
        "parameters": {"job_id": "$response.body#/job_id"},
        "description": "the job's result",
    }
}

blueprint = Blueprint("statistics", __name__, url_prefix=PREFIX)


@dataclass(frozen=True, slots=True)
class JobAccepted:
    """The job is accepted under this id."""

    job_id: str


# The next three only describe: their JSON is the bytes of the job's document with the id put in front, because
# parsing a finished document to serialize it again would cost more than the rest of the request.
@dataclass(frozen=True, slots=True)
class AcceptedDone(Done[Data], Generic[Data]):
    """The job's id, and its result, which was ready in time."""

    job_id: str


@dataclass(frozen=True, slots=True)
class AcceptedExplained(Explained[Data], Generic[Data]):
    """The job's id, and its result with provenance, which was ready in time."""

    job_id: str


@dataclass(frozen=True, slots=True)
class AcceptedFailed(ErrorEnvelope):
    """The job's id, and why it has failed."""

    job_id: str


@dataclass(frozen=True, slots=True)
class BatchAccepted:
    """The jobs are accepted under these ids, in the order of the requests."""

    job_ids: list[str]


@dataclass(frozen=True, slots=True)
class BatchDone(Generic[Data]):
    """The ids of the jobs, and their documents by id, which were all ready in time."""

    job_ids: list[str]
    status: Literal["done"] = field(default="done", init=False)
    data: Data


def _batch_types() -> Any:
    return BatchDone[dict[str, job_document()]] | BatchAccepted  # type: ignore[misc]  # known at run time


def _batch_body() -> Any:
    """Return the type of a batch: a list of bodies, each with the name of its statistic."""
    requests: Any = one_of(map(_named_body, STATISTICS.values()))
    chosen: Any = Annotated[requests, Field(discriminator="statistic")]
    return Annotated[list[chosen], Field(min_length=1, max_length=MOST_REQUESTS)]


def _named_body(statistic: Statistic) -> Any:
    name: Any = Literal[statistic.name]
    return create_model(f"{statistic.name}_request", __base__=statistic.body, statistic=(name, ...))


@blueprint.post(BATCH_PATH.removeprefix(PREFIX))
@describe(
    {
        200: ResponseDescription(
            "the jobs are accepted", {JSON_TYPE: _batch_types}, optional_headers=("Preference-Applied",)
        )
    },
    parameters=(PREFER, KEY),
    body=RequestBody(_batch_body, [{"statistic": name, **STATISTICS[name].example} for name in BATCH_EXAMPLES]),
    errors=SUBMISSION_ERRORS,
)
def submit_batch() -> Response:
    """Accept many jobs or none: a list of requests, each with its "statistic"; returns the jobs' ids."""
    current = this_request()
    jobs = services().submit_batch(_json_body(), _idempotency_key(), sender_of(current), root_address(current))
    current.job_id = f"{jobs[0].id}..{jobs[-1].id}"
    return _batch_response(jobs)


@blueprint.record
def _add_routes(state: BlueprintSetupState) -> None:
    """Add a route for each statistic that is registered when an application is made."""
    for statistic in STATISTICS.values():
        state.add_url_rule(f"/{statistic.name}", statistic.name, _submission_view(statistic), methods=["POST"])


def _submission_view(statistic: Statistic) -> Callable[[], Response]:
    envelope: Any = AcceptedExplained if statistic.provenance else AcceptedDone
    accepted = one_of([envelope[statistic.result], AcceptedFailed, JobAccepted])

    @describe(
        {
            200: ResponseDescription(
                "the job is accepted", {JSON_TYPE: accepted}, ("Location",), optional_headers=("Preference-Applied",)
            )
        },
        parameters=(PREFER, KEY),
        body=RequestBody(statistic.body, dict(statistic.example)),
        errors=SUBMISSION_ERRORS,
        links=RESULT_LINK,
    )
    def submit() -> Response:
        current = this_request()
        job = services().submit(
            statistic.name, _json_body(), _idempotency_key(), sender_of(current), root_address(current)
        )
        current.job_id = job_id = job.id
        response = _accepted_response(job)
        response.headers["Location"] = f"{current.root_path}{RESULTS_PATH}{job_id}"
        return response

    submit.__doc__ = f"{statistic.summary}\n\n{SUBMISSION_DETAILS}"
    return submit


def _json_body() -> bytes:
    """Return the body of the request.

    Raises
    ------
    UnsupportedMediaTypeError: it is not declared as JSON
    """
    current = this_request()
    raw = current.get_data(cache=True)
    if current.content_type != JSON_TYPE and raw and not current.is_json:
        declared = quoted(current.mimetype) if current.mimetype else "no type"
        raise UnsupportedMediaTypeError(
            f"the body is declared as {declared}; send JSON with the header Content-Type: {JSON_TYPE}"
        )
    return raw


def _idempotency_key() -> str | None:
    """Return the key of the submission, None if it has none.

    Raises
    ------
    InvalidRequestError: the key is malformed
    """
    key = this_request().environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not KEY_PATTERN.fullmatch(key):
        raise InvalidRequestError("Idempotency-Key must be 1 to 255 visible ASCII characters, without spaces")
    return cast("str | None", key)


def _accepted_response(job: Job) -> Response:
    """Return the job's id and, if the client prefers to wait and the job ends in time, its document.

    Blocks as long as the client prefers, at most.
    """
    seconds = _preferred_wait_seconds()
    if seconds is not None:
        services().wait((job,), seconds)
        document = document_to_send(job)
        if document is not RUNNING_DOCUMENT:
            content = b'{"job_id":"%s",%s' % (job.id.encode(), document.content[1:])
            return _applied(json_response(content), seconds, JobAccepted(job.id))
    return json_response(JobAccepted(job.id))


def _batch_response(jobs: Sequence[Job]) -> Response:
    """Return the jobs' ids and, if the client prefers to wait and all end in time, their documents.

    Blocks as long as the client prefers, at most.
    """
    job_ids = [job.id for job in jobs]
    seconds = _preferred_wait_seconds()
    if seconds is not None:
        parts = services()
        parts.wait(jobs, seconds)
        if not any(parts.store.map.status(job) is JobStatus.RUNNING for job in jobs):
            ids = b'"job_ids":%b,' % orjson.dumps(job_ids)
            documents = documents_response(dict(zip(job_ids, jobs, strict=True)), ids)
            return _applied(documents, seconds, BatchAccepted(job_ids))
    return json_response(BatchAccepted(job_ids))


def _applied(response: ApiResponse, seconds: int, accepted: JobAccepted | BatchAccepted) -> Response:
    """Return a response with results. Should there be no room for them, the client learns what was accepted."""
    response.instead = orjson.dumps(accepted)
    response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


def _preferred_wait_seconds() -> int | None:
    prefer = this_request().environ.get("HTTP_PREFER")
    return None if prefer is None else _parse_wait(prefer)


@cached_by_text(PREFER_HEADERS_CACHED)
def _parse_wait(prefer: str) -> int | None:
    """Return the seconds of the first ``wait`` in a Prefer header (RFC 7240), None without a valid one."""
    for preference in parse_list_header(prefer):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            digits = SECONDS_PATTERN.fullmatch(value.strip())
            return min(int(digits[0]), LONGEST_PREFERRED_WAIT_SECONDS) if digits else None
    return None
