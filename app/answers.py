"""The documents that answer for jobs: written whole, checked when read, and computed again where they are lost."""

import logging
import zlib
from collections.abc import Callable

import orjson

from app.errors import ServiceError
from app.job import RUNNING_DOCUMENT, Job, JobRequest, JobStatus, Work, done_document, error_document
from app.result_files import ResultFiles

logger = logging.getLogger(__name__)

Prepare = Callable[[JobRequest], Work]
DONE_DOCUMENT_START = b'{"status":"done","data":'
ERROR_DOCUMENT_START = b'{"status":"error","reason":'
LOST_REASON = "the result is gone from the disk and cannot be computed again"


class Answers:
    """What the store answers with. Every call may block on the disk.

    Parameters
    ----------
    files: the documents of jobs that have ended
    prepare: makes the work of a request anew, over the table of now
    """

    def __init__(self, files: ResultFiles, prepare: Prepare) -> None:
        self.files = files
        self._prepare = prepare

    def work(self, job: Job) -> Work:
        """Return what computes a job: the work it was accepted with, or for a job of an earlier run work made anew.

        Raises
        ------
        ServiceError: the request makes no sense over the table of now
        """
        if job.work is not None:
            return job.work
        if job.request is None:
            raise ServiceError(LOST_REASON)
        return self._prepare(job.request)

    def document(self, job: Job, status: JobStatus) -> bytes:
        """Return the JSON document that answers for a job in a state.

        A result that has vanished or is damaged is computed again and written again.
        """
        if status is JobStatus.RUNNING:
            return RUNNING_DOCUMENT
        if status is JobStatus.ERROR and job.reason is not None:
            return error_document(job.reason)
        document = self._read_whole(job)
        return document if document is not None else self._restored(job)

    def _read_whole(self, job: Job) -> bytes | None:
        """Return a job's document as it was written, None where it is not that any more."""
        try:
            document = self.files.read(job.number)
        except OSError:
            return None
        whole = is_whole(document) if job.checksum is None else zlib.crc32(document) == job.checksum
        return document if whole else None

    def _restored(self, job: Job) -> bytes:
        """Compute a lost result again. The caller gets it even where it cannot be written."""
        logger.warning("%s: its result is lost or damaged; it is computed again", job.id)
        try:
            document = done_document(self.work(job)())
        except ServiceError as error:
            return error_document(f"{LOST_REASON}: {error.reason}")
        job.checksum = zlib.crc32(document)
        try:
            self.files.write(job.number, document)
        except OSError:
            logger.exception("%s: its result cannot be written", job.id)
        return document


def is_whole(document: bytes) -> bool:
    """Tell whether a document of unknown checksum is one that answers for a job."""
    if not document.startswith((DONE_DOCUMENT_START, ERROR_DOCUMENT_START)):
        return False
    try:
        orjson.loads(document)
    except orjson.JSONDecodeError:
        return False
    return True
