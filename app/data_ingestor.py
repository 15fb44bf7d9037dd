"""The one table that everybody shares: read from its source, and swapped whole when it is read again."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from app.errors import SourceError
from app.survey_table import SurveyTable
from app.table_builder import read_table

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReloadReport:
    """How the last reload went: ``running``, ``done`` or ``error`` with a reason; times are UTC."""

    status: Literal["running", "done", "error"]
    started_at: datetime
    ended_at: datetime | None = None
    reason: str | None = None


class DataIngestor:
    """Read the survey from its source and hold the table that everybody shares.

    Parameters
    ----------
    source: tells the file to read, asked before each reading: a CSV file, plain or compressed, or a Parquet file
    table: a table already read from that source, to be shared instead of reading it again

    Raises
    ------
    SourceError: the source cannot be read as a survey
    """

    def __init__(self, source: Callable[[], Path], table: SurveyTable | None = None) -> None:
        self._source = source
        self._lock = threading.Lock()  # guards _table and _reload
        self._table = table if table is not None else read_table(source())
        self._reload: ReloadReport | None = None

    @property
    def table(self) -> SurveyTable:
        """The table that jobs accepted from now on are computed over."""
        with self._lock:
            return self._table

    @property
    def last_reload(self) -> ReloadReport | None:
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
            self._reload = ReloadReport("running", datetime.now(UTC))
        threading.Thread(target=self._read_again, name="Reload", daemon=True).start()
        return True

    def _read_again(self) -> None:
        table, reason = None, None
        try:
            table = read_table(self._source())
        except SourceError as error:
            reason = error.reason
            logger.warning("reload: the old table stays: %s", reason)
        except Exception:  # told by the report, on whichever thread it is asked for
            reason = "the table could not be read; the fault is logged"
            logger.exception("reload: the old table stays")
        with self._lock:
            started_at = self._reload.started_at if self._reload else datetime.now(UTC)
            self._table = table or self._table
            self._reload = ReloadReport("error" if reason else "done", started_at, datetime.now(UTC), reason)
        if table is not None:
            logger.info("reload: %d rows read, SHA-256 %s", table.report.rows_read, table.report.sha256)
