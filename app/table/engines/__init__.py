"""Which of the two readers reads the table, and where: pandas in this process, or Dask on a cluster of processes."""

from importlib.util import find_spec
from typing import Any, Literal

from app.errors import SettingsError, SourceError
from app.process.cores import CORES, memory_bytes
from app.settings import Settings
from app.table.engines.cluster import ClusterTask, read_on_cluster
from app.table.engines.pandas_reader import read_table, read_table_apart
from app.table.source_kind import SourceKind
from app.table.sources.addresses import without_secrets
from app.table.sources.files import find_files
from app.table.sources.progress import Tell, tell_nobody
from app.table.survey_rows.rows import SurveyRows
from app.table.survey_table import SurveyTable

INSTALL = "install it by `make dask`, which takes what requirements-dask.txt names"
MIB = 1024 * 1024


def check_engine(settings: Settings) -> None:
    """Check that the engine that is asked for is there.

    Raises
    ------
    SettingsError: it is not; the reason says how to install it
    """
    if settings.engine == "dask" and not dask_is_there():
        raise SettingsError(f"setting STATS_ENGINE='dask': Dask is not installed; {INSTALL}")


def load_table(settings: Settings, tell: Tell = tell_nobody) -> SurveyTable:
    """Read the table that the settings name, from a process that may have threads. Blocks.

    Raises
    ------
    SourceError: it cannot be read
    """
    source = settings.source()
    if engine_for(settings, source) == "dask":
        return read_on_cluster(_task(settings, source), tell)
    return read_table(source, _kind(settings), tell)


def load_table_apart(settings: Settings, tell: Tell) -> SurveyTable:
    """Do the same in a process that ends with the reading. To be called before this process has started any thread.

    Raises
    ------
    SourceError: the table cannot be read
    """
    source = settings.source()
    if engine_for(settings, source) == "dask":
        return read_on_cluster(_task(settings, source), tell)
    return read_table_apart(source, _kind(settings), tell)


def engine_for(settings: Settings, source: str) -> Literal["pandas", "dask"]:
    """Return the engine that is named or else, for a source that is large beside this machine's memory, Dask.

    Raises
    ------
    SourceError: the source is not there, or is that large and Dask is not installed
    """
    if "engine" in settings.model_fields_set:
        return settings.engine
    size, memory = sum(file.size for file in find_files(source)), memory_bytes()
    if size <= memory * settings.dask_share:
        return "pandas"
    if not dask_is_there():
        raise SourceError(
            f"{without_secrets(source)}: is {size / MIB:,.0f} MiB, more than {settings.dask_share:.0%} of the memory "
            f"of {memory / MIB:,.0f} MiB, and Dask, which reads such tables in parts, is not installed; {INSTALL}, "
            "or set STATS_ENGINE=pandas to have it read as a whole"
        )
    return "dask"


def dask_is_there() -> bool:
    """Tell whether Dask is installed."""
    return find_spec("distributed") is not None


def _kind(settings: Settings) -> SourceKind[Any]:
    """Return what the rows of the source are: survey rows, or respondents' records where there is a mapping of such.

    Raises
    ------
    SourceError: the mapping is wrong
    """
    if settings.mapping is None:
        return SurveyRows()
    from app.table.respondents import RespondentRecords, read_mapping  # noqa: PLC0415 - heavy: it needs SciPy

    return RespondentRecords(read_mapping(settings.mapping))


def _task(settings: Settings, source: str) -> ClusterTask:
    return ClusterTask(
        source=source,
        kind=_kind(settings),
        cores=CORES,
        workers=settings.dask_workers or len(CORES) or 1,
        worker_bytes=settings.dask_worker_mib * MIB,
        scheduler=settings.dask_scheduler,
    )
