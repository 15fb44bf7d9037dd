"""Result documents: read from memory or disk, kept in memory while the disk fails, computed again when lost."""

import logging
import threading
from collections.abc import Callable

from app.errors import ServiceError, UnavailableError, one_line
from app.jobs.byte_cache import ByteCache
from app.jobs.job import (
    RUNNING_DOCUMENT,
    Document,
    Job,
    JobOutcome,
    JobRequest,
    JobStatus,
    Work,
    error_document,
)
from app.jobs.result_files import ResultFiles

logger = logging.getLogger(__name__)

UNWRITTEN_BYTES = 64 * 1024 * 1024
UNREADABLE_RETRY_SECONDS = 5

Prepare = Callable[[JobRequest], Work]


class Documents:
    """The documents that clients get for jobs. Safe to use from many threads; every method may block on the disk.

    Parameters
    ----------
    files: documents of jobs that have ended
    prepare: returns the work of a recorded request, over the version of the table that it names
    cache: keeps the last documents written, most of which are read at once
    """

    def __init__(self, files: ResultFiles, prepare: Prepare, cache: ByteCache | None = None) -> None:
        self._files = files
        self._prepare = prepare
        self._cache = cache or ByteCache()
        self._lock = threading.Lock()  # guards the fields below
        self._unwritten: dict[int, Document] = {}  # documents that the disk did not take
        self._unwritten_bytes = 0

    # Writing

    def write(self, number: int, document: Document) -> None:
        """Write the document of a job that ends, and cache it.

        A document that cannot be written stays in memory until ``write_again`` succeeds. Beyond ``UNWRITTEN_BYTES`` it
        does not; then it is computed again when it is read.
        """
        document = self._cache.put(_key(number), document)  # an equal one in memory is linked to, not written again
        try:
            self._files.write(number, document)
        except OSError as error:
            self._keep_unwritten(number, document, error)

    def _keep_unwritten(self, number: int, document: Document, error: OSError) -> None:
        with self._lock:
            first = not self._unwritten
            fits = self._unwritten_bytes + len(document.content) <= UNWRITTEN_BYTES
            if fits and number not in self._unwritten:
                self._unwritten[number] = document
                self._unwritten_bytes += len(document.content)
        if first or not fits:
            place = "kept in memory" if fits else "computed again when they are read"
            logger.error("results cannot be written (%s); until they can, they are %s", one_line(error), place)

    def write_again(self) -> None:
        """Write the documents that could not be written before, up to the first that still cannot be."""
        with self._lock:
            unwritten = list(self._unwritten.items())
        for number, document in unwritten:
            try:
                self._files.write(number, document)
            except OSError:
                return  # logged when the first one failed
            if not self._forget_unwritten(number):
                self._files.delete(number)  # the job was removed meanwhile
        if unwritten:
            logger.info("%d results that could not be written have been written", len(unwritten))

    def _forget_unwritten(self, number: int) -> bool:
        with self._lock:
            document = self._unwritten.pop(number, None)
            if document is not None:
                self._unwritten_bytes -= len(document.content)
        return document is not None

    def delete(self, number: int) -> None:
        """Remove a job's document.

        Raises
        ------
        OSError: it cannot be removed
        """
        self._forget_unwritten(number)
        self._cache.drop(_key(number))
        self._files.delete(number)

    # Reading

    def read(self, job: Job, outcome: JobOutcome) -> Document | None:
        """Return the document of a job with that outcome, or None if its file is missing or damaged.

        Raises
        ------
        UnavailableError: the file cannot be read now
        """
        if outcome.status is JobStatus.RUNNING:
            return RUNNING_DOCUMENT
        if outcome.status is JobStatus.ERROR and outcome.reason is not None:
            return error_document(outcome.reason)
        with self._lock:
            unwritten = self._unwritten.get(job.number)
        if unwritten is not None:
            return unwritten
        cached = self._cache.get(_key(job.number))
        if cached is not None and self._files.holds(job.number, cached):
            return cached
        return self._read_file(job, outcome.checksum)

    def _read_file(self, job: Job, expected_checksum: int | None) -> Document | None:
        try:
            document = self._files.read(job.number)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:  # too many open files, a broken disk: the result may be whole
            logger.warning("%s: its result cannot be read: %s", job.id, one_line(error))
            reason = f"the result of {job.id} cannot be read now ({one_line(error)}); try again later"
            raise UnavailableError(reason, UNREADABLE_RETRY_SECONDS) from error
        if document is None or expected_checksum not in {None, document.checksum}:
            return None
        return document

    # Computing

    def prepare(self, job: Job) -> Work:
        """Return the work of a job, over the version of the table that it was accepted with.

        Raises
        ------
        ServiceError: the request is unknown, or cannot be computed
        TableGoneError: that version is not kept any more
        """
        if job.request is None:
            raise ServiceError("its request is not in the journal")
        return self._prepare(job.request)

    def recover(self, job: Job) -> Document:
        """Return the document of a job whose file is lost: from memory, or computed again. Does not write it.

        Raises
        ------
        ServiceError: it cannot be computed again
        TableGoneError: the version of the table that it was computed over is not kept any more
        """
        cached = self._cache.get(_key(job.number))
        if cached is not None:
            return cached
        logger.warning("%s: its result is lost or damaged; computing it again", job.id)
        return self.prepare(job)()


def _key(number: int) -> tuple[str, int]:
    return "job", number
