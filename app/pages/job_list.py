"""The jobs page: every job with its state, age and duration; cancelling and removing."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, request

from app.errors import ServiceError
from app.jobs.job_details import JobDetails, JobState, moment
from app.pages.html import page, problem_page, see_other
from app.pages.wording import age, duration
from app.routes.jobs import queue_status, requested_page, requested_state
from app.web.guard import protected
from app.web.support import services, this_request

QUESTION_CHARS = 90


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job in a row of the list; ``took`` is its run, or how long it has waited or run so far."""

    id: str
    statistic: str
    question: str
    state: JobState
    reason: str
    accepted: str
    accepted_at: str
    took: str


def job_row(details: JobDetails, questions: Mapping[str, str], now: float) -> JobRow:
    """Return a row of the list of jobs.

    Parameters
    ----------
    questions: the texts of the questions by their ids
    now: in seconds of UTC since 1970
    """
    asked = str(orjson.loads(details.body).get("question", "")) if details.body else ""
    question = questions.get(asked, asked)
    shortened = question if len(question) <= QUESTION_CHARS else question[:QUESTION_CHARS] + "…"
    accepted = details.accepted_at
    return JobRow(
        id=details.id,
        statistic=details.statistic,
        question=shortened,
        state=details.state,
        reason=details.reason or "",
        accepted=age(now - accepted) if accepted else "",
        accepted_at=moment(accepted) if accepted else "",
        took=_took(details, now),
    )


def _took(details: JobDetails, now: float) -> str:
    if details.state is JobState.WAITING:
        return f"waits for {duration(now - details.accepted_at)}" if details.accepted_at else ""
    if details.started_at is None:
        return ""
    return duration((details.ended_at or now) - details.started_at)


JOBS_PATH = "/jobs"

blueprint = Blueprint("job_pages", __name__, url_prefix=JOBS_PATH)
blueprint.register_error_handler(ServiceError, problem_page)


@blueprint.get("")
def jobs() -> Response:
    """Show the jobs, the newest first, a page at a time, with the queue and the runners."""
    found, state = requested_page(), requested_state()
    older = _address(state, before=found.jobs[-1].id) if found.more else None
    newest = _address(state) if request.args.get("before") else None
    shown: dict[str, Any] = {"rows": _rows(found.jobs), "older": older, "newest": newest}
    return page("jobs.html", queue=queue_status(), state=state, states=list(JobState), **shown)


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
