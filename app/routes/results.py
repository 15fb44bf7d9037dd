"""Results of jobs: as JSON, CSV, Parquet, or a chart, by what the client prefers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial, reduce
from operator import or_
from types import MappingProxyType
from typing import Annotated, Any, Generic, Literal, TypeVar

import orjson
from flask import Blueprint, Response, request
from pydantic import Field
from typing_extensions import TypeAliasType
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from app.charts import ChartContext, Theme, chart_of
from app.charts.context import PictureWidth, chart_context
from app.charts.pictures import PictureRequest
from app.errors import ConflictError, ErrorEnvelope, InvalidRequestError, TableGoneError, quoted
from app.formats import BIBTEX, CSL_JSON, CSV, FORMATS, JSON, Format, archive_of, file_name
from app.jobs.job import JOB_ID_PREFIX, RUNNING_DOCUMENT, Document, Job, JobStatus
from app.jobs.result_files import DONE_DOCUMENT_START
from app.statistics import STATISTICS, Statistic
from app.statistics.result_models import Citation, Provenance, ResultRoot
from app.web.api_description import JOB_ID, TAG, Parameter, ResponseDescription, describe, json_of
from app.web.document_stream import documents_response
from app.web.header_cache import cached_by_text
from app.web.support import (
    JSON_TYPE,
    ApiResponse,
    Data,
    Done,
    Running,
    json_response,
    list_argument,
    seconds_argument,
    services,
    this_request,
)
from app.web.unread import document_to_send

LONGEST_WAIT_SECONDS = 30.0
RESULTS_PATH = "/api/get_results/"
MOST_IDS = 1000
ACCEPT_HEADERS_CACHED = 256
Choice = TypeVar("Choice", bound=str)
THEMES: tuple[Theme, ...] = ("light", "dark")
TITLES = ("yes", "no")
WIDTHS: tuple[PictureWidth, ...] = ("wide", "narrow")


def _picture(format: Literal["svg", "png"], job: Job, content: bytes) -> bytes:
    """Return a picture of the same chart that the page shows. Blocks while it is drawn, and while others are."""
    context = replace(_chart_context(job, orjson.loads(content)), width=width_argument())
    kind, theme = request.args.get("kind"), theme_argument()
    return services().pictures.picture(PictureRequest(job.statistic, content, context, kind, theme, format))


SVG = Format("svg", "image/svg+xml", "image/svg+xml", partial(_picture, "svg"))
PNG = Format("png", "image/png", "image/png", partial(_picture, "png"))
PICTURES: Mapping[str, Format] = MappingProxyType({format.name: format for format in (SVG, PNG)})


def _archive(job: Job, content: bytes) -> bytes:
    return archive_of(job, content, provenance_of_job(job, orjson.loads(content)))


ZIP = Format("zip", "application/zip", "application/zip", _archive)
ALL_FORMATS: Mapping[str, Format] = MappingProxyType({**FORMATS, ZIP.name: ZIP, **PICTURES})
# Without pictures: Firefox accepts images for every page that it opens, and would get one instead of JSON. The first
# format is the one for a client that accepts anything. A type may carry its parameters ("text/csv; charset=utf-8").
FORMAT_OF_TYPE = {
    name: format for format in (*FORMATS.values(), ZIP) for name in (format.media_type, format.content_type)
}
# A picture also changes with the version of the renderer, and an archive with the words of this server.
UNTAGGED = frozenset({*PICTURES, ZIP.name})

WAIT = Parameter(
    "wait", "seconds to wait until the job has ended; more than 30 count as 30", Annotated[float, Field(ge=0)], 5
)
JOB_IDS = Parameter(
    "ids",
    "ids of jobs, separated by commas, at most 1,000; an unknown id gets its error as its document",
    Annotated[str, Field(pattern="^[^,]+(,[^,]+)*$")],
    "job_id_1,job_id_2",
    required=True,
)
FORMAT = Parameter(
    "format",
    "the format of the result; overrides the header Accept. bibtex and csljson are its citation, zip has its CSV with "
    "a README and metadata, and svg and png are pictures of its chart",
    Literal[tuple(ALL_FORMATS)],
    "json",
)
KIND = Parameter("kind", "the kind of the chart, one that suits the result; the usual one by default", str, "bars")
THEME = Parameter("theme", "the colours of the chart", Literal[THEMES], "dark")
TITLED = Parameter(
    "titles",
    "whether title, finding and question stand above the chart; a page that says them itself does without",
    Literal[TITLES],
    "no",
)
YEAR = Parameter("year", "the year that a map of several years shows; the last one by default", str, "2021")
WIDTH = Parameter(
    "width",
    "the width of the picture: narrow fits a window of 360 pixels, with text of the same size",
    Literal[WIDTHS],
    "narrow",
)

blueprint = Blueprint("results", __name__)


@dataclass(frozen=True, slots=True)
class Explained(Done[Data], Generic[Data]):
    """The request is done: its result, where the figures come from, and how to cite them."""

    provenance: Provenance
    citation: Citation


class NumberByKey(ResultRoot[dict[str, float]]):
    """A number by location, or by location, category and stratum: the statistic says which."""


def one_of(models: Iterable[Any]) -> Any:
    """Return the union of some types.

    Put types with more required fields first: generated clients use the first type whose required fields are there.
    """
    return reduce(or_, dict.fromkeys(models))


def job_document() -> Any:
    """Return the type of every document of a job.

    These types only describe: the pool serializes a document once, and every request for it sends the same bytes.
    """
    done = map(_done_document, sorted(STATISTICS.values(), key=_vagueness))
    return _named_union((*done, ErrorEnvelope, Running))


@lru_cache(maxsize=1)  # all routes must share one type: pydantic writes a schema for each type object
def _named_union(models: tuple[Any, ...]) -> Any:
    return TypeAliasType("JobDocument", one_of(models))


def _vagueness(statistic: Statistic) -> tuple[bool, bool, int]:
    """Return a sort key that puts the most specific result first, and a plain mapping to numbers last."""
    root = _root_type(statistic)
    return not statistic.provenance, root is not None, -str(root).count("[")


def _root_type(statistic: Statistic) -> Any:
    """Return the type of a result that is a list or a mapping, None for an object with fields of its own."""
    root = statistic.result.model_fields.get("root")
    return root and root.annotation


def _documents_by_id() -> Any:
    return Done[dict[str, job_document()]]  # type: ignore[misc]  # the registry says which types these are


def _done_document(statistic: Statistic) -> Any:
    envelope: Any = Explained if statistic.provenance else Done
    return envelope[NumberByKey if _root_type(statistic) == dict[str, float] else statistic.result]


RESULT_TYPES = {
    **{format.media_type: bytes for format in ALL_FORMATS.values()},
    JSON_TYPE: job_document,
    CSV.media_type: str,
    BIBTEX.media_type: str,
    CSL_JSON.media_type: list[dict[str, Any]],
}


@blueprint.get(f"{RESULTS_PATH}<job_id>")
@describe(
    {
        200: ResponseDescription(
            "the job's state and, once it is done, its result; formats other than JSON only once it is done",
            RESULT_TYPES,
            optional_headers=("ETag", "Vary", "Content-Disposition"),
        ),
        304: ResponseDescription("the client has this result already", headers=("ETag",), optional_headers=("Vary",)),
    },
    parameters=(JOB_ID, WAIT, FORMAT, KIND, THEME, TITLED, WIDTH, YEAR, TAG),
    errors=(400, 404, 410, 422),
)
def get_results(job_id: str) -> Response:
    """Return a job's state and, once it is done, its result; ?wait=5 waits 5 seconds for that. 1 means job_id_1."""
    parts = services()
    job = _job_of_path(job_id)
    format = _format_argument()
    parts.wait((job,), seconds_argument("wait", LONGEST_WAIT_SECONDS))
    # A picture waits in a queue of its own, and must not hold other responses up meanwhile.
    document = parts.store.document(job) if format in PICTURES.values() else document_to_send(job)
    return _result_response(job, document, format)


@blueprint.get(RESULTS_PATH.rstrip("/"))
@describe(json_of(_documents_by_id), parameters=(JOB_IDS, WAIT), errors=(400,))
def get_many_results() -> Response:
    """Return many jobs at once, by ?ids=job_id_1,job_id_2; ?wait=5 waits 5 seconds for all."""
    job_ids = list_argument("ids", MOST_IDS)
    return documents_response(services().jobs_by_id(job_ids, seconds_argument("wait", LONGEST_WAIT_SECONDS)))


@blueprint.get(f"{RESULTS_PATH}<job_id>/chart")
@describe(
    json_of(dict[str, Any], "the chart, as Vega-Lite"),
    parameters=(JOB_ID, KIND, THEME, TITLED),
    errors=(400, 404, 409, 410, 422),
)
def chart(job_id: str) -> Response:
    """Return the chart of a finished job as Vega-Lite; ?kind=<kind> and ?theme=<light or dark>. 1 means job_id_1."""
    job = _job_of_path(job_id)
    return json_response(specification(job, orjson.loads(document_to_send(job).content)))


def _job_of_path(job_id: str) -> Job:
    """Return the job that the path names, by its id or its bare number, and note it for the log.

    Raises
    ------
    UnknownJobError, GoneError: there is no such job
    """
    job = services().store.map.find(f"{JOB_ID_PREFIX}{job_id}" if job_id.isdecimal() else job_id)
    this_request().job_id = job.id
    return job


def specification(job: Job, document: dict[str, Any]) -> dict[str, Any]:
    """Return the chart that the query string selects, as Vega-Lite.

    Raises
    ------
    ConflictError: the job has no result
    InvalidRequestError: no such chart of this result, or no such theme
    TooManyMarksError: the chart would be too large
    """
    if document["status"] != JobStatus.DONE:
        raise ConflictError(f"{job.id} has no result to draw; GET {RESULTS_PATH}{job.id} returns its state")
    context = _chart_context(job, document)
    return chart_of(job.statistic, document, context, kind=request.args.get("kind"), theme=theme_argument())


def _chart_context(job: Job, document: dict[str, Any]) -> ChartContext:
    context = chart_context(job.statistic, document, provenance_of_job(job, document), services().table_of(job))
    return replace(context, titled=titles_argument(), year=request.args.get("year"))


def provenance_of_job(job: Job, document: dict[str, Any]) -> dict[str, Any]:
    """Return where the figures of a result come from; empty if the version of its table is not kept any more."""
    provenance: dict[str, Any] = document.get("provenance") or {}
    if provenance or job.request is None or job.statistic not in STATISTICS:
        return provenance
    try:
        known = services().planners.of(job.request.table).provenance(job.request)
    except (InvalidRequestError, TableGoneError):
        return {}
    # An earlier version of the server may have computed the result: its document does not say which.
    return {name: value for name, value in known.items() if name != "server"}


def theme_argument() -> Theme:
    """Return the theme from the query string; light by default.

    Raises
    ------
    InvalidRequestError: the theme is unknown
    """
    return _choice("theme", THEMES)


def titles_argument() -> bool:
    """Return whether the query string wants titles above the chart; they are there by default.

    Raises
    ------
    InvalidRequestError: it says neither yes nor no
    """
    return _choice("titles", TITLES) == TITLES[0]


def width_argument() -> PictureWidth:
    """Return the width of a picture from the query string; wide by default.

    Raises
    ------
    InvalidRequestError: the width is unknown
    """
    return _choice("width", WIDTHS)


def _choice(name: str, offered: tuple[Choice, ...]) -> Choice:
    """Return the value of an argument that has to be one of those that are offered; the first one by default."""
    given = request.args.get(name, offered[0])
    for value in offered:
        if value == given:
            return value
    raise InvalidRequestError(f"{name} must be {' or '.join(offered)}, not {quoted(given)}", name)


def _format_argument() -> Format | None:
    """Return the format from the query string, None if the Accept header decides.

    Raises
    ------
    InvalidRequestError: the format, or the theme of a picture, is unknown
    """
    current = this_request()
    if not current.environ.get("QUERY_STRING"):
        return None
    for check in (theme_argument, titles_argument, width_argument):
        check()  # before the wait, so that a wrong look fails at once
    name = current.args.get("format")
    if name is None:
        return None
    if name not in ALL_FORMATS:
        raise InvalidRequestError(f"format must be {' or '.join(ALL_FORMATS)}, not {quoted(name)}", "format")
    return ALL_FORMATS[name]


def _result_response(job: Job, document: Document, requested: Format | None) -> Response:
    """Return a job's result in the requested or accepted format; anything but a result goes out as JSON."""
    if document is RUNNING_DOCUMENT:
        return json_response(document.content)
    accept = this_request().environ.get("HTTP_ACCEPT")
    format = requested or (JSON if accept is None else _accepted_format(accept))
    if format is not JSON and document.content.startswith(DONE_DOCUMENT_START):
        response = ApiResponse(format.write(job, document.content), content_type=format.content_type)
        name = file_name(job, services().question_name(job), format)
        response.headers.add("Content-Disposition", f'attachment; filename="{name}"')
    else:
        format = JSON
        response = json_response(document.content)
    if format.name not in UNTAGGED:
        response.headers.add("ETag", f'"{document.checksum:08x}-{len(document.content):x}-{format.name}"')
    if requested is None:
        response.headers.add("Vary", "Accept")
    return response


@cached_by_text(ACCEPT_HEADERS_CACHED)
def _accepted_format(accept: str) -> Format:
    """Return the format that an Accept header prefers; JSON if several are equal or none is acceptable."""
    best = parse_accept_header(accept, MIMEAccept).best_match(FORMAT_OF_TYPE)
    return FORMAT_OF_TYPE.get(best or "", JSON)
