"""Following jobs: their results, their states, how many are left."""

from dataclasses import asdict
from typing import Any

import orjson
from flask import Blueprint, Response, request

from app.errors import InvalidRequestError, UnknownJobError, quoted
from app.jobs.job import parse_job_id
from app.jobs.job_details import JobDetails, JobState, moment
from app.jobs.status_map import JobPage, job_page
from app.routes.results import asked_form, result_answer
from app.web.guard import protected
from app.web.support import (
    count_argument,
    data_answer,
    json_answer,
    list_argument,
    seconds_argument,
    services,
    this_request,
)

LONGEST_WAIT_SECONDS = 30.0
MOST_IDS = 1000
RESULTS_PATH = "/api/get_results/"

blueprint = Blueprint("jobs", __name__)


@blueprint.get(f"{RESULTS_PATH}<job_id>")
def get_results(job_id: str) -> Response:
    """Answer with a job's state and, once it is done, its result; ?wait=<seconds> holds the answer until then."""
    parts = services()
    job = parts.store.map.find(job_id)
    this_request().job_id = job_id
    form = asked_form()
    parts.wait((job,), seconds_argument("wait", LONGEST_WAIT_SECONDS))
    return result_answer(job, parts.store.document(job), form)


@blueprint.get(RESULTS_PATH.rstrip("/"))
def get_many_results() -> Response:
    """Answer with many jobs at once, by ?ids=<job_id>,<job_id>; ?wait=<seconds> holds the answer until all ended."""
    job_ids = list_argument("ids", MOST_IDS)
    documents = services().documents(job_ids, seconds_argument("wait", LONGEST_WAIT_SECONDS))
    return data_answer({job_id: orjson.Fragment(document) for job_id, document in documents.items()})


@blueprint.get("/api/jobs")
def list_jobs() -> Response:
    """List the jobs with their states in the order of acceptance; ?limit=<n> and ?after=<job_id> page through them."""
    statuses = services().store.map.statuses(after=_after_argument(), limit=count_argument("limit"))
    return data_answer([{job_id: status} for job_id, status in statuses])


@blueprint.delete("/api/jobs/<job_id>")
@protected
def cancel_job(job_id: str) -> Response:
    """Cancel a job that waits, or remove one that has ended, with its file."""
    outcome = services().pool.cancel(job_id)
    this_request().job_id = job_id
    return data_answer({job_id: outcome})


@blueprint.get("/api/num_jobs")
def num_jobs() -> Response:
    """Count the jobs that are accepted and not yet finished."""
    return json_answer({"num_jobs": services().store.map.unfinished()})


def _after_argument() -> int:
    text = request.args.get("after")
    if text is None:
        return 0
    try:
        return parse_job_id(text)
    except UnknownJobError as error:
        raise InvalidRequestError(f"after must be a job id such as job_id_1, not {quoted(text)}") from error


JOBS_AT_A_TIME, MOST_AT_A_TIME = 100, 1000
TIMES = ("accepted_at", "started_at", "ended_at")


@blueprint.get("/api/jobs/<job_id>")
def job_details(job_id: str) -> Response:
    """Tell of a job what was asked, its state (waiting, running, done, error), why it failed, and its times."""
    jobs = services().store.map
    (details,) = jobs.details([jobs.find(job_id)])
    return data_answer(_told(details))


@blueprint.get("/api/job_details")
def jobs_in_detail() -> Response:
    """List jobs in detail, the newest first; ?limit=<n>, at most 1,000, ?before=<job_id> and ?state=<state>."""
    return data_answer([_told(details) for details in asked_page().jobs])


@blueprint.get("/api/queue")
def queue() -> Response:
    """Tell how many jobs wait, are computed and are kept, whether jobs are taken, and which runners are alive."""
    return data_answer(queue_facts())


def queue_facts() -> dict[str, Any]:
    """Return what is told of the queue."""
    parts = services()
    jobs, runners = parts.store.map, parts.pool.runners()
    waiting, unfinished = parts.pool.waiting(), jobs.unfinished()
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
