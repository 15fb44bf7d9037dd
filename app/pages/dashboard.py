"""The dashboard: the form sends a question here, and is sent on to the page of its answer.

With JavaScript the page does the same without being left; the fields and the pages are the same ones.
"""

from dataclasses import asdict
from typing import Any

import orjson
from flask import Blueprint, Response, request

from app.charts import kinds_of
from app.errors import InvalidRequestError, ServiceError
from app.formats import FORMS
from app.jobs.job import Job, JobStatus
from app.pages.answer import AnswerView, Charts, answer_view, asked_fields
from app.pages.form import form_values, takes
from app.pages.form_fields import Fields, body_of
from app.pages.html import page, problem_page, see_other, wants_page
from app.pages.static_files import charts_address
from app.routes.results import PICTURES, provenance_of_job
from app.statistics import STATISTICS
from app.web.route_list import route_list
from app.web.support import data_answer, json_answer, services, this_request

WAIT_SECONDS = 2.0  # most answers are there by then, and the page needs no second look

ANSWER_VALUES: dict[str, Any] = {"forms": [*FORMS, *PICTURES], "pictures": PICTURES, "charts_script": charts_address}

blueprint = Blueprint("dashboard", __name__)
blueprint.register_error_handler(ServiceError, problem_page)


@blueprint.post("/ask")
def ask() -> Response:
    """Accept a job from the form of the dashboard; a browser is sent to its answer, a program gets its id."""
    fields = request.form.to_dict(flat=False)
    try:
        job = _submitted(fields)
    except ServiceError as error:
        if wants_page():
            return dashboard_page(fields, status=error.status, problem=error.reason)
        raise
    return see_other(f"/results/{job.id}") if wants_page() else json_answer({"job_id": job.id})


@blueprint.get("/results/<job_id>")
def result(job_id: str) -> Response:
    """Show the answer of a job with its chart, table, request and provenance."""
    parts = services()
    job = parts.store.map.find(job_id)
    this_request().job_id = job_id
    parts.wait((job,), WAIT_SECONDS)
    document = orjson.loads(parts.store.document(job).content)
    return _result_page(job, document)


def _submitted(fields: Fields) -> Job:
    """Turn the fields of the form into an accepted job.

    Raises
    ------
    UnavailableError, InvalidRequestError: none is accepted; the reason says why
    """
    statistic = next(iter(fields.get("statistic", ())), "")
    if statistic not in STATISTICS:
        raise InvalidRequestError(f"choose one of the statistics {', '.join(STATISTICS)}")
    job = services().submit(statistic, orjson.dumps(body_of(fields, takes(statistic))))
    this_request().job_id = job.id
    return job


def _result_page(job: Job, document: dict[str, Any]) -> Response:
    """Return the page of a job in the state that its document tells."""
    fields, status = asked_fields(job), document["status"]
    if status == JobStatus.RUNNING:
        return dashboard_page(fields, state=f"{job.id} is waiting or being computed; look again soon.", refresh=True)
    if status == JobStatus.ERROR:
        return dashboard_page(fields, state=f"{job.id} has failed.", problem=document["reason"])
    answer = _view(job, document)
    if request.args.get("part") == "answer":
        return page("answer.html", part=True, answer=answer, **ANSWER_VALUES)
    return dashboard_page(fields, state=f"{job.id} is done.", answer=answer, **ANSWER_VALUES)


def _view(job: Job, document: dict[str, Any]) -> AnswerView:
    kinds = kinds_of(job.statistic, document)
    asked = request.args.get("kind")
    charts = Charts(kinds, asked if asked in kinds else next(iter(kinds), ""))
    return answer_view(job, document, provenance_of_job(job, document), request.root_url.rstrip("/"), charts)


def dashboard_page(fields: Fields, status: int = 200, **values: Any) -> Response:
    """Return the dashboard with its form filled in.

    Parameters
    ----------
    values: what is shown beside the form, some of ``state``, ``problem``, ``answer`` and ``refresh``
    """
    form = form_values(services().ingestor.table, fields)
    return page("dashboard.html", status, **form, routes=route_list(), **values)


@blueprint.get("/")
@blueprint.get("/index")
def index() -> Response:
    """Show the dashboard to a browser, list the routes to a program."""
    if wants_page():
        answer = dashboard_page(request.args.to_dict(flat=False))
    else:
        answer = data_answer([asdict(route) for route in route_list()])
    answer.vary.add("Accept")
    return answer
