"""The process that reads a source on a Dask cluster: ``python -m app.table.engines.cluster_main``.

Whoever starts it hands over one end of a connection and, through that, a ``ClusterTask``. It ends at once when the
other end is closed, and so do the workers that it has started.
"""

import logging
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import dask
from distributed import Client, LocalCluster

from app.errors import SourceError
from app.process.cores import use_cores
from app.table.engines.cluster import ClusterTask
from app.table.engines.dask_reader import read_with_dask
from app.table.sources.addresses import one_line
from app.table.survey_table import SurveyTable

NO_DASHBOARD = "127.0.0.1:0"  # without bokeh it is a page that says so; this keeps it from other machines
CONNECT_SECONDS = 30.0
# Memory that a worker frees stays with it up to this size: each block asks for the same again, and having the system
# clear it anew takes longer than the sums. Dask would have it given back at once, and so would Arrow's own allocator,
# and that of threads other than the first one, on which a worker works.
KEPT_BYTES = 256 * 1024 * 1024
WORKER_ENVIRONMENT = {
    "MALLOC_TRIM_THRESHOLD_": KEPT_BYTES,
    "MALLOC_MMAP_THRESHOLD_": KEPT_BYTES,
    "MALLOC_ARENA_MAX": 1,
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
CLUSTER_CONFIG = {
    "distributed.comm.timeouts.connect": f"{CONNECT_SECONDS:g}s",
    # A worker that paused until it has less memory would wait for ever, as it keeps that. At its limit it is ended.
    "distributed.worker.memory.pause": False,
    **{f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in WORKER_ENVIRONMENT.items()},
}


def main(descriptor: int) -> None:
    """Read what the other end of a connection asks for, and send it the table, or why there is none."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # what the server keeps from its threads is not meant for this
    connection = Connection(descriptor)
    task: ClusterTask = connection.recv()
    threading.Thread(target=_end_with, args=(connection,), name="OtherEnd", daemon=True).start()
    use_cores(task.cores)
    connection.send(_outcome(task, connection))


def _end_with(connection: Connection) -> None:
    """End this process when the other end of the connection is closed."""
    try:
        connection.recv()
    finally:
        os._exit(1)


def _outcome(task: ClusterTask, connection: Connection) -> SurveyTable | SourceError:
    try:
        with dask.config.set(CLUSTER_CONFIG), cluster_client(task) as client:
            return read_with_dask(client, task.source, task.kind, connection.send)
    except SourceError as error:
        return error
    except Exception as error:  # noqa: BLE001 - told to the operator, as the reason for which there is no table
        traceback.print_exc()
        return SourceError(f"{task.shown}: Dask could not read it: {one_line(error)}")


@contextmanager
def cluster_client(task: ClusterTask) -> Iterator[Client]:
    """Give a client of the cluster that a task names, or of one of its own.

    The connections of its own are encrypted with keys that nobody else has: otherwise every user of this machine could
    have its workers run anything.

    Raises
    ------
    SourceError: the scheduler that is named cannot be reached, or has no workers
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
            preload=[read_with_dask.__module__, type(task.kind).__module__],  # so that the first block need not wait
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def _running_cluster(scheduler: str) -> Iterator[Client]:
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise SourceError(f"the Dask scheduler {scheduler} (STATS_DASK_SCHEDULER) cannot be reached") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError as error:
            raise SourceError(f"the Dask scheduler {scheduler} (STATS_DASK_SCHEDULER) has no workers") from error
        yield client


if __name__ == "__main__":
    main(int(sys.argv[1]))
