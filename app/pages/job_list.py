"""The jobs page: the list of jobs with their states and durations, and the buttons to cancel and remove them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

JOBS_PATH = "/jobs"
MAX_QUESTION_CHARS = 90

blueprint = Blueprint("job_pages", __name__, url_prefix=JOBS_PATH)
blueprint.register_error_handler(ServiceError, problem_page)


@dataclass(frozen=True, slots=True)
class JobRow:
    """A row of the list, in words; ``took`` is how long the job ran, or has waited or run so far."""

    id: str
    statistic: str
    question: str
    state: JobState
    reason: str
    accepted: str
    accepted_at: str
    took: str


@blueprint.get("")
def jobs() -> Response:
    """Show the jobs, newest first, a page at a time, below the state of the queue and the runners."""
    listed, state = requested_page(), requested_state()
    return page(
        "jobs.html",
        queue=queue_status(),
        state=state,
        states=list(JobState),
        rows=_rows(listed.jobs),
        older=_list_address(state, before=listed.jobs[-1].id) if listed.more else None,
        newest=_list_address(state) if request.args.get("before") else None,
    )


@blueprint.post("/<job_id>/cancel")
@protected
def cancel(job_id: str) -> Response:
    """Cancel a waiting job, or remove one that has ended; the page's button without JavaScript."""
    this_request().job_id = job_id
    services().pool.cancel(job_id)
    return see_other(JOBS_PATH)


def job_row(details: JobDetails, questions: Mapping[str, str], now: float) -> JobRow:
    """Return the row of a job.

    Parameters
    ----------
    questions: the texts of the questions by their ids
    now: seconds since 1970 (UTC)
    """
    sent = str(orjson.loads(details.body).get("question", "")) if details.body else ""
    question = questions.get(sent, sent)
    accepted = details.accepted_at
    return JobRow(
        id=details.id,
        statistic=details.statistic,
        question=question if len(question) <= MAX_QUESTION_CHARS else question[:MAX_QUESTION_CHARS] + "…",
        state=details.state,
        reason=details.reason or "",
        accepted=age(now - accepted) if accepted else "",
        accepted_at=moment(accepted) if accepted else "",
        took=_took(details, now),
    )


def _took(details: JobDetails, now: float) -> str:
    if details.state is JobState.WAITING:
        return f"waiting {duration(now - details.accepted_at)}" if details.accepted_at else ""
    if details.started_at is None:
        return ""
    return duration((details.ended_at or now) - details.started_at)


def _rows(jobs: Sequence[JobDetails]) -> list[JobRow]:
    questions = [data.question for data in services().ingestor.table.questions]
    texts = {question.id: question.text for question in questions if question.id}
    now = time.time()
    return [job_row(details, texts, now) for details in jobs]


def _list_address(state: JobState | None, **more: str) -> str:
    """Return the address of a page of the list, with only the jobs in a state if one is given."""
    query = urlencode(({"state": state} if state else {}) | more)
    return f"{JOBS_PATH}?{query}" if query else JOBS_PATH
