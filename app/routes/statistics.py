"""Submitting jobs: one route per statistic of the registry."""

from flask import Blueprint, Response

from app.routes.jobs import RESULTS_PATH
from app.routes.submission import accepted_answer, idempotency_key, json_body
from app.routes.support import services, this_request
from app.statistics import STATISTICS

blueprint = Blueprint("statistics", __name__, url_prefix="/api")


def submit(statistic: str) -> Response:
    """Accept a job; the answer is its id."""
    asked = this_request()
    job = services().submit(statistic, json_body(), idempotency_key())
    asked.job_id = job_id = job.id
    answer = accepted_answer(job)
    answer.headers["Location"] = f"{asked.root_path}{RESULTS_PATH}{job_id}"
    return answer


for _name in STATISTICS:
    blueprint.add_url_rule(f"/{_name}", _name, submit, methods=["POST"], defaults={"statistic": _name})
