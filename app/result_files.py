"""The result files: one whole JSON document per finished job, named after it.

Jobs that ask the same thing over the same table have the same document. It is written once; the files of the other jobs
are further names (hard links) of that file, which takes one call of the system in place of four, and no space.
"""

# What is called for every job takes paths as plain strings: making a Path takes longer than the call of the system.
# ruff: noqa: PTH108, PTH116, PTH123

import itertools
import logging
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from app.folders import write_into
from app.job import JOB_ID_PREFIX, Document, job_id_of

logger = logging.getLogger(__name__)

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
