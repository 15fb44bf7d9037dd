"""A job: what was asked, how far it is, and the documents that answer for it."""

import hashlib
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import orjson

from app.errors import ErrorEnvelope, UnknownJobError

JOB_ID_PREFIX = "job_id_"
JOB_ID = re.compile(JOB_ID_PREFIX + r"([1-9][0-9]{0,17})")
DISTINCT_REQUESTS_SHARED = 8192


class JobStatus(StrEnum):
    """The states of a job, as clients see them; an accepted job is running until it has ended."""

    RUNNING = "running"
    DONE = "done"
    ERROR = "error"


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A whole JSON document that answers for a job, and its CRC-32."""

    content: bytes
    checksum: int


Work = Callable[[], Document]


@dataclass(frozen=True, slots=True)
class Submission:
    """What a job came with, where it came under a key or with others.

    Parameters
    ----------
    key: under which it counts once, however often it is sent; empty where it has none
    fingerprint: of the request that came with the key
    place: of the job among those of the submission, from 0
    jobs: how many jobs the submission made, with consecutive numbers
    """

    key: str = ""
    fingerprint: str = ""
    place: int = 0
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What a job computes: the name of a statistic, and its body as JSON without line breaks; and what it came with."""

    statistic: str
    body: bytes
    submission: Submission | None = None


def fingerprint(route: str, body: bytes) -> str:
    """Return what tells a request from another one; spaces and the order of fields in its JSON make no difference."""
    with suppress(orjson.JSONDecodeError, orjson.JSONEncodeError):
        body = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(route.encode() + b"\n" + body).hexdigest()


@lru_cache(maxsize=DISTINCT_REQUESTS_SHARED)
def job_request(statistic: str, body: bytes) -> JobRequest:
    """Return a request, the same object for the same content: many jobs ask for few different things."""
    return JobRequest(statistic, body)


@dataclass(slots=True, eq=False)
class Job:
    """A job. What can change is guarded by the store's lock.

    Parameters
    ----------
    number: place in the order of acceptance, from 1
    request: what is asked; None for a job of which only the result file is left
    work: computes the document over the table that the job was accepted with; None where it is to be prepared anew
    checksum: CRC-32 of the document of a job that is done, None where it is not known
    reason: why a job failed
    ended_at, accepted_at, started_at: when the job ended, was accepted, and was taken by a runner, in seconds of UTC
        since 1970; 0 where that has not been yet or is not known
    """

    number: int
    request: JobRequest | None
    work: Work | None = None
    status: JobStatus = JobStatus.RUNNING
    checksum: int | None = None
    reason: str | None = None
    ended_at: float = 0.0
    accepted_at: float = 0.0
    started_at: float = 0.0

    @property
    def id(self) -> str:
        """The id that clients know the job by."""
        return job_id_of(self.number)

    @property
    def statistic(self) -> str:
        """The name of what is computed, for log and metrics."""
        return self.request.statistic if self.request else "unknown"


def job_id_of(number: int) -> str:
    """Return the id of the job with that number."""
    return f"{JOB_ID_PREFIX}{number}"


def parse_job_id(job_id: str) -> int:
    """Return the number in a job id.

    Raises
    ------
    UnknownJobError: the text as a whole is no job id
    """
    match = JOB_ID.fullmatch(job_id)
    if match is None:
        raise UnknownJobError
    return int(match[1])


def document(content: bytes) -> Document:
    """Return a JSON document with its checksum."""
    return Document(content, zlib.crc32(content))


def done_document(data: Mapping[str, Any] | Sequence[Any], provenance: Mapping[str, Any] | None = None) -> Document:
    """Return the document that answers for a job that is done, with where its figures come from if that is told."""
    told = {"status": JobStatus.DONE, "data": data} | ({"provenance": provenance} if provenance else {})
    return document(orjson.dumps(told, option=orjson.OPT_UTC_Z))


def error_document(reason: str) -> Document:
    """Return the document that answers for a job that failed."""
    return document(orjson.dumps(ErrorEnvelope(reason)))


RUNNING_DOCUMENT = document(orjson.dumps({"status": JobStatus.RUNNING}))
