"""The dashboard: its form submits a job and redirects the browser to the job's result.

With JavaScript the page does the same without being left, through the same fields and the same views.
"""

from typing import Any

import orjson
from flask import Blueprint, Response, current_app, request

from app.charts import choose_kind, kinds_of
from app.errors import InvalidRequestError, ServiceError
from app.formats import BIBTEX, CSL_JSON, CSV
from app.jobs.job import Job, JobStatus
from app.pages.asking.address import KIND, check_address, check_fields, form_fields
from app.pages.asking.mistakes import corrected, mistake_of
from app.pages.asking.start import StartView, start_view
from app.pages.form import FormChoices, form_values, version_choices
from app.pages.html import page, problem_page, see_other, wants_page
from app.pages.result_view import Charts, ResultView, request_fields, result_view
from app.pages.static_files import charts_script_address
from app.queries.form_fields import Fields, body_of
from app.routes.results import ALL_FORMATS, PNG, SVG, provenance_of_job
from app.statistics import STATISTICS
from app.table.survey_table import NATIONS, SurveyTable
from app.web.api_description import ResponseDescription, describe
from app.web.route_list import RouteInfo, route_list
from app.web.sender import root_address, sender_of
from app.web.support import HTML_TYPE, JSON_TYPE, Done, data_response, json_response, services, this_request

WAIT_SECONDS = 2.0  # most jobs are done by then, which saves the page a second request
CITATIONS = {BIBTEX.name: "BibTeX", CSL_JSON.name: "CSL-JSON"}
PICTURES = {SVG.name: "sharp at any size, for print and layout programs", PNG.name: "for slides, letters and messages"}

RESULT_VALUES: dict[str, Any] = {
    "formats": [name for name in ALL_FORMATS if name not in {CSV.name, *CITATIONS, *PICTURES}],
    "citations": CITATIONS,
    "pictures": PICTURES,
    "charts_script_address": charts_script_address,
    "nations": NATIONS,
}

blueprint = Blueprint("dashboard", __name__)
blueprint.register_error_handler(ServiceError, problem_page)


@blueprint.get("/")
@blueprint.get("/index")
@describe(
    {200: ResponseDescription("the routes", {JSON_TYPE: Done[list[RouteInfo]], HTML_TYPE: str}, headers=("Vary",))}
)
def index() -> Response:
    """Show the dashboard to a browser, list the routes to a program."""
    fields = request.args.to_dict(flat=False)
    response = _asking_page(fields) if wants_page() else data_response(route_list())
    response.vary.add("Accept")
    return response


def _asking_page(fields: Fields) -> Response:
    """Return the dashboard with the form as an address fills it in, or with what is wrong with the address."""
    try:
        check_address(fields)
        if _field(fields, "statistic"):
            services().planners.plan(*_request(fields))
    except ServiceError as error:
        return _problem_page(error, fields)
    return dashboard_page(fields) if _field(fields, "statistic") else dashboard_page(fields, start=_start())


@blueprint.post("/ask")
def ask() -> Response:
    """Submit a job from the form: a browser is redirected to the result, a program gets the job's id."""
    fields = corrected(request.form.to_dict(flat=False))
    try:
        job = _submit(fields)
    except ServiceError as error:
        if wants_page():
            return _problem_page(error, fields)
        raise
    return see_other(f"/results/{job.id}") if wants_page() else json_response({"job_id": job.id})


@blueprint.get("/results/<job_id>")
def result(job_id: str) -> Response:
    """Show the result of a job: chart, table, request and provenance."""
    parts = services()
    job = parts.store.map.find(job_id)
    this_request().job_id = job_id
    parts.wait((job,), WAIT_SECONDS)
    return _result_page(job, orjson.loads(parts.store.document(job).content))


def dashboard_page(fields: Fields, status: int = 200, **values: Any) -> Response:
    """Return the dashboard with its form filled in.

    Parameters
    ----------
    values: what stands beside the form: any of ``state``, ``problem``, ``result``, ``start`` and ``waited`` (the id of
        a job that has not ended); or in it: ``mistake``
    """
    parts = services()
    choices: FormChoices = current_app.extensions["form_choices"]
    table, fields = _requested_table(fields)
    versions = version_choices(parts.tables.versions(), parts.ingestor.table.id, _field(fields, "table"))
    form = form_values(choices.over(table), versions, fields)
    return page("dashboard.html", status, **form, routes=route_list(), **values)


def _problem_page(error: ServiceError, fields: Fields) -> Response:
    """Return the dashboard with an error: at the field that it is about, if it is about one."""
    mistake = mistake_of(error, fields)
    return dashboard_page(fields, error.status, problem=mistake.words if mistake else error.reason, mistake=mistake)


def _start() -> StartView:
    """Return the first screen over the current table, whatever version the form asks."""
    choices: FormChoices = current_app.extensions["form_choices"]
    current = choices.over(services().ingestor.table)
    return start_view(current.defaults, current.leads)


def _requested_table(fields: Fields) -> tuple[SurveyTable, Fields]:
    """Return the version of the table that the fields name, with its full id in them; else the current one.

    A version that does not exist stays in the fields: the request names it, and so does the error.
    """
    parts = services()
    table, as_of = _field(fields, "table"), _field(fields, "as_of")
    if not (table or as_of):
        return parts.ingestor.table, fields
    try:
        version = parts.tables.requested(table or None, as_of or None)
        return parts.tables.table(version.id), {**fields, "table": [version.id]} if table else fields
    except ServiceError:  # what asks the question answers with it
        return parts.ingestor.table, fields


def _field(fields: Fields, name: str) -> str:
    return next(iter(fields.get(name, ())), "").strip()


def _submit(fields: Fields) -> Job:
    """Submit the job that the form's fields describe; the same question asked twice is one job.

    Raises
    ------
    UnavailableError, ClientQueueFullError, InvalidRequestError: the job is not accepted; the reason says why
    """
    check_fields(fields, form_fields())
    if not _field(fields, "statistic"):
        raise InvalidRequestError(f"choose one of the statistics {', '.join(STATISTICS)}", "statistic")
    current = this_request()
    job = services().submit_shared(*_request(fields), client=sender_of(current), address=root_address(current))
    current.job_id = job.id
    return job


def _request(fields: Fields) -> tuple[str, bytes]:
    """Return the statistic that the form's fields name, and the request body that they describe."""
    statistic = _field(fields, "statistic")
    return statistic, orjson.dumps(body_of(fields, STATISTICS[statistic].body))


def _result_page(job: Job, document: dict[str, Any]) -> Response:
    fields, status = request_fields(job), document["status"]
    if status == JobStatus.RUNNING:
        return dashboard_page(fields, state="The answer is being computed; reload the page to see it.", waited=job.id)
    if status == JobStatus.ERROR:
        return dashboard_page(fields, problem=document["reason"])
    view = _result_view(job, document)
    if request.args.get("part") == "answer":
        return page("result.html", part=True, result=view, **RESULT_VALUES)
    return dashboard_page(fields, result=view, **RESULT_VALUES)


def _result_view(job: Job, document: dict[str, Any]) -> ResultView:
    kinds = kinds_of(job.statistic, document)
    kind = request.args.get(KIND)
    charts = Charts(kinds, choose_kind(job.statistic, document, kind) if kind else next(iter(kinds), ""))
    return result_view(job, document, provenance_of_job(job, document), request.root_url.rstrip("/"), charts)
