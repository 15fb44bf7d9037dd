"""Result documents: written whole, checked when read, computed again when they are lost.

``ResultFiles`` keeps one JSON file per finished job, named after it. Jobs that ask the same question of the same table
have the same document, which is written once: the files of the other jobs are hard links to it, one system call instead
of four, and no space. ``Documents`` adds a cache of the last documents, since most are read right after they were
written, and the recovery of lost ones.
"""

# Hot paths take paths as plain strings: making a Path costs more than the system call that follows.
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
    JobOutcome,
    JobRequest,
    JobStatus,
    Work,
    error_document,
    job_id_of,
)
from app.jobs.results_folder import write_into

logger = logging.getLogger(__name__)

SUFFIX = ".json"
PARTIAL_SUFFIX = ".partial"
FILE_NAME = re.compile(r"job_id_([1-9][0-9]{0,17})\.json")
LINK_TARGETS_CACHED = 256
DOCUMENTS_CACHED = 256
DONE_DOCUMENT_START = b'{"status":"done","data":'
ERROR_DOCUMENT_START = b'{"status":"error","reason":'

Prepare = Callable[[JobRequest], Work]


class ResultFiles:
    """A folder of result files. Safe to use from many threads; every method may block on the disk.

    Readers see a whole document or none: a file is written under a temporary name and then renamed.

    Parameters
    ----------
    check_folder: checks the lock on the folder, before each change
    """

    def __init__(self, folder: Path, check_folder: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self._check_folder = check_folder
        self._prefix = f"{folder / JOB_ID_PREFIX}"
        self._writes = itertools.count()  # makes temporary names unique
        self._lock = threading.Lock()  # guards _link_targets
        self._link_targets: OrderedDict[Document, str] = OrderedDict()  # a file that holds the document

    def write(self, number: int, document: Document) -> None:
        """Write a job's document atomically.

        Raises
        ------
        OSError: it cannot be written; no part of it is left behind
        """
        self._check_folder()
        with self._lock:
            target = self._link_targets.get(document)
        if target is None or not self._link(target, number):
            write_into(self.folder, lambda: self._write_file(number, document))
            self._cache_link_target(number, document)

    def _link(self, target: str, number: int) -> bool:
        """Link a job's file to an existing one; return False if that is impossible.

        It is when the file or its folder is gone, when the file has as many links as it may have, or when the job's
        file exists.
        """
        try:
            os.link(target, self._path(number))
        except OSError:
            return False
        return True

    def _cache_link_target(self, number: int, document: Document) -> None:
        with self._lock:
            self._link_targets[document] = self._path(number)
            if len(self._link_targets) > LINK_TARGETS_CACHED:
                self._link_targets.popitem(last=False)

    def _write_file(self, number: int, document: Document) -> None:
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
        OSError: it does not exist or cannot be read
        """
        with open(self._path(number), "rb", buffering=0) as file:
            return file.read()

    def has_length(self, number: int, length: int) -> bool:
        """Return whether a job's document exists and is ``length`` bytes long."""
        try:
            return os.stat(self._path(number)).st_size == length
        except OSError:
            return False

    def delete(self, number: int) -> None:
        """Remove a job's document if it exists.

        Raises
        ------
        OSError: it cannot be removed
        """
        self._check_folder()
        with suppress(FileNotFoundError):
            os.unlink(self._path(number))

    def written_at(self, number: int) -> float:
        """Return when a job's document was written, in seconds since 1970 (UTC).

        Raises
        ------
        OSError: it does not exist
        """
        return os.stat(self._path(number)).st_mtime

    def numbers(self) -> list[int]:
        """Return the numbers of all jobs with a file, ascending; remove what interrupted writes left behind."""
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


class Documents:
    """The documents that clients get for jobs. Safe to use from many threads; every method may block on the disk.

    Parameters
    ----------
    files: documents of jobs that have ended
    prepare: returns the work of a recorded request, over the current table
    """

    def __init__(self, files: ResultFiles, prepare: Prepare) -> None:
        self._files = files
        self._prepare = prepare
        self._lock = threading.Lock()  # guards _cache
        self._cache: dict[int, Document] = {}  # the last documents written, by job number

    def write(self, number: int, document: Document) -> None:
        """Write the document of a job that ends, and cache it.

        Raises
        ------
        OSError: it cannot be written
        """
        self._files.write(number, document)
        with self._lock:
            self._cache[number] = document
            if len(self._cache) > DOCUMENTS_CACHED:
                del self._cache[next(iter(self._cache))]

    def delete(self, number: int) -> None:
        """Remove a job's document.

        Raises
        ------
        OSError: it cannot be removed
        """
        with self._lock:
            self._cache.pop(number, None)
        self._files.delete(number)

    def prepare(self, job: Job) -> Work:
        """Return the work of a job of an earlier run, over the current table.

        Raises
        ------
        ServiceError: the request is unknown, or cannot be computed over the current table
        """
        if job.request is None:
            raise ServiceError("its request is not in the journal")
        return self._prepare(job.request)

    def read(self, job: Job, outcome: JobOutcome) -> Document | None:
        """Return the document of a job with that outcome, or None if its file is missing or damaged."""
        if outcome.status is JobStatus.RUNNING:
            return RUNNING_DOCUMENT
        if outcome.status is JobStatus.ERROR and outcome.reason is not None:
            return error_document(outcome.reason)
        return self._cached(job.number) or self._read_file(job.number, outcome.checksum)

    def _cached(self, number: int) -> Document | None:
        """Return a document from the cache, unless its file is gone or has another length."""
        with self._lock:
            cached = self._cache.get(number)
        return cached if cached is not None and self._files.has_length(number, len(cached.content)) else None

    def _read_file(self, number: int, expected_checksum: int | None) -> Document | None:
        try:
            content = self._files.read(number)
        except OSError:
            return None
        checksum = zlib.crc32(content)
        whole = is_whole(content) if expected_checksum is None else checksum == expected_checksum
        return Document(content, checksum) if whole else None

    def restore(self, job: Job) -> Document:
        """Compute a lost result again and write it. Returns it even if it cannot be written.

        Raises
        ------
        ServiceError: it cannot be computed again
        """
        logger.warning("%s: its result is lost or damaged; computing it again", job.id)
        restored = self.prepare(job)()
        try:
            self.write(job.number, restored)
        except OSError:
            logger.exception("%s: its result cannot be written", job.id)
        return restored


def is_whole(content: bytes) -> bool:
    """Return whether a document of unknown checksum is a complete result or error document."""
    if not content.startswith((DONE_DOCUMENT_START, ERROR_DOCUMENT_START)):
        return False
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True
