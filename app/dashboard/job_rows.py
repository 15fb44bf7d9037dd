"""Jobs as the jobs page lists them."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from app.dashboard.words import age, duration, moment
from app.job_details import JobDetails, JobState

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
