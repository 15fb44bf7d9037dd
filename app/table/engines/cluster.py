"""Read a table on a Dask cluster, from a subprocess that exits when the table is read.

The server's process may be pinned to one core, blocks signals and runs many threads; a cluster that it started directly
would inherit all that.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from app.table.engines.pandas_reader import receive_table
from app.table.source_kind import SourceKind
from app.table.sources.addresses import Source
from app.table.sources.progress import OnProgress
from app.table.survey_table import SurveyTable

PROJECT_ROOT = Path(__file__).resolve().parents[3]
STANDARD_ERROR = 2
EXIT_SECONDS = 10.0  # for the workers to exit, once the table is received


@dataclass(frozen=True, slots=True)
class ClusterTask:
    """What to read, and on which cluster.

    Parameters
    ----------
    source: where the table is
    kind: how its rows are understood
    cores: the processor cores that the cluster may use
    workers, worker_bytes: the number of worker processes, and the memory limit of each
    scheduler: the address of a running cluster to use instead of starting one
    """

    source: Source
    kind: SourceKind[Any]
    cores: frozenset[int]
    workers: int
    worker_bytes: int
    scheduler: str | None = None


def read_on_cluster(task: ClusterTask, on_progress: OnProgress) -> SurveyTable:
    """Read a table on a cluster. Blocks.

    Raises
    ------
    SourceError: as ``read_with_pandas``, or the cluster cannot be reached or died
    """
    here, there = Pipe()  # ``there`` is closed below, so that the death of the subprocess ends the wait
    with here:
        with there:
            process = subprocess.Popen(  # noqa: S603 - no argument comes from a user
                [sys.executable, "-m", "app.table.engines.cluster_main", str(there.fileno())],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=STANDARD_ERROR,
                pass_fds=[there.fileno()],
                start_new_session=True,  # Ctrl-C reaches the server alone, which then closes the connection
            )
        try:
            here.send(task)
            return receive_table(here, task.source, on_progress)
        finally:
            here.close()  # makes the subprocess exit, so close it before waiting for that
            _wait_or_kill(process)


def _environment() -> dict[str, str]:
    """Return an environment in which ``python -m`` finds this package, whatever the working directory."""
    paths = [str(PROJECT_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _wait_or_kill(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
