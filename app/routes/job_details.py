"""Jobs in detail, and the queue: what the jobs page shows, for programs."""

from dataclasses import asdict
from typing import Any

import orjson
from flask import Blueprint, Response, request

from app.dashboard.words import moment
from app.errors import InvalidRequestError, UnknownJobError, quoted
from app.job import parse_job_id
from app.job_details import JobDetails, JobState
from app.job_pages import JobPage, job_page
from app.routes.support import count_argument, data_answer, services

JOBS_AT_A_TIME, MOST_AT_A_TIME = 100, 1000
TIMES = ("accepted_at", "started_at", "ended_at")

blueprint = Blueprint("job_details", __name__, url_prefix="/api")


@blueprint.get("/jobs/<job_id>")
def job_details(job_id: str) -> Response:
    """Tell of a job what was asked, its state (waiting, running, done, error), why it failed, and its times."""
    jobs = services().store.map
    (details,) = jobs.details([jobs.find(job_id)])
    return data_answer(_told(details))


@blueprint.get("/job_details")
def jobs_in_detail() -> Response:
    """List jobs in detail, the newest first; ?limit=<n>, at most 1,000, ?before=<job_id> and ?state=<state>."""
    return data_answer([_told(details) for details in asked_page().jobs])


@blueprint.get("/queue")
def queue() -> Response:
    """Tell how many jobs wait, are computed and are kept, whether jobs are taken, and which runners are alive."""
    return data_answer(queue_facts())


def queue_facts() -> dict[str, Any]:
    """Return what is told of the queue."""
    parts = services()
    jobs, runners = parts.store.map, parts.pool.runners()
    waiting, unfinished = jobs.waiting(), jobs.unfinished()
    return {
        "waiting": waiting,
        "running": max(0, unfinished - waiting),
        "kept": jobs.size(),
        "open": parts.pool.is_open(),
        "runners": [{"name": runner.name, "alive": runner.is_alive()} for runner in runners],
    }


def asked_page() -> JobPage:
    """Return the page of jobs that the query string asks for.

    Raises
    ------
    InvalidRequestError: it makes no sense
    """
    limit = min(count_argument("limit") or JOBS_AT_A_TIME, MOST_AT_A_TIME)
    return job_page(services().store.map, limit, _before(request.args.get("before")), asked_state())


def asked_state() -> JobState | None:
    """Return the state of the jobs that are asked for, None for all.

    Raises
    ------
    InvalidRequestError: there is no such state
    """
    text = request.args.get("state")
    try:
        return None if text is None else JobState(text)
    except ValueError as error:
        raise InvalidRequestError(f"state must be one of {', '.join(JobState)}, not {quoted(text or '')}") from error


def _before(text: str | None) -> int | None:
    try:
        return None if text is None else parse_job_id(text)
    except UnknownJobError as error:
        raise InvalidRequestError(f"before must be a job id such as job_id_1, not {quoted(text or '')}") from error


def _told(details: JobDetails) -> dict[str, Any]:
    """Return what a program is told of a job."""
    told = asdict(details)
    del told["number"]
    told["job_id"] = told.pop("id")
    body = told.pop("body")
    told["body"] = orjson.Fragment(body) if body else None
    for name in TIMES:
        told[name] = told[name] and moment(told[name])
    return told
