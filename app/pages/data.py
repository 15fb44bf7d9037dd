"""The data page: the loaded table, its suppressed and skipped rows, and a button that reloads it."""

from flask import Blueprint, Response

from app.errors import ServiceError
from app.pages.asking.leads import latest_years
from app.pages.html import page, problem_page, see_other
from app.routes.survey import public_report
from app.web.guard import protected
from app.web.support import services

blueprint = Blueprint("data_page", __name__, url_prefix="/data")
blueprint.register_error_handler(ServiceError, problem_page)


@blueprint.get("")
def data() -> Response:
    """Show the table's report, its questions, and the outcome of the last reload."""
    ingestor = services().ingestor
    table = ingestor.table
    questions = [data.question for data in table.questions]
    return page(
        "data.html",
        report=table.report,
        table=table,
        questions=questions,
        latest=[list(zip(("from", "to"), latest_years(data, table), strict=False)) for data in table.questions],
        reload=public_report(ingestor.last_reload),
    )


@blueprint.post("/reload")
@protected
def reload() -> Response:
    """Start a reload of the table in the background."""
    services().ingestor.reload()
    return see_other("/data")
