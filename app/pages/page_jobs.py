"""Jobs that pages ask by themselves: each is computed once for every visitor, by the pool, as any other job."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from app.errors import ServiceError
from app.jobs.job import Job, JobStatus, fingerprint
from app.web.sender import root_address, sender_of
from app.web.support import services, this_request

KEY = "page {table} {request}"  # no client sends it by chance


def page_job(statistic: str, body: Mapping[str, Any]) -> Job:
    """Return the job that answers a request over the current table; submit it if there is none yet.

    Raises
    ------
    ServiceError: the job is not accepted; the reason says why
    """
    parts, current, raw = services(), this_request(), orjson.dumps(body)
    key = KEY.format(table=parts.ingestor.table.id, request=fingerprint(statistic, raw))
    return parts.submit(statistic, raw, key, sender_of(current), root_address(current))


def finished_documents(jobs: Sequence[Job], seconds: float) -> list[dict[str, Any] | None]:
    """Return the document of each job, None for those that are not finished after ``seconds``.

    Raises
    ------
    ServiceError: a job failed, or its document is lost; the reason says why
    """
    parts = services()
    parts.wait(jobs, seconds)
    return [_finished(orjson.loads(parts.store.document(job).content)) for job in jobs]


def _finished(document: dict[str, Any]) -> dict[str, Any] | None:
    if document["status"] == JobStatus.ERROR:
        raise ServiceError(document["reason"])
    return None if document["status"] == JobStatus.RUNNING else document
