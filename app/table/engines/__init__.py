"""Load the table that the settings name, by pandas or by Dask, here or in a subprocess."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Literal

from app.errors import SettingsError, SourceError
from app.process.cores import CORES, memory_bytes
from app.settings import Settings
from app.table.engines.pandas_reader import read_in_subprocess, read_with_pandas
from app.table.engines.reader_process import read_in_new_process
from app.table.engines.tasks import ClusterTask, ReadTask
from app.table.source_kind import SourceKind
from app.table.sources.addresses import Source
from app.table.sources.files import find_files
from app.table.sources.progress import OnProgress, ignore_progress
from app.table.sources.unpacking import unpacked_size
from app.table.survey_rows.rows import SurveyRows
from app.table.survey_table import SurveyTable

INSTALL = "install it with `make dask` (the packages of requirements-dask.txt)"
MIB = 1024 * 1024
PANDAS_MEMORY_SHARE = 0.25  # pandas needs up to four times the size of a table while it reads


def check_engine(settings: Settings) -> None:
    """Check that the chosen engine is installed.

    Raises
    ------
    SettingsError: it is not; the reason says how to install it
    """
    if settings.engine == "dask" and not dask_is_installed():
        raise SettingsError(f"setting STATS_ENGINE='dask': Dask is not installed; {INSTALL}")


def engine_warnings(settings: Settings) -> list[str]:
    """Return a warning if the connection to a running Dask scheduler is not encrypted."""
    scheduler = settings.dask_scheduler
    if scheduler is None or scheduler.startswith("tls://"):
        return []
    return [
        f"setting STATS_DASK_SCHEDULER={scheduler!r}: without TLS, whoever reaches the scheduler or its network can "
        "run code on its workers and on this machine; use tls:// with certificates (docs/scaling.md)"
    ]


def load_table(settings: Settings, on_progress: OnProgress = ignore_progress) -> SurveyTable:
    """Read the table; pandas reads it in this process, which may have threads. Blocks.

    Raises
    ------
    SourceError: the table cannot be read
    """
    return _load(settings, read_with_pandas, on_progress)


def load_table_in_subprocess(settings: Settings, on_progress: OnProgress) -> SurveyTable:
    """Read the table in a process whose memory is freed when it exits. Call it before starting any thread. Blocks.

    Raises
    ------
    SourceError: the table cannot be read
    """
    return _load(settings, read_in_subprocess, on_progress)


def load_table_in_new_process(settings: Settings, on_progress: OnProgress = ignore_progress) -> SurveyTable:
    """Read the table in a new process, from a process that may have threads.

    It takes a second longer than ``load_table_in_subprocess``. Blocks.

    Raises
    ------
    SourceError: the table cannot be read
    """
    return _load(settings, _read_in_new_process, on_progress)


def engine_for(settings: Settings, source: Source) -> Literal["pandas", "dask"]:
    """Return the chosen engine; ``auto`` is Dask for a source that is large compared with this machine's memory.

    Raises
    ------
    SourceError: the source does not exist, or is that large and Dask is not installed
    """
    if settings.engine != "auto":
        return settings.engine
    size, memory = sum(map(unpacked_size, find_files(source))), memory_bytes()
    if size <= memory * PANDAS_MEMORY_SHARE:
        return "pandas"
    if not dask_is_installed():
        raise SourceError(
            f"{source}: its {size / MIB:,.0f} MiB, unpacked, are more than {PANDAS_MEMORY_SHARE:.0%} of this machine's "
            f"{memory / MIB:,.0f} MiB of memory, and Dask, which reads such tables in parts, is not installed; "
            f"{INSTALL}, or set STATS_ENGINE=pandas to read the table as a whole"
        )
    return "dask"


def dask_is_installed() -> bool:
    """Return whether Dask can be imported."""
    return find_spec("distributed") is not None


def _load(
    settings: Settings,
    read_by_pandas: Callable[[Source, SourceKind[Any], OnProgress], SurveyTable],
    on_progress: OnProgress,
) -> SurveyTable:
    source = Source(settings.source())
    if engine_for(settings, source) == "pandas":
        return read_by_pandas(source, _row_kind(settings), on_progress)
    task = ClusterTask(
        source=source,
        kind=_row_kind(settings),
        cores=CORES,
        workers=settings.dask_workers or len(CORES) or 1,
        worker_bytes=settings.dask_worker_mib * MIB,
        scheduler=settings.dask_scheduler,
    )
    return read_in_new_process(task, on_progress)


def _read_in_new_process(source: Source, kind: SourceKind[Any], on_progress: OnProgress) -> SurveyTable:
    return read_in_new_process(ReadTask(source, kind, CORES), on_progress)


def _row_kind(settings: Settings) -> SourceKind[Any]:
    """Return how rows are understood: as respondents' records if a mapping is set, as survey rows otherwise.

    Raises
    ------
    SourceError: the mapping is invalid
    """
    if settings.mapping is None:
        return SurveyRows()
    from app.table.respondents import RespondentRecords, read_mapping  # noqa: PLC0415 - heavy: it needs SciPy

    return RespondentRecords(read_mapping(settings.mapping), settings.min_respondents)
