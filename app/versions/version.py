"""The record of a version of the table: where it comes from, and when it was served."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from pydantic import TypeAdapter

from app.errors import InvalidRequestError, quoted
from app.table.survey_table import SurveyTable

SHORT_ID_CHARS = 12  # of an id, where people read it
DAY_CHARS = 10  # of a date such as 2026-11-26


@dataclass(frozen=True, slots=True, kw_only=True)
class TableVersion:
    """A version of the table. Times are UTC.

    Parameters
    ----------
    id: SHA-256 of its cells and names
    source, sha256: name and SHA-256 of the source that it was first read from
    rows: number of rows read
    questions: number of questions
    years: the years that its rows cover
    first_read, last_read: when it was first and last read from a source
    served_from: each time from which it was the current table
    size: of its file, in bytes
    removed_at, removed_by: when its file was removed, and why; None while it is kept
    """

    id: str
    source: str
    sha256: str
    rows: int
    questions: int
    years: tuple[int, ...]
    modelled: bool
    first_read: datetime
    last_read: datetime
    served_from: tuple[datetime, ...]
    size: int = 0
    removed_at: datetime | None = None
    removed_by: str | None = None

    @property
    def short_id(self) -> str:
        """The first characters of the id."""
        return self.id[:SHORT_ID_CHARS]

    def read_again(self, now: datetime) -> "TableVersion":
        """Return the record after the same content was read from a source."""
        return replace(self, last_read=now, removed_at=None, removed_by=None)

    def served(self, now: datetime) -> "TableVersion":
        """Return the record after it has become the current table."""
        return replace(self, served_from=(*self.served_from, now))


record = TypeAdapter(TableVersion)


def version_of(table: SurveyTable, now: datetime) -> TableVersion:
    """Return the record of a table that is read for the first time."""
    report = table.report
    return TableVersion(
        id=table.id,
        source=report.source,
        sha256=report.sha256,
        rows=report.rows_read,
        questions=len(table.questions),
        years=report.years,
        modelled=report.modelled,
        first_read=report.loaded_at,
        last_read=now,
        served_from=(),
    )


def served_at(versions: Iterable[TableVersion], moment: datetime) -> TableVersion | None:
    """Return the version that was the current table at a moment; None before the first one."""
    starts = [(start, version) for version in versions for start in version.served_from if start <= moment]
    return max(starts, key=lambda pair: pair[0])[1] if starts else None


def served_before(versions: Iterable[TableVersion], id_: str) -> TableVersion | None:
    """Return the other version that was served last before a version became the current table for the last time."""
    versions = list(versions)
    own = [start for version in versions if version.id == id_ for start in version.served_from]
    if not own:
        return None
    others = [version for version in versions if version.id != id_]
    starts = [(start, version) for version in others for start in version.served_from if start < max(own)]
    return max(starts, key=lambda pair: pair[0])[1] if starts else None


def moment_of(text: str, now: datetime) -> datetime:
    """Return the moment that a date or a time names, in UTC unless it names an offset; of a date, its end.

    Raises
    ------
    InvalidRequestError: the text is neither, or names a time to come
    """
    try:
        if len(text) == DAY_CHARS:
            day = date.fromisoformat(text)
            moment = datetime.combine(day, time(), UTC) + timedelta(days=1, microseconds=-1)
            is_ahead = day > now.date()
        else:
            moment = datetime.fromisoformat(text)
            moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
            is_ahead = moment > now
    except (ValueError, OverflowError) as error:
        example = "2026-01-31 or 2026-01-31T12:00:00Z"
        reason = f'"as_of" must be a date or a time such as {example}, not {quoted(text)}'
        raise InvalidRequestError(reason, "as_of") from error
    if is_ahead:
        reason = f'"as_of" {text} is still ahead: the table that will be served then is not known'
        raise InvalidRequestError(reason, "as_of")
    return moment
