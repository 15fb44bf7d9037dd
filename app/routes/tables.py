"""The versions of the table that are kept: listed, removed, and what changed between two of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, request
from pydantic import Field
from typing_extensions import TypeAliasType

from app.charts.changes import changes_chart
from app.errors import InvalidRequestError, quoted
from app.formats import CSV, JSON, PARQUET, Format
from app.formats.changes import changes_csv, changes_parquet
from app.routes.results import PICTURES, SVG, THEME, theme_argument
from app.table.cells import Codes
from app.table.lookup import unknown_name
from app.versions.change_records import CellChange, ChangeCount, change_records, counts_of
from app.versions.changes import Comparison
from app.versions.version import SHORT_ID_CHARS, TableVersion
from app.web.api_description import Parameter, ResponseDescription, describe, json_of
from app.web.guard import protected
from app.web.support import JSON_TYPE, ApiResponse, Done, count_argument, data_response, json_response, services

CURRENT = "current"  # the name of the current table in addresses
PAGE_CHANGES, LONGEST_PAGE_CHANGES = 100, 1000
MOST_FILE_CHANGES = 300_000  # two of CDC's tables without a common cell have 180,000
LARGEST_COUNT = 10**18 - 1

TableId = Annotated[str, Field(pattern=f"^([0-9a-f]{{8,64}}|{CURRENT})$")]
Count = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
Removal = TypeAliasType("Removal", dict[str, Literal["removed"]])  # by id

TABLE_ID = Parameter(
    "table_id", "the version's id, its first 8 or more characters, or current", TableId, CURRENT, "path", required=True
)
SINCE = Parameter(
    "since", "the older version, named as table_id is; by default the kept one that was served before", TableId, CURRENT
)
FILES = {format_.name: format_ for format_ in (CSV, PARQUET)}
FORMAT_NAMES = (JSON.name, *FILES, *PICTURES)
QUESTION = Parameter("question", "only changes to this question, by its id or text", str, "Q036")
YEAR = Parameter("year", "only changes to rows that cover this year", Count, 2019)
LIMIT = Parameter(
    "limit",
    "the highest number of changes; by default 100, at most 1,000, in JSON, and all in other formats",
    Count,
    10,
)
AFTER = Parameter("after", "only changes with a rank above this one", Count, 1)
FORMAT = Parameter(
    "format",
    "the format of the changes; svg and png are pictures of the largest ones",
    Literal[FORMAT_NAMES],
    "json",
)

blueprint = Blueprint("tables", __name__, url_prefix="/api/tables")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableEntry:
    """A kept version of the table: where it comes from, and from when on it was served. Times are UTC."""

    id: str
    source: str
    sha256: Annotated[str, Field(description="of the source that it was first read from")]
    rows: int
    questions: int
    years: tuple[int, ...]
    modelled: bool
    first_read: datetime
    last_read: datetime
    served_from: tuple[datetime, ...]
    size: Annotated[int, Field(description="of its file, in bytes; 0 if it could not be written")]
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSummary:
    """The number of cells by what became of them, and by question and year."""

    changed: int
    added: int
    removed: int
    same: int
    by_question: list[ChangeCount]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableChanges:
    """What changed from version ``since`` to version ``table``, summed up, and a page of the changes."""

    table: str
    since: str
    summary: ChangeSummary
    matching: Annotated[int, Field(description="changes that question and year select")]
    changes: list[CellChange]
    next: Annotated[int | None, Field(description="what to send as after for the next page; null on the last one")]


@blueprint.get("")
@describe(json_of(Done[list[TableEntry]]))
def list_tables() -> Response:
    """List the kept versions of the table, the one that was served last first."""
    return data_response([entry_of(version) for version in services().tables.versions()])


@blueprint.get("/<table_id>")
@describe(json_of(Done[TableEntry]), parameters=(TABLE_ID,), errors=(404, 410))
def describe_table(table_id: str) -> Response:
    """Return a kept version of the table, by its id, the first 8 or more characters of it, or "current"."""
    return data_response(entry_of(version_named(table_id)))


@blueprint.delete("/<table_id>")
@describe(json_of(Done[Removal]), parameters=(TABLE_ID,), errors=(404, 409, 410))
@protected
def remove_table(table_id: str) -> Response:
    """Remove a version of the table that is neither the current one nor needed by an unfinished job."""
    version = services().remove_table(version_named(table_id).id)
    return data_response({version.id: "removed"})


@blueprint.get("/<table_id>/changes")
@describe(
    {
        200: ResponseDescription(
            "the changes; in CSV and Parquet a row each, without the summary",
            {
                JSON_TYPE: Done[TableChanges],
                "text/csv": str,
                **{format.media_type: bytes for format in (PARQUET, *PICTURES.values())},
            },
            optional_headers=("Content-Disposition",),
        )
    },
    parameters=(TABLE_ID, SINCE, QUESTION, YEAR, LIMIT, AFTER, FORMAT, THEME),
    errors=(404, 410),
)
def changes(table_id: str) -> Response:
    """Return the cells that differ from an earlier version of the table, the largest changes of a value first."""
    name = _format_argument()
    limit, after = count_argument("limit"), count_argument("after") or 0
    comparison = requested_comparison(table_id)
    if name in PICTURES:
        return _picture(comparison, PICTURES[name])
    places = _selected(comparison)
    following = places[places >= after]
    if name != JSON.name:
        return _file(comparison, following[:limit], FILES[name])
    return _page(comparison, places, following[: min(limit or PAGE_CHANGES, LONGEST_PAGE_CHANGES)])


@blueprint.get("/<table_id>/changes/chart")
@describe(json_of(dict[str, Any], "the chart, as Vega-Lite"), parameters=(TABLE_ID, SINCE, THEME), errors=(404, 410))
def changes_drawing(table_id: str) -> Response:
    """Return the chart of the largest changes since an earlier version of the table, as Vega-Lite."""
    return json_response(changes_chart(requested_comparison(table_id), theme_argument()))


def _format_argument() -> str:
    """Return the name of the format in the query string; JSON by default.

    Raises
    ------
    InvalidRequestError: it is unknown
    """
    name = request.args.get("format", JSON.name)
    if name not in FORMAT_NAMES:
        raise InvalidRequestError(f"format must be {' or '.join(FORMAT_NAMES)}, not {quoted(name)}", "format")
    return name


def _page(comparison: Comparison, places: Codes, listed: Codes) -> Response:
    """Return a page of the changes at some places, with the summary of all."""
    is_last = not listed.size or listed[-1] == places[-1]
    return data_response(
        TableChanges(
            table=comparison.new_id,
            since=comparison.old_id,
            summary=ChangeSummary(**comparison.totals, same=comparison.same, by_question=counts_of(comparison)),
            matching=places.size,
            changes=list(change_records(comparison, listed)),
            next=None if is_last else int(listed[-1]) + 1,
        )
    )


def entry_of(version: TableVersion) -> TableEntry:
    """Return what clients see of a version."""
    return TableEntry(
        id=version.id,
        source=version.source,
        sha256=version.sha256,
        rows=version.rows,
        questions=version.questions,
        years=version.years,
        modelled=version.modelled,
        first_read=version.first_read,
        last_read=version.last_read,
        served_from=version.served_from,
        size=version.size,
        current=version.id == services().ingestor.table.id,
    )


def version_named(name: str) -> TableVersion:
    """Return a version of the table by its id, by the first characters of it, or the current one.

    Raises
    ------
    UnknownTableError, InvalidRequestError, TableGoneError: as ``KeptTables.find``
    """
    parts = services()
    return parts.tables.find(parts.ingestor.table.id if name == CURRENT else name)


def requested_comparison(table_id: str) -> Comparison:
    """Return what changed up to a version, since the one that the query string names. May block for a while.

    Raises
    ------
    UnknownTableError, InvalidRequestError, TableGoneError: one of the versions cannot be had
    UnavailableError: one of them cannot be read now, or too many comparisons wait
    """
    comparisons, since = services().comparisons, request.args.get("since")
    new = version_named(table_id)
    old = version_named(since) if since else comparisons.before(new.id)
    return comparisons.between(old.id, new.id)


def _selected(comparison: Comparison) -> Codes:
    """Return the places of the changes that the query string selects by question and year."""
    name, codes = request.args.get("question"), None
    if name is not None:
        codes = [code for code, each in enumerate(comparison.questions) if name in (each.id, each.text)]
        if not codes:
            texts = dict.fromkeys(question.text for question in comparison.questions)
            raise unknown_name("question", name, texts, "Neither version has it", "question")
    return comparison.places(codes, count_argument("year"))


def _file(comparison: Comparison, places: Codes, format: Format) -> Response:
    """Return changes as a file to be saved.

    Raises
    ------
    InvalidRequestError: there are too many
    ComparisonsBusyError: too many other files and comparisons wait
    """
    if places.size > MOST_FILE_CHANGES:
        raise InvalidRequestError(
            f"these are {places.size:,} changes, and a file holds at most {MOST_FILE_CHANGES:,}: choose a question or "
            "a year, or page through them with limit and after"
        )
    with services().comparisons.turn():
        content = (changes_csv if format is CSV else changes_parquet)(comparison, places)
    return _attachment(comparison, content, format)


def _picture(comparison: Comparison, format: Format) -> Response:
    """Return the chart as a picture. Blocks while it is drawn, and while others are."""
    spec = changes_chart(comparison, theme_argument())
    content = services().pictures.picture_of_spec(spec, "svg" if format is SVG else "png")
    return _attachment(comparison, content, format)


def _attachment(comparison: Comparison, content: bytes, format: Format) -> Response:
    response = ApiResponse(content, content_type=format.content_type)
    versions = "-since-".join(id_[:SHORT_ID_CHARS] for id_ in (comparison.new_id, comparison.old_id))
    response.headers.add("Content-Disposition", f'attachment; filename="changes-{versions}.{format.name}"')
    return response
