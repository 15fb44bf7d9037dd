"""Jobs: their states and details, the queue, and cancelling or removing a job."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson
from flask import Blueprint, Response, request
from pydantic import Field
from typing_extensions import TypeAliasType

from app.errors import InvalidRequestError, UnknownJobError, quoted
from app.jobs.job import JobStatus, parse_job_id
from app.jobs.job_details import JobDetails, JobState, moment
from app.jobs.status_map import JobPage, job_page
from app.web.api_description import JOB_ID, JobId, Parameter, describe, json_of
from app.web.guard import protected
from app.web.support import Done, count_argument, data_response, json_response, services, this_request

PAGE_JOBS, LONGEST_PAGE_JOBS = 100, 1000
LARGEST_LIMIT = 10**18 - 1

LIMIT = Parameter("limit", "the highest number of jobs", Annotated[int, Field(ge=1, le=LARGEST_LIMIT)], 10)
AFTER = Parameter("after", "only jobs accepted after this one", JobId, "job_id_1")
BEFORE = Parameter("before", "only jobs accepted before this one", JobId, "job_id_2")
STATE = Parameter("state", "only jobs in this state", Literal[tuple(JobState)], "done")

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Cancellation = TypeAliasType("Cancellation", dict[str, Literal["cancelled", "removed"]])  # by job id

blueprint = Blueprint("jobs", __name__)


@dataclass(frozen=True, slots=True)
class UnfinishedJobs:
    """The number of jobs that are accepted and not yet finished."""

    num_jobs: int


@dataclass(frozen=True, slots=True)
class JobDescription:
    """A job in detail. A time is null if it is unknown or still ahead."""

    job_id: str
    statistic: str
    body: Annotated[dict[str, Any] | None, Field(description="the request; null if only the result is left")]
    table: Annotated[str | None, Field(description="the version of the table it is computed over; null if unknown")]
    state: JobState
    reason: Annotated[str | None, Field(description="why the job failed")]
    accepted_at: Moment | None
    started_at: Moment | None
    ended_at: Moment | None


@dataclass(frozen=True, slots=True)
class Runner:
    """A thread that runs jobs."""

    name: str
    alive: bool


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """The numbers of jobs by state, whether the pool accepts jobs, and its runners."""

    waiting: int
    running: int
    kept: int
    open: bool
    runners: list[Runner]


@blueprint.get("/api/jobs")
@describe(json_of(Done[list[dict[str, JobStatus]]]), parameters=(LIMIT, AFTER), errors=(400,))
def list_jobs() -> Response:
    """List the jobs with their states in the order of acceptance; ?limit=<n> and ?after=<job_id> page through them."""
    after = _job_number_argument("after") or 0
    statuses = services().store.map.statuses(after=after, limit=count_argument("limit"))
    return data_response([{job_id: status} for job_id, status in statuses])


@blueprint.delete("/api/jobs/<job_id>")
@describe(json_of(Done[Cancellation]), parameters=(JOB_ID,), errors=(404, 409, 410))
@protected
def cancel_job(job_id: str) -> Response:
    """Cancel a waiting job, or remove a finished one with its file."""
    outcome = services().pool.cancel(job_id)
    this_request().job_id = job_id
    return data_response({job_id: outcome})


@blueprint.get("/api/num_jobs")
@describe(json_of(UnfinishedJobs))
def num_jobs() -> Response:
    """Count the jobs that are accepted and not yet finished."""
    return json_response(UnfinishedJobs(services().store.map.unfinished()))


@blueprint.get("/api/jobs/<job_id>")
@describe(json_of(Done[JobDescription]), parameters=(JOB_ID,), errors=(404, 410))
def describe_job(job_id: str) -> Response:
    """Return a job's request, its state (waiting, running, done, error), why it failed, and its times."""
    jobs = services().store.map
    (details,) = jobs.details([jobs.find(job_id)])
    return data_response(_description_of(details))


@blueprint.get("/api/job_details")
@describe(json_of(Done[list[JobDescription]]), parameters=(LIMIT, BEFORE, STATE), errors=(400,))
def jobs_in_detail() -> Response:
    """List jobs in detail, the newest first; ?limit=<n>, at most 1,000, ?before=<job_id> and ?state=<state>."""
    return data_response([_description_of(details) for details in requested_page().jobs])


@blueprint.get("/api/queue")
@describe(json_of(Done[QueueStatus]))
def queue() -> Response:
    """Return how many jobs are waiting, running and kept, whether jobs are accepted, and which runners are alive."""
    return data_response(queue_status())


def queue_status() -> QueueStatus:
    """Return the state of the pool and its queue."""
    parts = services()
    jobs = parts.store.map
    waiting, unfinished = parts.pool.waiting(), jobs.unfinished()
    return QueueStatus(
        waiting=waiting,
        running=max(0, unfinished - waiting),  # the counts are of two moments
        kept=jobs.size(),
        open=parts.pool.is_open(),
        runners=[Runner(runner.name, runner.is_alive()) for runner in parts.pool.runners()],
    )


def requested_page() -> JobPage:
    """Return the page of jobs that the query string selects.

    Raises
    ------
    InvalidRequestError: an argument is malformed
    """
    limit = min(count_argument("limit") or PAGE_JOBS, LONGEST_PAGE_JOBS)
    return job_page(services().store.map, limit, _job_number_argument("before"), requested_state())


def requested_state() -> JobState | None:
    """Return the job state in the query string, None for jobs in any state.

    Raises
    ------
    InvalidRequestError: the state is unknown
    """
    text = request.args.get("state")
    try:
        return None if text is None else JobState(text)
    except ValueError as error:
        raise InvalidRequestError(
            f"state must be one of {', '.join(JobState)}, not {quoted(text or '')}", "state"
        ) from error


def _job_number_argument(name: str) -> int | None:
    text = request.args.get(name)
    try:
        return None if text is None else parse_job_id(text)
    except UnknownJobError as error:
        raise InvalidRequestError(
            f"{name} must be a job id such as job_id_1, not {quoted(text or '')}", name
        ) from error


def _description_of(details: JobDetails) -> JobDescription:
    return JobDescription(
        job_id=details.id,
        statistic=details.statistic,
        body=orjson.loads(details.body) if details.body else None,
        table=details.table,
        state=details.state,
        reason=details.reason,
        accepted_at=_moment(details.accepted_at),
        started_at=_moment(details.started_at),
        ended_at=_moment(details.ended_at),
    )


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else moment(seconds)
