"""Read a table in a new process that exits when the table is read.

The server's process may be pinned to one core, blocks signals and runs many threads, so it cannot be forked; a cluster
that it started directly would inherit all that. Nor would the memory that reading takes be freed in it.
"""

import os
import subprocess
import sys
from multiprocessing import Pipe
from pathlib import Path

from app.table.engines.pandas_reader import receive_table
from app.table.engines.tasks import ClusterTask, ReadTask
from app.table.sources.progress import OnProgress
from app.table.survey_table import SurveyTable

PROJECT_ROOT = Path(__file__).resolve().parents[3]
STANDARD_ERROR = 2
EXIT_SECONDS = 10.0  # for the workers of a cluster to exit, once the table is received
PANDAS_MAIN, CLUSTER_MAIN = "app.table.engines.pandas_main", "app.table.engines.cluster_main"


def read_in_new_process(task: ReadTask, on_progress: OnProgress) -> SurveyTable:
    """Read a table by pandas, or on a cluster if the task is a ``ClusterTask``. Blocks.

    Raises
    ------
    SourceError: as ``read_with_pandas``, the cluster cannot be reached, or a process died
    """
    module = CLUSTER_MAIN if isinstance(task, ClusterTask) else PANDAS_MAIN
    here, there = Pipe()  # ``there`` is closed below, so that the death of the process ends the wait
    with here:
        with there:
            process = subprocess.Popen(  # noqa: S603 - no argument comes from a user
                [sys.executable, "-m", module, str(there.fileno())],
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
            here.close()  # makes the process exit, so close it before waiting for that
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
