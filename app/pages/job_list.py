"""The jobs page: the list of jobs with their states and durations, and the buttons to cancel and remove them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, request

from app.errors import ConflictError, ServiceError, join_first
from app.findings.words import year_span
from app.jobs.job_details import JobDetails, JobState, moment
from app.pages.form import takes
from app.pages.html import page, problem_page, see_other
from app.pages.wording import age, duration
from app.routes.jobs import queue_status, requested_page, requested_state
from app.web.guard import protected
from app.web.support import services, this_request

JOBS_PATH = "/jobs"
MAX_QUESTION_CHARS = 90
MAX_PLACES = 4
UNFINISHED = frozenset({JobState.WAITING, JobState.RUNNING})

blueprint = Blueprint("job_pages", __name__, url_prefix=JOBS_PATH)
blueprint.register_error_handler(ServiceError, problem_page)


@dataclass(frozen=True, slots=True)
class JobRow:
    """A row of the list, in words.

    Parameters
    ----------
    about: places, years and group of people that the request names
    took: how long the job ran, or has waited or run so far
    """

    id: str
    statistic: str
    question: str
    about: str
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


@blueprint.get("/<job_id>/remove")
def confirm_removal(job_id: str) -> Response:
    """Ask before a job that has ended is removed with its result; the page's question without JavaScript."""
    jobs = services().store.map
    job = jobs.find(job_id)
    this_request().job_id = job.id
    (row,) = _rows(jobs.details([job]))
    if row.state in UNFINISHED:
        raise ConflictError(f"{job.id} is {row.state}: it has no result to remove")
    return page("remove.html", row=row)


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
    body = orjson.loads(details.body) if details.body else {}
    sent = str(body.get("question", ""))
    question = questions.get(sent, sent)
    accepted = details.accepted_at
    return JobRow(
        id=details.id,
        statistic=details.statistic,
        question=question if len(question) <= MAX_QUESTION_CHARS else question[:MAX_QUESTION_CHARS] + "…",
        about=_about(details.statistic, body),
        state=details.state,
        reason=details.reason or "",
        accepted=age(now - accepted) if accepted else "",
        accepted_at=moment(accepted) if accepted else "",
        took=_took(details, now),
    )


def _about(statistic: str, body: Mapping[str, Any]) -> str:
    """Return the places, years and group that a request names, of those that its statistic uses."""
    fields = {name: value for name, value in body.items() if name in takes(statistic)}
    compared = [" and ".join(map(str, pair)) for pair in (fields.get("between") or {}).values()]
    places = [fields["state"]] if fields.get("state") else fields.get("locations") or []
    parts = [*compared, join_first(places, MAX_PLACES), _years(fields.get("years")), _group(fields)]
    return " · ".join(filter(None, parts))


def _years(years: Any) -> str:
    if isinstance(years, Mapping):
        first, last = years.get("from"), years.get("to")
        if first == last:
            return str(first or "")
        return f"{first} to {last}" if first and last else f"from {first}" if first else f"to {last}" if last else ""
    return year_span(years) if years else ""


def _group(fields: Mapping[str, Any]) -> str:
    strata = fields.get("stratification") or []
    strata = [strata] if isinstance(strata, Mapping) else strata
    return ", ".join(str(stratum.get("value") or stratum["category"]) for stratum in strata)


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
