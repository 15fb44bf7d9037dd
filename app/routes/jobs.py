"""Following jobs: their results, their states, how many are left."""

import orjson
from flask import Blueprint, Response, request

from app.errors import InvalidRequestError, UnknownJobError, quoted
from app.job import parse_job_id
from app.routes.forms import asked_form, result_answer
from app.routes.guard import protected
from app.routes.support import (
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
    outcome = services().store.cancel(job_id)
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
