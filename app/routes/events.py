"""Live events: a stream of what happens to jobs, queue and table, as Server-Sent Events."""

from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import Field

from app.events import stream
from app.jobs.job import Job
from app.web.api_description import Parameter, ResponseDescription, describe
from app.web.support import ApiResponse, list_argument, seconds_argument, services

EVENTS_TYPE = "text/event-stream"
LONGEST_SECONDS = 3600.0  # a client that wants more connects again, as browsers do by themselves
MOST_JOBS = 100

JOBS = Parameter(
    "jobs",
    f"follow only these jobs, at most {MOST_JOBS}, and end once all have ended",
    Annotated[str, Field(pattern="^[^,]+(,[^,]+)*$")],
    "job_id_1",
)
SECONDS = Parameter(
    "seconds",
    f"seconds after which the stream ends; more than {LONGEST_SECONDS:g}, the default, count as {LONGEST_SECONDS:g}",
    Annotated[float, Field(ge=0)],
    1,
)

blueprint = Blueprint("events", __name__)


@blueprint.get("/api/events")
@describe(
    {200: ResponseDescription("the stream", {EVENTS_TYPE: str})}, parameters=(JOBS, SECONDS), errors=(400, 404, 410)
)
def events() -> Response:
    """Stream the changes of jobs, queue and table as Server-Sent Events; ?jobs=<job_id>,<job_id>, ?seconds=<n>."""
    seconds = seconds_argument("seconds", LONGEST_SECONDS) if "seconds" in request.args else LONGEST_SECONDS
    hub = services().events
    listener = hub.listen(_requested_jobs())
    response = ApiResponse(stream(listener, seconds), content_type=EVENTS_TYPE)
    response.call_on_close(lambda: hub.leave(listener))
    response.cache_control.no_store = True
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold events back until it has a block of them
    return response


def _requested_jobs() -> list[Job] | None:
    """Return the jobs in the query string, None for all.

    Raises
    ------
    InvalidRequestError, UnknownJobError, GoneError: the list is malformed, or there is no such job
    """
    if "jobs" not in request.args:
        return None
    find = services().store.map.find
    return [find(job_id) for job_id in dict.fromkeys(list_argument("jobs", MOST_JOBS))]
