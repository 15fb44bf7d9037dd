"""Submitting jobs: one route per statistic of the registry."""

from flask import Blueprint, Response

from app.routes.jobs import RESULTS_PATH
from app.routes.submission import accepted_answer, accepted_batch_answer, idempotency_key, json_body
from app.routes.support import BATCH_PATH, services, this_request
from app.statistics import STATISTICS

PREFIX = "/api"

blueprint = Blueprint("statistics", __name__, url_prefix=PREFIX)


def submit(statistic: str) -> Response:
    """Accept a job; the answer is its id."""
    asked = this_request()
    job = services().submit(statistic, json_body(), idempotency_key())
    asked.job_id = job_id = job.id
    answer = accepted_answer(job)
    answer.headers["Location"] = f"{asked.root_path}{RESULTS_PATH}{job_id}"
    return answer


@blueprint.post(BATCH_PATH.removeprefix(PREFIX))
def submit_batch() -> Response:
    """Accept many jobs or none: a list of requests, each with its "statistic"; the answer is their ids."""
    asked = this_request()
    jobs = services().submit_batch(json_body(), idempotency_key())
    asked.job_id = f"{jobs[0].id}..{jobs[-1].id}"
    return accepted_batch_answer(jobs)


for _name in STATISTICS:
    blueprint.add_url_rule(f"/{_name}", _name, submit, methods=["POST"], defaults={"statistic": _name})
