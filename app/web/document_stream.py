"""Responses that hold the documents of many jobs: one document in memory at a time, however many there are."""

import logging
from collections.abc import Iterator, Mapping

import orjson

from app.errors import GoneError, ServiceError, UnavailableError
from app.jobs.job import Job, error_document
from app.jobs.job_store import JobStore
from app.web.support import JSON_TYPE, ApiResponse, json_response, services
from app.web.unread import pieces

logger = logging.getLogger(__name__)

WHOLE_BYTES = 1024 * 1024  # responses up to this length are sent with their length, and compressed


def documents_response(jobs: Mapping[str, Job | ServiceError], fields: bytes = b"") -> ApiResponse:
    """Return the documents of jobs by id in the envelope ``Done``; blocks on the disk.

    A long response is streamed: each document is read when the client has taken those before it. If one cannot be
    read then, the response ends there, as incomplete JSON.

    Parameters
    ----------
    jobs: jobs by id, or why there is no such job
    fields: JSON of further fields of the envelope, each followed by a comma

    Raises
    ------
    UnavailableError: a result of a short response cannot be read now
    """
    store = services().store
    parts = _parts(store, jobs, fields)
    sizes = [store.map.outcome(job).size for job in jobs.values() if isinstance(job, Job)]
    if sum(sizes) <= WHOLE_BYTES:
        return json_response(b"".join(parts))
    response = ApiResponse(_pieces(_readable(parts)), content_type=JSON_TYPE)
    response.longest_part = max(sizes)
    return response


def _parts(store: JobStore, jobs: Mapping[str, Job | ServiceError], fields: bytes) -> Iterator[bytes]:
    """Yield the parts of the response; each document is a part of its own."""
    before = b'{%b"status":"done","data":{' % fields
    for job_id, job in jobs.items():
        yield before + orjson.dumps(job_id) + b":"
        yield _content(store, job)
        before = b","
    yield b"}}"


def _readable(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield parts up to the first that cannot be read: the status has been sent, so the JSON ends in the middle."""
    try:
        yield from parts
    except UnavailableError as error:
        logger.warning("a response with many results ends early: %s", error.reason)


def _content(store: JobStore, job: Job | ServiceError) -> bytes:
    try:
        return store.document(job).content if isinstance(job, Job) else error_document(job.reason).content
    except GoneError as error:  # removed since the response has begun
        return error_document(error.reason).content


def _pieces(parts: Iterator[bytes]) -> Iterator[bytes]:
    for part in parts:
        yield from pieces(part)
