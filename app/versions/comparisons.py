"""``Comparisons``: what changed between kept versions of the table, compared one pair at a time, and cached."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import ServiceError, UnavailableError, UnknownTableError
from app.versions.change_records import sentence
from app.versions.changes import Comparison, compare
from app.versions.kept_tables import KeptTables
from app.versions.version import SHORT_ID_CHARS, TableVersion, served_before

logger = logging.getLogger(__name__)

CACHE_BYTES = 64 * 1024 * 1024  # two of CDC's tables without a common cell differ in 26 MB
MOST_WAITING = 4
LONGEST_WAIT_SECONDS = 10.0
RETRY_SECONDS = 5


class ComparisonsBusyError(UnavailableError):
    """Too many other comparisons of versions, or files of them, wait."""

    def __init__(self) -> None:
        super().__init__(f"too many versions wait to be compared; try again in {RETRY_SECONDS} s", RETRY_SECONDS)


class Comparisons:
    """Compare kept versions of the table, and log what a new one changed. Safe to use from many threads.

    Parameters
    ----------
    tables: the kept versions
    most_bytes: bound of the cache; the last comparison stays, however large it is
    """

    def __init__(self, tables: KeptTables, most_bytes: int = CACHE_BYTES) -> None:
        self._tables = tables
        self._most_bytes = most_bytes
        self._places = threading.BoundedSemaphore(1 + MOST_WAITING)  # whoever has the turn, and those that wait for it
        self._comparing = threading.Lock()  # held by whoever has the turn
        self._lock = threading.Lock()  # guards the field below
        self._cache: OrderedDict[tuple[str, str], Comparison] = OrderedDict()  # the least recently used first
        self._logged_id = ""  # of the current table when it was last looked at; by one thread alone

    def between(self, old_id: str, new_id: str, seconds: float = LONGEST_WAIT_SECONDS) -> Comparison:
        """Return what changed from one version to another. Blocks on the disk, and while another pair is compared.

        Parameters
        ----------
        seconds: as for ``turn``

        Raises
        ------
        TableGoneError: one of them is not kept any more
        UnavailableError: one of them cannot be read now
        ComparisonsBusyError: as ``turn``
        """
        pair = old_id, new_id
        cached = self._cached(pair)
        if cached is not None:
            return cached
        with self.turn(seconds):
            # While this request waited, another may have compared the same versions.
            return self._cached(pair) or self._compare(pair)

    def before(self, id_: str) -> TableVersion:
        """Return the kept version that was served before another one.

        Raises
        ------
        UnknownTableError: there is none
        """
        found = served_before(self._tables.versions(), id_)
        if found is None:
            raise UnknownTableError(
                'no version of the table was served before this one; name one to compare it with as "since", such as '
                "?since=<id>. GET /api/tables lists them"
            )
        return found

    def log_new(self, current_id: str) -> None:
        """Log what changed if the current table is another one than at the last call. Logs why it cannot be compared.

        To be called about once a second by one thread. A restart over the table of the last run logs nothing.
        """
        if current_id == self._logged_id:
            return
        last_id, self._logged_id = self._logged_id, current_id
        replaced = served_before(self._tables.versions(), current_id)
        if replaced is None or (not last_id and self._was_served_since(replaced, current_id)):
            return
        names = current_id[:SHORT_ID_CHARS], replaced.short_id
        try:
            comparison = self.between(replaced.id, current_id, seconds=0)  # this thread has other work than to wait
        except ComparisonsBusyError:
            self._logged_id = last_id  # so that the next round tries again
        except ServiceError as error:
            logger.warning("table %s replaces %s; they cannot be compared: %s", *names, error.reason)
        else:
            logger.info("table %s replaces %s: %s", *names, sentence(comparison))

    @contextmanager
    def turn(self, seconds: float = LONGEST_WAIT_SECONDS) -> Iterator[None]:
        """Hold the right to compare, or to write a comparison to a file: both take memory, so one thread has it.

        Parameters
        ----------
        seconds: how long to wait for it

        Raises
        ------
        ComparisonsBusyError: too many others wait, or the turn has not come
        """
        if not self._places.acquire(blocking=False):
            raise ComparisonsBusyError
        try:
            if not self._comparing.acquire(timeout=seconds):
                raise ComparisonsBusyError
            try:
                yield
            finally:
                self._comparing.release()
        finally:
            self._places.release()

    def _was_served_since(self, replaced: TableVersion, current_id: str) -> bool:
        """Return whether the current table was served by an earlier run too, after the one that it replaced."""
        current = self._tables.find(current_id)
        return sum(start > replaced.served_from[-1] for start in current.served_from) > 1

    def _compare(self, pair: tuple[str, str]) -> Comparison:
        old, new = (self._tables.table(id_) for id_ in pair)
        comparison = compare(old, new)
        with self._lock:
            self._cache[pair] = comparison
            while len(self._cache) > 1 and sum(each.bytes for each in self._cache.values()) > self._most_bytes:
                self._cache.popitem(last=False)
        return comparison

    def _cached(self, pair: tuple[str, str]) -> Comparison | None:
        with self._lock:
            if pair in self._cache:
                self._cache.move_to_end(pair)
            return self._cache.get(pair)
