"""``KeptTables``: the versions of the table in the results folder, found by id, by its first characters, or by time.

``tables/<id>.parquet`` has the content and never changes, ``tables/<id>.json`` the record. The record of a removed
version stays, so that a request for it, or as of a time at which it was served, is never answered over another one.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from app.errors import (
    ConflictError,
    InvalidRequestError,
    NotRecordedError,
    ServiceError,
    TableGoneError,
    UnavailableError,
    UnknownTableError,
    one_line,
    quoted,
)
from app.table.survey_table import SurveyTable
from app.versions.files import FOLDER, write_file
from app.versions.table_file import TableFileError, read_table_file, table_bytes
from app.versions.version import TableVersion, moment_of, record, served_at, version_of

logger = logging.getLogger(__name__)

ID = re.compile("[0-9a-f]{8,64}")
RETRY_SECONDS = 5
TABLES_IN_MEMORY = 2  # beside the current one
IN_USE_SECONDS = 600.0  # a version that was asked for within them is not removed to make room
RETENTION, OPERATOR = "the retention rule", "an operator"


class KeptTables:
    """The versions of the table that this server has read. Safe to use from many threads.

    Parameters
    ----------
    results: the results folder
    keep: how many versions are kept beside those that jobs need; the newest stay
    check_folder: checks the lock on the results folder, before each write

    Raises
    ------
    OSError: the folder cannot be read
    """

    def __init__(self, results: Path, keep: int, check_folder: Callable[[], None] = lambda: None) -> None:
        self._folder = results / FOLDER
        self._check_folder = check_folder
        self._keep = keep
        self._lock = threading.Lock()  # guards the fields below
        self._versions = {version.id: version for version in _records_in(self._folder)}
        self._current: SurveyTable | None = None
        self._loaded: dict[str, SurveyTable] = {}  # the least recently used first
        self._asked: dict[str, float] = {}  # monotonic time of the last request for each version
        self._failing = False  # whether the current table cannot be written; logged once
        self._loading = threading.Lock()  # one table is read at a time; held without _lock
        self._writing = threading.Lock()  # files are written by one thread at a time; held without _lock

    # The current table

    def serve(self, table: SurveyTable) -> SurveyTable:
        """Keep a table that was read from its source, as the current one; return it with the report of its first load.

        A table that cannot be written is served all the same; ``maintain`` tries again. Blocks on the disk.
        """
        self.mend_current()  # the one that was current until now: memory is about to lose it
        now = datetime.now(UTC)
        with self._lock:
            known = self._versions.get(table.id)
            current = self._current
        if known is not None and known.first_read != table.report.loaded_at:
            table = self._with_first_report(table, known)
        version = known.read_again(now) if known is not None else version_of(table, now)
        if current is None or current.id != table.id:
            version = version.served(now)
        with self._lock:
            self._current = table
            self._versions[version.id] = version
            self._loaded.pop(version.id, None)
        self._write_current(is_new_record=True)
        return table

    def _with_first_report(self, table: SurveyTable, known: TableVersion) -> SurveyTable:
        """Return a table with the report of its first load, as far as that is still known."""
        kept = self._read_or_unlink(known.id)
        if kept is not None:
            return table.with_report(kept.report)
        report = replace(table.report, source=known.source, sha256=known.sha256, loaded_at=known.first_read)
        return table.with_report(report)

    def mend_current(self) -> None:
        """Write the current table again if its file is gone or damaged. Reads the file; blocks on the disk."""
        with self._lock:
            current = self._current
        if current is not None:
            self._read_or_unlink(current.id)
        self._write_current()

    def _read_or_unlink(self, id_: str) -> SurveyTable | None:
        """Return a kept table; None if it is gone, cannot be read, or was damaged and is deleted for that reason."""
        path = self._path(id_)
        try:
            return read_table_file(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            logger.warning("the kept table %s cannot be read: %s", id_, one_line(error))
            return None
        except TableFileError as damage:
            logger.warning("a kept table is written again: %s", damage)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:  # must stop neither a start nor a shutdown, which come here
            logger.warning("the damaged table %s cannot be deleted: %s", id_, one_line(error))
        return None

    def maintain(self, needed: Callable[[], Collection[str]]) -> None:
        """Write the current table again if its files are gone, and make room. To be called about once a second.

        Parameters
        ----------
        needed: returns the ids of the versions that kept jobs need; it may take a while
        """
        self._write_current()
        self._make_room(needed)

    def _write_current(self, *, is_new_record: bool = False) -> None:
        """Write the current table unless it is there, then its record. Logs a failure once."""
        with self._lock:
            table = self._current
        if table is None:
            return
        path, record_path = self._path(table.id), self._record_path(table.id)
        try:
            with self._writing:
                if not path.exists():
                    self._check_folder()
                    write_file(path, table_bytes(table))
                    self._set_size(table.id, path.stat().st_size)
                elif not is_new_record and record_path.exists():
                    return
                self._check_folder()
                with self._lock:
                    version = self._versions[table.id]
                write_file(record_path, record.dump_json(version))
        except OSError as error:
            if not self._failing:
                logger.error("the table %s cannot be kept: %s", table.id, one_line(error))  # noqa: TRY400 - no traceback
            self._failing = True
        else:
            self._failing = False

    def _set_size(self, id_: str, size: int) -> None:
        with self._lock:
            self._versions[id_] = replace(self._versions[id_], size=size)

    # Finding versions

    def versions(self) -> list[TableVersion]:
        """Return the records of all kept versions, the one that was served last first."""
        with self._lock:
            kept = [version for version in self._versions.values() if version.removed_at is None]
        return sorted(kept, key=_last_served, reverse=True)

    def find(self, text: str) -> TableVersion:
        """Return the version with an id, or with an id that starts with a text of at least 8 characters.

        Raises
        ------
        UnknownTableError: there is none, or the text is no such id
        InvalidRequestError: there are several
        TableGoneError: it has been removed
        """
        with self._lock:
            found = [version for id_, version in self._versions.items() if id_.startswith(text)]
        if not ID.fullmatch(text) or not found:
            raise UnknownTableError(
                f"no version of the table has the id {quoted(text)}: an id has 64 hexadecimal digits, of which the "
                "first 8 or more are enough. GET /api/tables lists them"
            )
        if len(found) > 1:
            raise InvalidRequestError(f"{len(found)} versions of the table have ids that start with {text}; add digits")
        return _kept(found[0])

    def as_of(self, text: str) -> TableVersion:
        """Return the version that was the current table at a time, or at the end of a day.

        Raises
        ------
        InvalidRequestError: the text is neither, or lies before the first version or ahead
        TableGoneError: that version has been removed
        """
        moment = moment_of(text, datetime.now(UTC))
        with self._lock:
            versions = list(self._versions.values())
        found = served_at(versions, moment)
        if found is None:
            first = min(start for version in versions for start in version.served_from)
            raise InvalidRequestError(
                f'"as_of" {text} lies before the first table of this server, served from '
                f"{first.isoformat(timespec='seconds').replace('+00:00', 'Z')} on",
                "as_of",
            )
        return _kept(found)

    def requested(self, table: str | None, as_of: str | None) -> TableVersion:
        """Return the version that the fields of a request name, of which exactly one is set.

        Raises
        ------
        InvalidRequestError: both are set, or as ``find`` and ``as_of``
        TableGoneError: as ``find`` and ``as_of``
        """
        if table is not None and as_of is not None:
            raise InvalidRequestError('"table" and "as_of" both name a version of the table; leave one of them out')
        try:
            return self.find(table) if table is not None else self.as_of(as_of or "")
        except UnknownTableError as error:
            raise InvalidRequestError(error.reason, "table") from error

    def table(self, id_: str) -> SurveyTable:
        """Return the table with an id, the current one or one from its file. Blocks on the disk.

        Raises
        ------
        TableGoneError: it is not kept, or its file is damaged
        """
        with self._lock:
            self._asked[id_] = time.monotonic()
            if self._current is not None and self._current.id == id_:
                return self._current
        with self._loading:
            return self._load(id_)

    def _load(self, id_: str) -> SurveyTable:
        with self._lock:
            loaded, version = self._loaded.pop(id_, None), self._versions.get(id_)
            if loaded is not None:
                self._loaded[id_] = loaded
                return loaded
        if version is None:
            raise TableGoneError(f"the version {id_} of the table is not kept")
        _kept(version)
        try:
            table = read_table_file(self._path(id_))
        except (OSError, TableFileError) as error:
            logger.error("the table %s cannot be read: %s", id_, error)  # noqa: TRY400 - its file's fault
            reason = f"the version {version.short_id} of the table cannot be read ({one_line(error)})"
            raise _unreadable(error, reason) from error
        with self._lock:
            self._loaded[id_] = table
            while len(self._loaded) > TABLES_IN_MEMORY:
                del self._loaded[next(iter(self._loaded))]
        return table

    # Removing

    def remove(self, text: str) -> TableVersion:
        """Remove a version's file; its record stays. Return the version.

        Raises
        ------
        UnknownTableError, InvalidRequestError, TableGoneError: as ``find``
        ConflictError: it is the current table
        NotRecordedError: the removal cannot be recorded; the version stays
        """
        version = self.find(text)
        with self._lock:
            is_current = self._current is not None and self._current.id == version.id
        if is_current:
            raise ConflictError("this is the current table; it can be removed once another one is served")
        try:
            self._remove(version, OPERATOR)
        except OSError as error:
            raise NotRecordedError(one_line(error)) from error
        return version

    def _make_room(self, needed: Callable[[], Collection[str]]) -> None:
        """Remove the oldest versions beyond the number that is kept, except those that jobs need."""
        surplus = self.versions()[self._keep :]
        if not surplus:
            return
        jobs_need = needed()
        with self._lock:
            current = self._current.id if self._current is not None else ""
            used_since = time.monotonic() - IN_USE_SECONDS
            in_use = {id_ for id_, asked in self._asked.items() if asked > used_since} | {current}
        for version in surplus:
            if version.id not in jobs_need and version.id not in in_use:
                self._remove(version, RETENTION)

    def _remove(self, version: TableVersion, by: str) -> None:
        # First the record, then memory, then the file: a version whose removal is not recorded keeps its file.
        removed = replace(version, removed_at=datetime.now(UTC), removed_by=by)
        with self._writing:
            self._check_folder()
            write_file(self._record_path(version.id), record.dump_json(removed))
        with self._lock:
            self._versions[version.id] = removed
            self._loaded.pop(version.id, None)
        self._path(version.id).unlink(missing_ok=True)
        logger.info("table %s: removed by %s", version.short_id, by)

    # Files

    def _path(self, id_: str) -> Path:
        return self._folder / f"{id_}.parquet"

    def _record_path(self, id_: str) -> Path:
        return self._folder / f"{id_}.json"


def _last_served(version: TableVersion) -> datetime:
    return version.served_from[-1] if version.served_from else version.first_read


def _kept(version: TableVersion) -> TableVersion:
    if version.removed_at is not None:
        when = version.removed_at.date().isoformat()
        raise TableGoneError(
            f"the version {version.short_id} of the table was removed on {when} by {version.removed_by}, so nothing "
            "can be computed over it any more; GET /api/tables lists those that are kept"
        )
    return version


def _unreadable(error: Exception, reason: str) -> ServiceError:
    """Return the error for a version whose file is missing or damaged, or cannot be read now."""
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return UnavailableError(f"{reason}; try again later", RETRY_SECONDS)
    return TableGoneError(reason)


def _records_in(folder: Path) -> list[TableVersion]:
    """Return the records in a folder. One that is damaged is made again from its table."""
    versions = {}
    for path in folder.glob("*.json"):
        with suppress(FileNotFoundError):
            try:
                version = record.validate_json(path.read_bytes())
                versions[version.id] = version
            except (ValidationError, OSError) as error:
                logger.warning("the record %s of a table cannot be read: %s", path.name, one_line(error))
    for path in folder.glob("*.parquet"):
        if path.stem not in versions and ID.fullmatch(path.stem):
            try:
                table = read_table_file(path)
            except (OSError, TableFileError) as error:
                logger.warning("a kept table cannot be read and is left alone: %s", one_line(error))
                continue
            loaded_at = table.report.loaded_at
            versions[path.stem] = replace(version_of(table, loaded_at), served_from=(loaded_at,))
    return list(versions.values())
