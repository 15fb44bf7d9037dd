"""The files of results: one per finished job, written whole, and checked by themselves when they are read.

A file holds the document that clients get, with one more field at its end: the CRC-32 of the document. So a damaged
file is recognized without the journal. Jobs that ask the same question of the same table have the same document, which
is written once: the files of the other jobs are hard links to it, one system call instead of four, and no space.
"""

# Hot paths take paths as plain strings: making a Path costs more than the system call that follows.
# ruff: noqa: PTH105, PTH108, PTH116, PTH123

import itertools
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from weakref import WeakKeyDictionary

import orjson

from app.jobs.job import JOB_ID_PREFIX, Document, JobStatus, document
from app.jobs.results_folder import write_into

logger = logging.getLogger(__name__)

SUFFIX = ".json"
PARTIAL_SUFFIX = ".partial"
FILE_NAME = re.compile(r"job_id_([1-9][0-9]{0,17})\.json")
FILE_MODE = 0o640  # results are for the server's user and group
CHECKSUM_FIELD = b',"crc32":"%08x"}'  # replaces the document's closing brace
CHECKSUM_START = b',"crc32":"'
CHECKSUM_CHARS = len(CHECKSUM_FIELD % 0)
DONE_DOCUMENT_START = b'{"status":"done","data":'
ERROR_DOCUMENT_START = b'{"status":"error","reason":'


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
        # A file that holds the document, for as long as something else keeps the document in memory.
        self._link_targets: WeakKeyDictionary[Document, str] = WeakKeyDictionary()

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

    def _write_file(self, number: int, document: Document) -> None:
        partial = f"{self._prefix}{number}.{next(self._writes)}{PARTIAL_SUFFIX}"
        try:
            with open(partial, "wb", opener=_open_for_group) as file:
                file.write(file_content(document))
            os.replace(partial, self._path(number))
        except OSError:
            self._discard(partial)
            raise

    @staticmethod
    def _discard(partial: str) -> None:
        try:
            os.unlink(partial)
        except FileNotFoundError:
            return
        except OSError:  # the next start removes it
            logger.exception("%s cannot be removed", partial)

    def read(self, number: int) -> Document | None:
        """Return a job's document, None if the file is damaged.

        Raises
        ------
        FileNotFoundError: there is no file
        OSError: it cannot be read now
        """
        with open(self._path(number), "rb", buffering=0) as file:
            return document_in(file.read())

    def holds(self, number: int, document: Document) -> bool:
        """Return whether a job's file exists and is as long as that of a document; its content is not read."""
        try:
            return os.stat(self._path(number)).st_size == len(document.content) + CHECKSUM_CHARS - 1
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

    def size(self, number: int) -> int:
        """Return the length of a job's file in bytes, 0 if it cannot be found out."""
        try:
            return os.stat(self._path(number)).st_size
        except OSError:
            return 0

    def written_at(self, number: int) -> float:
        """Return when a job's document was written, in seconds since 1970 (UTC).

        Raises
        ------
        OSError: it does not exist
        """
        return os.stat(self._path(number)).st_mtime

    def numbers(self) -> list[int]:
        """Return the numbers of all jobs with a file, ascending; remove what interrupted writes left behind.

        Raises
        ------
        OSError: the folder cannot be read
        """
        return sorted(self._scan())

    def _scan(self) -> Iterator[int]:
        if not self.folder.is_dir():
            return
        with os.scandir(self.folder) as entries:
            for entry in entries:
                match = FILE_NAME.fullmatch(entry.name)
                if match:
                    yield int(match[1])
                elif entry.name.endswith(PARTIAL_SUFFIX):
                    self._discard(entry.path)

    def _path(self, number: int) -> str:
        return f"{self._prefix}{number}{SUFFIX}"


def file_content(document: Document) -> bytes:
    """Return the content of the file that holds a document."""
    return document.content[:-1] + CHECKSUM_FIELD % document.checksum


def document_in(content: bytes) -> Document | None:
    """Return the document that a file holds, None if the file is damaged.

    Files of earlier versions have no checksum; of those, a complete JSON document counts as whole.
    """
    start = len(content) - CHECKSUM_CHARS
    if start > 0 and content.startswith(CHECKSUM_START, start):
        checked = document(content[:start] + b"}")
        return checked if content[start:] == CHECKSUM_FIELD % checked.checksum else None
    if not content.startswith((DONE_DOCUMENT_START, ERROR_DOCUMENT_START)):
        return None
    if content.startswith(DONE_DOCUMENT_START) and content.endswith(b'"}'):  # a checksum whose field is damaged
        return None
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return document(content)


def status_in(document: Document) -> JobStatus:
    """Return the status that the document of an ended job shows."""
    return JobStatus.ERROR if document.content.startswith(ERROR_DOCUMENT_START) else JobStatus.DONE


def _open_for_group(path: str, flags: int) -> int:
    return os.open(path, flags, FILE_MODE)
