"""``DataIngestor``: the one shared table, loaded at the start and swapped atomically at a reload."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from app.errors import SourceError
from app.table.conflict import identical_rows_note
from app.table.sources.progress import OnProgress, Progress, Throttle, ignore_progress
from app.table.survey_table import DatasetReport, SurveyTable

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 10.0  # of the log, during a reload


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The state of a load: ``running``, ``done``, or ``error`` with a reason; times are UTC."""

    status: Literal["running", "done", "error"]
    started_at: datetime
    ended_at: datetime | None = None
    reason: str | None = None
    progress: Progress | None = None


def log_repeated_rows(table: SurveyTable) -> None:
    """Log a warning about identical rows, and one about each question whose rows contradict each other."""
    if table.report.rows_identical:
        logger.warning("table: %s", identical_rows_note(table.report.rows_identical))
    for reason in table.report.conflicts.values():
        logger.warning("table: %s", reason)


class DataIngestor:
    """Load the table and share it with all threads.

    Parameters
    ----------
    load: reads the source and reports its progress to the callback
    table: a table already read from the source; without it the source is read now
    keep: called with each table that is read, before it is served; returns the one to serve

    Raises
    ------
    SourceError: the source cannot be read as a survey
    """

    def __init__(
        self,
        load: Callable[[OnProgress], SurveyTable],
        table: SurveyTable | None = None,
        keep: Callable[[SurveyTable], SurveyTable] = lambda table: table,
    ) -> None:
        self._load = load
        self._keep = keep
        self._lock = threading.Lock()  # guards _table, _report and _reload
        table = table if table is not None else load(ignore_progress)
        self._report = table.report
        self._table = keep(table)
        self._reload: LoadReport | None = None
        self._log_due = Throttle(SECONDS_BETWEEN_LINES)

    @property
    def table(self) -> SurveyTable:
        """The current table. A job keeps the one that it was accepted with."""
        with self._lock:
            return self._table

    @property
    def report(self) -> DatasetReport:
        """The report of the last load. That of ``table`` is of the first load of the same content."""
        with self._lock:
            return self._report

    @property
    def last_reload(self) -> LoadReport | None:
        """The running or the last reload; None before the first."""
        with self._lock:
            return self._reload

    def reload(self) -> bool:
        """Start a reload on a thread of its own; return False if one is running already.

        If the source cannot be read, the current table stays.
        """
        with self._lock:
            if self._reload is not None and self._reload.status == "running":
                return False
            self._reload = LoadReport("running", datetime.now(UTC))
        threading.Thread(target=self._read_again, name="Reload", daemon=True).start()
        return True

    def _read_again(self) -> None:
        table, kept, reason = None, None, None
        try:
            table = self._load(self._record_progress)
            kept = self._keep(table)  # before the first job over it is accepted
        except SourceError as error:
            reason = error.reason
            logger.warning("reload: failed, the current table stays: %s", reason)
        except Exception:  # the thread has no caller to raise to; the report carries the reason
            reason = "the table could not be read; the server's log has the traceback"
            logger.exception("reload: failed, the current table stays")
        status: Literal["done", "error"] = "error" if reason else "done"
        with self._lock:
            if table is not None and kept is not None:
                self._table, self._report = kept, table.report
            if self._reload is not None:
                self._reload = replace(self._reload, status=status, ended_at=datetime.now(UTC), reason=reason)
        if table is not None:
            logger.info("reload: %d rows read, SHA-256 %s", table.report.rows_read, table.report.sha256)
            log_repeated_rows(table)

    def _record_progress(self, progress: Progress) -> None:
        """Update the report, and log the progress every few seconds."""
        with self._lock:
            if self._reload is not None:
                self._reload = replace(self._reload, progress=progress)
        if self._log_due():
            logger.info("reload: %s", progress)
