"""The one table that everybody shares: read from its source, and swapped whole when it is read again."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from app.errors import SourceError
from app.table.sources.progress import NowAndThen, Progress, Tell, tell_nobody
from app.table.survey_table import SurveyTable

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 10.0  # of the log, while a reload goes on


@dataclass(frozen=True, slots=True)
class LoadReport:
    """How a reading of the table went, or goes: ``running``, ``done`` or ``error`` with a reason; times are UTC."""

    status: Literal["running", "done", "error"]
    started_at: datetime
    ended_at: datetime | None = None
    reason: str | None = None
    progress: Progress | None = None


class DataIngestor:
    """Read the survey from its source and hold the table that everybody shares.

    Parameters
    ----------
    load: reads the source, and tells how far it has come
    table: a table already read from that source, to be shared instead of reading it again

    Raises
    ------
    SourceError: the source cannot be read as a survey
    """

    def __init__(self, load: Callable[[Tell], SurveyTable], table: SurveyTable | None = None) -> None:
        self._load = load
        self._lock = threading.Lock()  # guards _table and _reload
        self._table = table if table is not None else load(tell_nobody)
        self._reload: LoadReport | None = None
        self._log_due = NowAndThen(SECONDS_BETWEEN_LINES)

    @property
    def table(self) -> SurveyTable:
        """The table that jobs accepted from now on are computed over."""
        with self._lock:
            return self._table

    @property
    def last_reload(self) -> LoadReport | None:
        """How the last reload went, or goes; None where there was none."""
        with self._lock:
            return self._reload

    def reload(self) -> bool:
        """Read the source again on a thread of its own and swap the table whole; False where that is going on already.

        A source that cannot be read leaves the old table in place.
        """
        with self._lock:
            if self._reload is not None and self._reload.status == "running":
                return False
            self._reload = LoadReport("running", datetime.now(UTC))
        threading.Thread(target=self._read_again, name="Reload", daemon=True).start()
        return True

    def _read_again(self) -> None:
        table, reason = None, None
        try:
            table = self._load(self._tell)
        except SourceError as error:
            reason = error.reason
            logger.warning("reload: the old table stays: %s", reason)
        except Exception:  # told by the report, on whichever thread it is asked for
            reason = "the table could not be read; the fault is logged"
            logger.exception("reload: the old table stays")
        status: Literal["done", "error"] = "error" if reason else "done"
        with self._lock:
            self._table = table or self._table
            if self._reload is not None:
                self._reload = replace(self._reload, status=status, ended_at=datetime.now(UTC), reason=reason)
        if table is not None:
            logger.info("reload: %d rows read, SHA-256 %s", table.report.rows_read, table.report.sha256)

    def _tell(self, progress: Progress) -> None:
        """Take note of how far the reload has come, and log it now and then."""
        with self._lock:
            if self._reload is not None:
                self._reload = replace(self._reload, progress=progress)
        if self._log_due():
            logger.info("reload: %s", progress)
