"""Submitting jobs: one route per statistic of the registry."""

from flask import Blueprint, Response

from app.errors import UnsupportedMediaTypeError, quoted
from app.routes.jobs import RESULTS_PATH
from app.routes.support import JSON_TYPE, idempotency_key, json_answer, services, this_request
from app.statistics import STATISTICS

blueprint = Blueprint("statistics", __name__, url_prefix="/api")


def submit(statistic: str) -> Response:
    """Accept a job; the answer is its id."""
    asked = this_request()
    raw = asked.get_data(cache=True)
    if asked.content_type != JSON_TYPE and raw and not asked.is_json:
        declared = quoted(asked.mimetype) if asked.mimetype else "no type"
        raise UnsupportedMediaTypeError(
            f"the body is declared as {declared}; send JSON with the header Content-Type: application/json"
        )
    job = services().submit(statistic, raw, idempotency_key())
    asked.job_id = job_id = job.id
    answer = json_answer({"job_id": job_id})
    answer.headers["Location"] = f"{asked.root_path}{RESULTS_PATH}{job_id}"
    return answer


for _name in STATISTICS:
    blueprint.add_url_rule(f"/{_name}", _name, submit, methods=["POST"], defaults={"statistic": _name})
