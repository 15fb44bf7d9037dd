"""The documents that answer for jobs: written whole, checked when read, and computed again where they are lost.

Most documents are asked for just after they were written. So the last ones are kept in memory: where the file is there
in its length, it need not be read.
"""

# What is called for every job takes paths as plain strings: making a Path takes longer than the call of the system.
# ruff: noqa: PTH108, PTH116, PTH123
import itertools
import logging
import os
import re
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import orjson

from app.errors import ServiceError
from app.jobs.job import (
    JOB_ID_PREFIX,
    RUNNING_DOCUMENT,
    Document,
    Job,
    JobRequest,
    JobStatus,
    Work,
    error_document,
    job_id_of,
)
from app.jobs.results_folder import write_into

SUFFIX = ".json"
DOCUMENTS_REMEMBERED = 256
PARTIAL_SUFFIX = ".partial"
FILE_NAME = re.compile(r"job_id_([1-9][0-9]{0,17})\.json")


class ResultFiles:
    """A folder of result files. Safe to use from many threads; every call may block on the disk.

    A reader sees a whole document or none: a file is written under another name and then renamed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writes = itertools.count()
        self._prefix = f"{folder / JOB_ID_PREFIX}"
        self._lock = threading.Lock()  # guards _written
        self._written: OrderedDict[Document, str] = OrderedDict()  # a file that holds the document

    def write(self, number: int, document: Document) -> None:
        """Put a job's document in place, whole.

        Raises
        ------
        OSError: it cannot be written; no part of it is left behind
        """
        with self._lock:
            same = self._written.get(document)
        if same is None or not self._link(same, number):
            write_into(self.folder, lambda: self._write_once(number, document))
            self._remember(number, document)

    def _link(self, same: str, number: int) -> bool:
        """Give a file that is there the name of another job too; False where that cannot be done.

        It cannot where the file or its folder is gone, has as many names as it may have, or the name is taken.
        """
        try:
            os.link(same, self._path(number))
        except OSError:
            return False
        return True

    def _remember(self, number: int, document: Document) -> None:
        with self._lock:
            self._written[document] = self._path(number)
            if len(self._written) > DOCUMENTS_REMEMBERED:
                self._written.popitem(last=False)

    def _write_once(self, number: int, document: Document) -> None:
        partial = self.folder / f"{job_id_of(number)}.{next(self._writes)}{PARTIAL_SUFFIX}"
        try:
            partial.write_bytes(document.content)
            partial.replace(self._path(number))
        except OSError:
            self._discard(partial)
            raise

    @staticmethod
    def _discard(partial: Path) -> None:
        try:
            partial.unlink(missing_ok=True)
        except OSError:  # the next start removes it
            logger.exception("%s cannot be removed", partial)

    def read(self, number: int) -> bytes:
        """Return a job's document.

        Raises
        ------
        OSError: there is none, or it cannot be read
        """
        with open(self._path(number), "rb", buffering=0) as file:
            return file.read()

    def holds(self, number: int, length: int) -> bool:
        """Tell whether there is a document of a job that is so many bytes long."""
        try:
            return os.stat(self._path(number)).st_size == length
        except OSError:
            return False

    def delete(self, number: int) -> None:
        """Remove a job's document, if there is one.

        Raises
        ------
        OSError: it cannot be removed
        """
        with suppress(FileNotFoundError):
            os.unlink(self._path(number))

    def written_at(self, number: int) -> float:
        """Return when a job's document was written, in seconds of UTC since 1970.

        Raises
        ------
        OSError: there is none
        """
        return os.stat(self._path(number)).st_mtime

    def numbers(self) -> list[int]:
        """Return the numbers of the jobs that have a file, ascending; removes what an interrupted write left."""
        return sorted(self._scan())

    def _scan(self) -> Iterator[int]:
        if not self.folder.is_dir():
            return
        for entry in os.scandir(self.folder):
            match = FILE_NAME.fullmatch(entry.name)
            if match:
                yield int(match[1])
            elif entry.name.endswith(PARTIAL_SUFFIX):
                Path(entry.path).unlink(missing_ok=True)

    def _path(self, number: int) -> str:
        return f"{self._prefix}{number}{SUFFIX}"


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
