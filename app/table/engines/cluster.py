"""Reading on a Dask cluster, seen from the server: in a process of its own, which ends with the reading.

The server's process may be kept on one core, has signals blocked and runs many threads; a cluster started from within
it would inherit all that.
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
from app.table.sources.addresses import without_secrets
from app.table.sources.progress import Tell
from app.table.survey_table import SurveyTable

PROJECT_ROOT = Path(__file__).resolve().parents[3]
STANDARD_ERROR = 2
END_SECONDS = 10.0  # for the workers to be ended, once the table is there


@dataclass(frozen=True, slots=True)
class ClusterTask:
    """What to read, and on which cluster.

    Parameters
    ----------
    source: a path, a folder, a pattern, or an address
    kind: what its rows are
    cores: the processor cores that the cluster may use
    workers, worker_bytes: how many processes it has, and how much memory each of them may take
    scheduler: the address of a cluster that runs already, which goes before one of its own
    """

    source: str
    kind: SourceKind[Any]
    cores: frozenset[int]
    workers: int
    worker_bytes: int
    scheduler: str | None = None

    @property
    def shown(self) -> str:
        """The source as it is named in messages."""
        return without_secrets(self.source)


def read_on_cluster(task: ClusterTask, tell: Tell) -> SurveyTable:
    """Read a table on a cluster. Blocks.

    Raises
    ------
    SourceError: as ``read_table``, or the cluster cannot be reached or has died
    """
    here, there = Pipe()
    with here:
        with there:
            process = subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
                [sys.executable, "-m", "app.table.engines.cluster_main", str(there.fileno())],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=STANDARD_ERROR,
                pass_fds=[there.fileno()],
                start_new_session=True,  # Ctrl-C is for the server, which closes the connection when it ends
            )
        try:
            here.send(task)
            return receive_table(here, task.shown, tell)
        finally:
            here.close()
            _end(process)


def _environment() -> dict[str, str]:
    """Return the environment of a process that finds this package, wherever the server was started."""
    paths = [str(PROJECT_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
