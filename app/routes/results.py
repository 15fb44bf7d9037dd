"""Which form of a result a client asks for, and the answer that carries it."""

from collections.abc import Mapping
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, Literal

import orjson
from flask import Blueprint, Response, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from app.charts import ChartContext, Theme, chart_of
from app.charts.context import chart_context
from app.errors import ConflictError, InvalidRequestError, quoted
from app.formats import FORMATS, JSON, Format, file_name
from app.jobs.documents import DONE_DOCUMENT_START
from app.jobs.job import RUNNING_DOCUMENT, Document, Job, JobStatus
from app.statistics import STATISTICS
from app.web.support import ApiResponse, json_answer, services, this_request

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
    return chart_of(job.statistic, document, _about(job, document), kind=request.args.get("kind"), theme=asked_theme())


def _picture(form: Literal["svg", "png"], job: Job, content: bytes) -> bytes:
    """Make a picture of the same specification that the page draws. Blocks for a second or two the first time."""
    return services().converter.picture(specification(job, orjson.loads(content)), form)


SVG = Format("svg", "image/svg+xml", "image/svg+xml", partial(_picture, "svg"))
PNG = Format("png", "image/png", "image/png", partial(_picture, "png"))
PICTURES: Mapping[str, Format] = MappingProxyType({form.name: form for form in (SVG, PNG)})


def provenance_of_job(job: Job, document: dict[str, Any]) -> dict[str, Any]:
    """Return where the figures of an answer come from; empty where the table of now does not tell."""
    found: dict[str, Any] = document.get("provenance") or {}
    if found or job.request is None or job.statistic not in STATISTICS:
        return found
    try:
        return services().planner.get().provenance(job.request)
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


ACCEPTS_REMEMBERED = 256
# Pictures are had by ?format= alone: Firefox accepts them for every page that is opened, and would get one for JSON.
# The first is what a client gets that takes anything. A type may be asked for with the parameters that it has.
FORMAT_OF_TYPE = {name: form for form in FORMATS.values() for name in (form.media_type, form.content_type)}


def asked_form() -> Format | None:
    """Return the form that ``?format=`` asks for, None where it is left to the header Accept.

    Raises
    ------
    InvalidRequestError: there is no such form, or no such theme of a picture
    """
    asked = this_request()
    if not asked.environ.get("QUERY_STRING"):
        return None
    if "theme" in asked.args:
        asked_theme()
    if "format" not in asked.args:
        return None
    name = asked.args["format"]
    forms = {**FORMATS, **PICTURES}
    if name not in forms:
        raise InvalidRequestError(f"format must be {' or '.join(forms)}, not {quoted(name)}")
    return forms[name]


def result_answer(job: Job, document: Document, asked: Format | None) -> Response:
    """Return the answer that tells how a job is: its result in the form that is asked for, all else as JSON."""
    if document is RUNNING_DOCUMENT:
        return json_answer(document.content)
    accept = this_request().environ.get("HTTP_ACCEPT")
    form = asked or (JSON if accept is None else _accepted_form(accept))
    if form is not JSON and document.content.startswith(DONE_DOCUMENT_START):
        answer = ApiResponse(form.write(job, document.content), content_type=form.content_type)
        name = file_name(job, services().question_name(job), form)
        answer.headers.add("Content-Disposition", f'attachment; filename="{name}"')
    else:
        form = JSON
        answer = json_answer(document.content)
    if form.name not in PICTURES:  # which change with the program that draws, too
        answer.headers.add("ETag", f'"{document.checksum:08x}-{len(document.content):x}-{form.name}"')
    if asked is None:
        answer.headers.add("Vary", "Accept")
    return answer


@lru_cache(maxsize=ACCEPTS_REMEMBERED)
def _accepted_form(accept: str) -> Format:
    """Return the form that an Accept header likes best: JSON where it likes another no more, or none of them."""
    best = parse_accept_header(accept, MIMEAccept).best_match(FORMAT_OF_TYPE)
    return FORMAT_OF_TYPE.get(best or "", JSON)
