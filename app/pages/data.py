"""The data page: what is loaded, how much of it is suppressed or was skipped, and reading it again."""

from flask import Blueprint, Response

from app.errors import ServiceError
from app.pages.html import page, problem_page, see_other
from app.web.guard import protected
from app.web.support import services

blueprint = Blueprint("data_page", __name__, url_prefix="/data")
blueprint.register_error_handler(ServiceError, problem_page)


@blueprint.get("")
def data() -> Response:
    """Show what the table is, what was made of its rows, its questions, and how the last reload went."""
    ingestor = services().ingestor
    table = ingestor.table
    questions = [data.question for data in table.questions]
    return page("data.html", report=table.report, table=table, questions=questions, reload=ingestor.last_reload)


@blueprint.post("/reload")
@protected
def reload() -> Response:
    """Read the table again in the background; the button of the data page."""
    services().ingestor.reload()
    return see_other("/data")
