"""The documents that answer for jobs: written whole, checked when read, and computed again where they are lost.

Most documents are asked for just after they were written. So the last ones are kept in memory: where the file is there
in its length, it need not be read.
"""

import logging
import threading
import zlib
from collections.abc import Callable

import orjson

from app.errors import ServiceError
from app.job import RUNNING_DOCUMENT, Document, Job, JobRequest, JobStatus, Work, error_document
from app.result_files import ResultFiles

logger = logging.getLogger(__name__)

Prepare = Callable[[JobRequest], Work]
DONE_DOCUMENT_START = b'{"status":"done","data":'
ERROR_DOCUMENT_START = b'{"status":"error","reason":'
LAST_KEPT = 256
LOST_REASON = "the result is gone from the disk and cannot be computed again"


class Answers:
    """What the store answers with. Every call may block on the disk.

    Parameters
    ----------
    files: the documents of jobs that have ended
    prepare: makes the work of a request anew, over the table of now
    """

    def __init__(self, files: ResultFiles, prepare: Prepare) -> None:
        self._files = files
        self._prepare = prepare
        self._lock = threading.Lock()  # guards _last
        self._last: dict[int, Document] = {}

    def write(self, number: int, document: Document) -> None:
        """Put the document of a job that ends in place, and keep it at hand for a while.

        Raises
        ------
        OSError: it cannot be written
        """
        self._files.write(number, document)
        with self._lock:
            self._last[number] = document
            if len(self._last) > LAST_KEPT:
                del self._last[next(iter(self._last))]

    def delete(self, number: int) -> None:
        """Remove a job's document.

        Raises
        ------
        OSError: it cannot be removed
        """
        with self._lock:
            self._last.pop(number, None)
        self._files.delete(number)

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

    def document(self, job: Job, status: JobStatus) -> Document:
        """Return the JSON document that answers for a job in a state.

        A result that has vanished or is damaged is computed again and written again.
        """
        if status is JobStatus.RUNNING:
            return RUNNING_DOCUMENT
        if status is JobStatus.ERROR and job.reason is not None:
            return error_document(job.reason)
        return self._at_hand(job.number) or self._read_whole(job) or self._restored(job)

    def _at_hand(self, number: int) -> Document | None:
        """Return a document from memory, None where it is not there, or its file is gone or of another length."""
        with self._lock:
            kept = self._last.get(number)
        return kept if kept is not None and self._files.holds(number, len(kept.content)) else None

    def _read_whole(self, job: Job) -> Document | None:
        """Return a job's document as it was written, None where it is not that any more."""
        try:
            content = self._files.read(job.number)
        except OSError:
            return None
        checksum = zlib.crc32(content)
        whole = is_whole(content) if job.checksum is None else checksum == job.checksum
        return Document(content, checksum) if whole else None

    def _restored(self, job: Job) -> Document:
        """Compute a lost result again. The caller gets it whether or not it can be written."""
        logger.warning("%s: its result is lost or damaged; it is computed again", job.id)
        try:
            restored = self.work(job)()
        except ServiceError as error:
            return error_document(f"{LOST_REASON}: {error.reason}")
        job.checksum = restored.checksum
        try:
            self.write(job.number, restored)
        except OSError:
            logger.exception("%s: its result cannot be written", job.id)
        return restored


def is_whole(content: bytes) -> bool:
    """Tell whether a document of unknown checksum is one that answers for a job."""
    if not content.startswith((DONE_DOCUMENT_START, ERROR_DOCUMENT_START)):
        return False
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True
