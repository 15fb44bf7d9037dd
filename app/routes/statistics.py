"""Submitting jobs: one route per statistic of the registry."""

from flask import Blueprint, Response, g, request, url_for

from app.errors import UnsupportedMediaTypeError, quoted
from app.routes.support import json_answer, services
from app.statistics import STATISTICS

blueprint = Blueprint("statistics", __name__, url_prefix="/api")


def submit(statistic: str) -> Response:
    """Accept a job; the answer is its id."""
    raw = request.get_data(cache=True)
    if raw and not request.is_json:
        declared = quoted(request.mimetype) if request.mimetype else "no type"
        raise UnsupportedMediaTypeError(
            f"the body is declared as {declared}; send JSON with the header Content-Type: application/json"
        )
    job = services().submit(STATISTICS[statistic], raw)
    g.job_id = job.id
    answer = json_answer({"job_id": job.id})
    answer.headers["Location"] = url_for("jobs.get_results", job_id=job.id)
    return answer


for _name in STATISTICS:
    blueprint.add_url_rule(f"/{_name}", _name, submit, methods=["POST"], defaults={"statistic": _name})
