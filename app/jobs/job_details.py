"""Details of a job for operators: its request, its state and its times."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from app.jobs.job import Job, JobStatus


class JobState(StrEnum):
    """A job's state as operators see it, finer than ``JobStatus``, which clients see.

    A job that has not ended is ``JobStatus.RUNNING``; here it is WAITING until a runner takes it, then RUNNING.
    """

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class JobDetails:
    """A job at one moment.

    Parameters
    ----------
    body: the request body as JSON; None if only the result is left
    table: id of the version of the table that it was accepted with; None if it is not recorded
    reason: why it failed
    accepted_at, started_at, ended_at: seconds since 1970 (UTC); None if not yet or unknown
    """

    number: int
    id: str
    statistic: str
    body: bytes | None
    table: str | None
    state: JobState
    reason: str | None
    accepted_at: float | None
    started_at: float | None
    ended_at: float | None


def details_of(job: Job) -> JobDetails:
    """Return the details of a job. The caller holds the status map's lock."""
    return JobDetails(
        number=job.number,
        id=job.id,
        statistic=job.statistic,
        body=job.request.body if job.request else None,
        table=(job.request.table or None) if job.request else None,
        state=state_of(job),
        reason=job.reason,
        accepted_at=job.accepted_at or None,
        started_at=job.started_at or None,
        ended_at=job.ended_at or None,
    )


def state_of(job: Job) -> JobState:
    """Return the state of a job. The caller holds the status map's lock."""
    if job.status is JobStatus.RUNNING:
        return JobState.RUNNING if job.started_at else JobState.WAITING
    return JobState.DONE if job.status is JobStatus.DONE else JobState.ERROR


def moment(seconds: float) -> str:
    """Return a moment, in seconds of UTC since 1970, as ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
