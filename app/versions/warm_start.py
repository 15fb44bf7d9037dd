"""A warm start: the kept table instead of its source, if the source has not changed since it was read.

Unchanged means: the same files by path, size and time of modification, with the same SHA-256; read by the same code and
with the same settings.
"""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from app.errors import SourceError, one_line
from app.settings import PROJECT_ROOT, Settings
from app.table.sources.addresses import Source
from app.table.sources.files import combined_sha256, find_files
from app.table.survey_table import DatasetReport, SurveyTable
from app.versions.files import FOLDER, write_file

logger = logging.getLogger(__name__)

FILE_NAME = "last_load"  # without an ending, so that it is not taken for the record of a version
READING_CODE = PROJECT_ROOT / "app" / "table"
CODE_ENDINGS = frozenset({".py", ".toml", ".json"})


@dataclass(frozen=True, slots=True)
class LastLoad:
    """The last load of the source.

    Parameters
    ----------
    table: id of the table that it gave
    report: of this load
    files: path and version (size and time of modification) of each file
    reader: what read them, as ``reader_of`` describes it
    """

    table: str
    report: DatasetReport
    files: tuple[tuple[str, str], ...]
    reader: str


last_load = TypeAdapter(LastLoad)


def remember_load(settings: Settings, table: str, report: DatasetReport) -> None:
    """Record what the source gave, for the next start. A failure is logged: that start then reads the source.

    Parameters
    ----------
    table: id of the table
    report: of this load
    """
    try:
        files = _local_files(settings)
        if files:
            load = LastLoad(table, report, files, reader_of(settings))
            write_file(settings.results_dir / FOLDER / FILE_NAME, last_load.dump_json(load))
    except (OSError, SourceError) as error:
        logger.warning("the load of the table cannot be recorded: %s", one_line(error))


def unchanged_load(settings: Settings) -> LastLoad | None:
    """Return the last load if its source, reader and settings have not changed since. Reads the source's bytes."""
    try:
        load = last_load.validate_json((settings.results_dir / FOLDER / FILE_NAME).read_bytes())
        if load.reader != reader_of(settings) or load.files != _local_files(settings):
            return None
        digests = [(Path(path).name, _sha256(Path(path))) for path, _ in load.files]
    except (OSError, SourceError, ValidationError):  # nothing recorded, or nothing to read: reading it will say why
        return None
    return load if combined_sha256(digests) == load.report.sha256 else None


def kept_table(settings: Settings, load: LastLoad) -> SurveyTable:
    """Return the table of an unchanged load from its file, with the report of that load.

    Raises
    ------
    SourceError: the file is damaged, or cannot be read
    """
    from app.versions.table_file import TableFileError, read_table_file  # noqa: PLC0415 - it starts threads

    path = settings.results_dir / FOLDER / f"{load.table}.parquet"
    try:
        return read_table_file(path).with_report(load.report)
    except (OSError, TableFileError) as error:
        raise SourceError(f"the kept table cannot be read: {one_line(error)}") from error


def reader_of(settings: Settings) -> str:
    """Return a hash of all that a table depends on beside its source: the code that reads it, and the settings."""
    digest = hashlib.sha256(f"{settings.engine} {settings.min_respondents}\n".encode())
    code = sorted(path for path in READING_CODE.rglob("*") if path.suffix in CODE_ENDINGS)
    for path in [*code, *filter(None, [settings.mapping])]:
        digest.update(f"{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _local_files(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return path and version of each file of the source; none if it is an address."""
    source = Source(settings.source())
    return () if source.is_address else tuple((file.address, file.version) for file in find_files(source))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
