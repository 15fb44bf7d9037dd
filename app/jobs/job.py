"""A job: its request, its state, and the documents that clients get for it."""

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
REQUESTS_CACHED = 8192


class JobStatus(StrEnum):
    """A job's status as clients see it: an accepted job is running until it has ended."""

    RUNNING = "running"
    DONE = "done"
    ERROR = "error"


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Document:
    """A complete JSON document that a client gets for a job, and its CRC-32."""

    content: bytes
    checksum: int


Work = Callable[[], Document]


@dataclass(frozen=True, slots=True)
class Submission:
    """The submission that a job belongs to, if it was sent under an idempotency key or in a batch.

    Parameters
    ----------
    key: idempotency key; empty if there was none
    fingerprint: hash of the request that was sent under the key
    place: position of the job in its submission, from 0
    jobs: number of jobs in the submission; their numbers are consecutive
    """

    key: str = ""
    fingerprint: str = ""
    place: int = 0
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class Access:
    """What the citation of a result says about its request.

    Parameters
    ----------
    address: root of the server's address under which the client reached it, such as ``http://127.0.0.1:5000``
    date: UTC date of the submission, such as 2026-01-31
    """

    address: str
    date: str


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What a job computes, and all that its document depends on.

    Parameters
    ----------
    statistic: its name
    body: as JSON on one line
    table: id of the version of the table; empty for a job of a server that recorded none
    access: None for a statistic whose results have no citation
    submission: the submission that the job belongs to
    """

    statistic: str
    body: bytes
    table: str = ""
    access: Access | None = None
    submission: Submission | None = None


def fingerprint(route: str, body: bytes) -> str:
    """Return a hash of a request that ignores white space and the order of fields in its JSON."""
    with suppress(orjson.JSONDecodeError, orjson.JSONEncodeError):
        body = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(route.encode() + b"\n" + body).hexdigest()


@lru_cache(maxsize=REQUESTS_CACHED)
def job_request(statistic: str, body: bytes, table: str = "", access: Access | None = None) -> JobRequest:
    """Return a request, the same object for equal content, since most jobs repeat a few requests."""
    return JobRequest(statistic, body, table, access)


@dataclass(slots=True, eq=False)
class Job:
    """A job. The status map's lock guards ``work``, ``status``, ``checksum``, ``size``,
    ``reason``, ``started_at``, ``ended_at`` and ``ended_monotonic``; the other fields never change.

    Parameters
    ----------
    number: position in the order of acceptance, from 1
    request: what the job computes; None if only the result file of an earlier run is left
    work: computes the document over the current table; None if it is prepared anew from the request when it is needed
    client: who submitted it; the journal does not record it, so it is empty for a job of an earlier run
    checksum: CRC-32 of the document of a job that is done, None if unknown
    size: length of that document in bytes, 0 if unknown
    reason: why the job failed
    accepted_at, started_at, ended_at: seconds since 1970 (UTC); 0 if not yet or unknown
    ended_monotonic: monotonic time (seconds) at which it ended; 0 if not yet, or in an earlier run
    """

    number: int
    request: JobRequest | None
    work: Work | None = None
    client: str = ""
    status: JobStatus = JobStatus.RUNNING
    checksum: int | None = None
    size: int = 0
    reason: str | None = None
    accepted_at: float = 0.0
    started_at: float = 0.0
    ended_at: float = 0.0
    ended_monotonic: float = 0.0

    @property
    def id(self) -> str:
        """The id that clients use."""
        return job_id_of(self.number)

    @property
    def statistic(self) -> str:
        """The name of the statistic, for log and metrics."""
        return self.request.statistic if self.request else "unknown"

    def last_time(self) -> float:
        """Return the latest time that is recorded of the job."""
        return max(self.accepted_at, self.ended_at)


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """A job's status at one moment, with what belongs to it; the fields mean what they mean in ``Job``."""

    status: JobStatus
    reason: str | None
    checksum: int | None
    ended_at: float = 0.0
    size: int = 0


def job_id_of(number: int) -> str:
    """Return the id of the job with that number."""
    return f"{JOB_ID_PREFIX}{number}"


def parse_job_id(job_id: str) -> int:
    """Return the number in a job id.

    Raises
    ------
    UnknownJobError: the text is not a job id
    """
    match = JOB_ID.fullmatch(job_id)
    if match is None:
        raise UnknownJobError
    return int(match[1])


def document(content: bytes) -> Document:
    """Return a JSON document with its checksum."""
    return Document(content, zlib.crc32(content))


def done_document(
    data: Mapping[str, Any] | Sequence[Any],
    provenance: Mapping[str, Any] | None = None,
    citation: Mapping[str, Any] | None = None,
) -> Document:
    """Return the document of a job that is done, with the provenance of its figures and their citation if given."""
    about = {"provenance": provenance, "citation": citation}
    content = {"status": JobStatus.DONE, "data": data} | {name: value for name, value in about.items() if value}
    return document(orjson.dumps(content, option=orjson.OPT_UTC_Z))


def error_document(reason: str) -> Document:
    """Return the document of a job that failed."""
    return document(orjson.dumps(ErrorEnvelope(reason)))


RUNNING_DOCUMENT = document(orjson.dumps({"status": JobStatus.RUNNING}))
