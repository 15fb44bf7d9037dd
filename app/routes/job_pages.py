"""The jobs page: every job with its state, age and duration; cancelling and removing."""

import time
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from app.dashboard.job_rows import JobRow, job_row
from app.errors import ServiceError
from app.job_details import JobDetails, JobState
from app.routes.guard import protected
from app.routes.html import page, problem_page, see_other
from app.routes.job_details import asked_page, asked_state, queue_facts
from app.routes.support import services, this_request

JOBS_PATH = "/jobs"

blueprint = Blueprint("job_pages", __name__, url_prefix=JOBS_PATH)
blueprint.register_error_handler(ServiceError, problem_page)


@blueprint.get("")
def jobs() -> Response:
    """Show the jobs, the newest first, a page at a time, with the queue and the runners."""
    found, state = asked_page(), asked_state()
    older = _address(state, before=found.jobs[-1].id) if found.more else None
    newest = _address(state) if request.args.get("before") else None
    shown: dict[str, Any] = {"rows": _rows(found.jobs), "older": older, "newest": newest}
    return page("jobs.html", queue=queue_facts(), state=state, states=list(JobState), **shown)


@blueprint.post("/<job_id>/cancel")
@protected
def cancel(job_id: str) -> Response:
    """Cancel a job that waits, or remove one that has ended; the button of the jobs page where there is no script."""
    this_request().job_id = job_id
    services().store.cancel(job_id)
    return see_other(JOBS_PATH)


def _address(state: JobState | None, **more: str) -> str:
    """Return the address of a page of jobs in a state."""
    query = urlencode(({"state": state} if state else {}) | more)
    return f"{JOBS_PATH}?{query}" if query else JOBS_PATH


def _rows(jobs: list[JobDetails]) -> list[JobRow]:
    questions = {q.question.id: q.question.text for q in services().ingestor.table.questions if q.question.id}
    now = time.time()
    return [job_row(details, questions, now) for details in jobs]
