"""The process that reads a table on a Dask cluster: ``python -m app.table.engines.cluster_main <descriptor>``.

When it exits, so do the workers that it has started.
"""

import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import dask
from distributed import Client, LocalCluster
from distributed.security import Security

from app.errors import SourceError
from app.table.engines.dask_reader import read_with_dask
from app.table.engines.parent import serve_parent
from app.table.engines.tasks import ClusterTask
from app.table.sources.progress import OnProgress
from app.table.survey_table import SurveyTable

NO_DASHBOARD = "127.0.0.1:0"  # without bokeh it is an empty page; other machines must not reach it
CONNECT_SECONDS = 30.0
TLS_SCHEME = "tls://"
CERTIFICATES = (  # the environment variables of Dask's settings distributed.comm.tls
    "DASK_DISTRIBUTED__COMM__TLS__CA_FILE, DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and "
    "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY"
)
# A worker keeps up to this much freed memory for its next block, because the system would clear returned pages anew,
# which takes longer than the sums. By default Dask returns memory at once; so do Arrow's own allocator and malloc's
# further arenas, which the thread that works would use.
KEPT_BYTES = 256 * 1024 * 1024
WORKER_ENVIRONMENT = {
    "MALLOC_TRIM_THRESHOLD_": KEPT_BYTES,
    "MALLOC_MMAP_THRESHOLD_": KEPT_BYTES,
    "MALLOC_ARENA_MAX": 1,
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
CLUSTER_CONFIG = {
    "distributed.comm.timeouts.connect": f"{CONNECT_SECONDS:g}s",
    # Workers keep freed memory (see above), so a paused one would never resume. At its limit a worker is killed.
    "distributed.worker.memory.pause": False,
    **{f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in WORKER_ENVIRONMENT.items()},
}


def read(task: ClusterTask, on_progress: OnProgress) -> SurveyTable:
    """Read the table of a task.

    Raises
    ------
    SourceError: as ``read_with_dask``, or the cluster cannot be used
    """
    with dask.config.set(CLUSTER_CONFIG), cluster_client(task) as client:
        return read_with_dask(client, task.source, task.kind, on_progress)


@contextmanager
def cluster_client(task: ClusterTask) -> Iterator[Client]:
    """Connect to the scheduler of the task, or start a cluster for it.

    A started cluster encrypts its connections with keys of its own: otherwise any user of this machine could run code
    on its workers.

    Raises
    ------
    SourceError: the scheduler cannot be reached, or has no workers
    """
    if task.scheduler is not None:
        with _running_cluster(task.scheduler) as client:
            yield client
        return
    with (
        tempfile.TemporaryDirectory(prefix="survey-dask-", ignore_cleanup_errors=True) as folder,
        LocalCluster(
            n_workers=task.workers,
            threads_per_worker=1,
            memory_limit=task.worker_bytes,
            dashboard_address=NO_DASHBOARD,
            local_directory=folder,
            security=True,
            # Import at the start, so that the first block does not wait for it.
            preload=[read_with_dask.__module__, type(task.kind).__module__],
            # What fails is raised here, in one line. Dask would add tracebacks, also of workers that lose the scheduler
            # when the cluster ends.
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def _running_cluster(scheduler: str) -> Iterator[Client]:
    name = f"the Dask scheduler {scheduler} (STATS_DASK_SCHEDULER)"
    if scheduler.startswith(TLS_SCHEME):
        _check_certificates(name)
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise SourceError(f"{name} cannot be reached; check its address, and certificates if it has any") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError as error:
            raise SourceError(f"{name} has no workers; start some") from error
        yield client


def _check_certificates(name: str) -> None:
    """Check that Dask's own configuration names certificates, and that they can be read.

    Raises
    ------
    SourceError: it does not, or they cannot be
    """
    try:
        configured = Security().get_connection_args("client")["ssl_context"] is not None
    except OSError as error:  # ssl.SSLError is one
        raise SourceError(f"{name} needs certificates, and those of {CERTIFICATES} cannot be read: {error}") from error
    if not configured:
        raise SourceError(f"{name} needs certificates; set {CERTIFICATES}")


if __name__ == "__main__":
    serve_parent(int(sys.argv[1]), read)
