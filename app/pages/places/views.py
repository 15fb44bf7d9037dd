"""The views of the pages of places."""

from flask import Blueprint, Response

from app.errors import InvalidRequestError, ServiceError, UnknownPlaceError
from app.findings.words import place_words
from app.pages.html import page, problem_page
from app.pages.page_jobs import finished_documents, page_job
from app.pages.places.profile import asked_about, profile_finding, profile_rows
from app.table.survey_table import SurveyTable
from app.web.support import services

WAIT_SECONDS = 5.0  # for all figures of a profile

blueprint = Blueprint("places", __name__, url_prefix="/places")
blueprint.register_error_handler(ServiceError, problem_page)


@blueprint.get("")
def places() -> Response:
    """List the places of the table."""
    return page("places.html", places=services().ingestor.table.locations)


@blueprint.get("/<name>")
def place(name: str) -> Response:
    """Show all questions for one place, named in full or by its abbreviation, beside the nation."""
    table = services().ingestor.table
    code = _place_code(name, table)
    full_name, nation = table.location_names[code], table.national_code
    asked = asked_about(code, table)
    jobs = [page_job(*request) for each in asked for request in each.requests]
    documents = finished_documents(jobs, WAIT_SECONDS)
    finished = [document for document in documents if document is not None]
    rows = []
    if len(finished) == len(documents):
        rows = profile_rows(asked, iter(finished), full_name, None if nation is None else table.location_names[nation])
    return page(
        "place.html",
        place=full_name,
        place_words=place_words(full_name),
        rows=rows,
        finding=profile_finding(rows, full_name),
        missing=len(documents) - len(finished),
        source=table.report.source,
    )


def _place_code(name: str, table: SurveyTable) -> int:
    """Return the code of a location.

    Raises
    ------
    UnknownPlaceError: the table has no such location
    """
    try:
        return table.location_code(name)
    except InvalidRequestError as error:
        raise UnknownPlaceError(error.reason) from error
