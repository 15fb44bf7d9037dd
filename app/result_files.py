"""The result files: one whole JSON document per finished job, named after it."""

import itertools
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

from app.folders import write_into
from app.job import job_id_of

logger = logging.getLogger(__name__)

SUFFIX = ".json"
PARTIAL_SUFFIX = ".partial"
FILE_NAME = re.compile(r"job_id_([1-9][0-9]{0,17})\.json")


class ResultFiles:
    """A folder of result files. Safe to use from many threads; every call may block on the disk.

    A reader sees a whole document or none: a file is written under another name and then renamed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writes = itertools.count()

    def write(self, number: int, document: bytes) -> None:
        """Put a job's document in place, whole.

        Raises
        ------
        OSError: it cannot be written; no part of it is left behind
        """
        write_into(self.folder, lambda: self._write_once(number, document))

    def _write_once(self, number: int, document: bytes) -> None:
        partial = self.folder / f"{job_id_of(number)}.{next(self._writes)}{PARTIAL_SUFFIX}"
        try:
            partial.write_bytes(document)
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
        return self._path(number).read_bytes()

    def delete(self, number: int) -> None:
        """Remove a job's document, if there is one.

        Raises
        ------
        OSError: it cannot be removed
        """
        self._path(number).unlink(missing_ok=True)

    def written_at(self, number: int) -> float:
        """Return when a job's document was written, in seconds of UTC since 1970.

        Raises
        ------
        OSError: there is none
        """
        return self._path(number).stat().st_mtime

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

    def _path(self, number: int) -> Path:
        return self.folder / f"{job_id_of(number)}{SUFFIX}"
