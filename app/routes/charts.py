"""Charts of answers: the specification that a page draws, and pictures of the same."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

import orjson
from flask import Blueprint, Response, request

from app.charts import ChartContext, Theme, chart_of
from app.charts.pictures import picture
from app.dashboard.charting import chart_context
from app.errors import ConflictError, InvalidRequestError, quoted
from app.forms import Form
from app.job import Job, JobStatus
from app.planner import planner_of
from app.routes.support import json_answer, services, this_request
from app.statistics import STATISTICS

THEMES: tuple[Theme, ...] = ("light", "dark")

blueprint = Blueprint("charts", __name__)


@blueprint.get("/api/get_results/<job_id>/chart")
def chart(job_id: str) -> Response:
    """Give the chart of a job that is done as Vega-Lite; ?kind=<kind> and ?theme=<light or dark>."""
    parts = services()
    job = parts.store.map.find(job_id)
    this_request().job_id = job_id
    return json_answer(specification(job, orjson.loads(parts.store.document(job).content)))


def specification(job: Job, document: dict[str, Any]) -> dict[str, Any]:
    """Return the chart that the query string asks for.

    Raises
    ------
    ConflictError: the job has no answer
    InvalidRequestError: the answer is not drawn like that
    """
    if document["status"] != JobStatus.DONE:
        raise ConflictError(f"{job.id} has no answer to draw; GET /api/get_results/{job.id} tells how far it is")
    answer = {"data": document["data"]}  # what the provenance tells, the context does
    return chart_of(job.statistic, answer, _about(job, document), kind=request.args.get("kind"), theme=asked_theme())


def _picture(form: Literal["svg", "png"], job: Job, content: bytes) -> bytes:
    """Make a picture of the same specification that the page draws. Blocks for a second or two the first time."""
    return picture(specification(job, orjson.loads(content)), form)


SVG = Form("svg", "image/svg+xml", "image/svg+xml", partial(_picture, "svg"))
PNG = Form("png", "image/png", "image/png", partial(_picture, "png"))
PICTURES: Mapping[str, Form] = MappingProxyType({form.name: form for form in (SVG, PNG)})


def provenance_of_job(job: Job, document: dict[str, Any]) -> dict[str, Any]:
    """Return where the figures of an answer come from; empty where the table of now does not tell."""
    found: dict[str, Any] = document.get("provenance") or {}
    if found or job.request is None or job.statistic not in STATISTICS:
        return found
    try:
        return planner_of(services().ingestor.table).provenance(job.request)
    except InvalidRequestError:
        return {}


def _about(job: Job, document: dict[str, Any]) -> ChartContext:
    return chart_context(document, provenance_of_job(job, document), services().ingestor.table)


def asked_theme() -> Theme:
    """Return the theme that the query string asks for.

    Raises
    ------
    InvalidRequestError: there is no such theme
    """
    asked = request.args.get("theme", THEMES[0])
    for theme in THEMES:
        if theme == asked:
            return theme
    raise InvalidRequestError(f"theme must be {' or '.join(THEMES)}, not {quoted(asked)}")
