"""The jobs a page at a time, the last accepted first."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from app.job_details import JobDetails, JobState
from app.status_map import StatusMap

JOBS_AT_A_TIME = 500  # the lock is held for so many


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs, and whether there are older ones."""

    jobs: list[JobDetails]
    more: bool


def job_page(jobs: StatusMap, limit: int, before: int | None = None, state: JobState | None = None) -> JobPage:
    """Return the details of the newest jobs.

    Parameters
    ----------
    limit: how many at most
    before: only jobs accepted before the one of this number
    state: only jobs in this state
    """
    found = list(islice(_matching(jobs, before, state), limit + 1))
    return JobPage(found[:limit], len(found) > limit)


def _matching(jobs: StatusMap, before: int | None, state: JobState | None) -> Iterator[JobDetails]:
    older = (job for job in jobs.newest() if before is None or job.number < before)
    while some := list(islice(older, JOBS_AT_A_TIME)):
        yield from (details for details in jobs.details(some) if state is None or details.state is state)
