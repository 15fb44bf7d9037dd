"""The entry point: settings from the environment, the table read, the server started, the pool drained at the end.

``python api_server.py`` serves with Granian; ``flask --app api_server run`` serves with Flask's development server.
"""

import gc
import multiprocessing
import os
import resource
import signal
import sys
import time
from functools import partial
from multiprocessing.synchronize import Semaphore
from multiprocessing.util import Finalize

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from app.errors import SourceError, StartError
from app.factory import create_app as build_app
from app.jobs.results_folder import lock_folder
from app.process.cores import create_on_one_core
from app.process.signals import (
    block_stop_signals,
    ignore_stop_signals,
    on_parent_death,
    take_blocked_stop_signals,
    take_stop_signals,
)
from app.settings import Settings, settings_from_environment, unknown_settings
from app.startup import announce, check_folder, check_start, read_first
from app.table.engines import check_engine, load_table
from app.table.survey_table import SurveyTable

# A client that sends its body slowly holds an HTTP thread until it is done, and one that waits for a job holds one too.
# Threads are made as they are needed and cost nothing while they wait, so there are many.
HTTP_THREADS = 4096
OPEN_FILES = 2 * HTTP_THREADS
HTTP_END_SECONDS = 2.0  # for the last answers to go out after the drain
KILL_GRACE_SECONDS = 10  # beyond the drain; the worker ends by itself before that
START_FAILED_EXIT_CODE = 2
SIGNAL_EXIT_CODE = 128  # a shell expects this and the signal's number after an end by signal


def create_app(settings: Settings | None = None, table: SurveyTable | None = None) -> Flask:
    """Build the application of this process, to be drained when the process ends.

    Without settings, as Flask's own command calls it, it takes them from the environment and locks the results folder.

    The drain hangs on a multiprocessing finalizer because it runs in both kinds of process: at the end of Granian's
    worker, where ``atexit`` handlers do not run, and at the end of an ordinary one.
    """
    if settings is None:
        settings = settings_from_environment()
        lock_folder(check_folder(settings.results_dir))
    app = build_app(settings, table)
    Finalize(None, app.extensions["services"].close, exitpriority=100)
    return app


def create_worker_app(settings: Settings, table: SurveyTable, first_worker: Semaphore) -> Flask:
    """Build the application of Granian's worker, and see to the worker's end before Granian does.

    The first worker takes the table that its parent has read. One that follows a worker which died reads the source
    again: what its parent has may have been replaced by a reload.

    At a stop signal the worker drains while it goes on answering, then ends the serving. If its parent dies it ends at
    once: what it has accepted is in the journal.
    """
    block_stop_signals()
    handler_before_granian = signal.getsignal(signal.SIGTERM)
    create = partial(create_app, settings, table if first_worker.acquire(block=False) else read_again(settings, table))
    app = create_on_one_core(create) if settings.one_core == "yes" else create()
    services = app.extensions["services"]
    gc.collect()
    gc.freeze()  # what is there now stays: no collection need look at it again

    def stop() -> None:
        services.drain()
        end_serving = signal.getsignal(signal.SIGTERM)
        if callable(end_serving) and end_serving is not handler_before_granian:
            end_serving(signal.SIGTERM, None)
            time.sleep(HTTP_END_SECONDS)  # the process ends meanwhile, unless a client holds it up
        services.close()
        os._exit(0)

    take_blocked_stop_signals(stop)  # the parent decides when it has been long enough
    on_parent_death(lambda: os._exit(1))
    return app


def read_again(settings: Settings, table: SurveyTable) -> SurveyTable:
    """Return the table as its source is now, or the one read at the start where the source cannot be read."""
    try:
        return load_table(settings)
    except SourceError as error:
        sys.stderr.write(f"warning: the table read at the start stays: {error.reason}\n")
        return table


def serve(settings: Settings, table: SurveyTable, address: str) -> None:
    """Serve on an IP address until SIGTERM or Ctrl-C, then drain. Blocks; raises SystemExit where the worker died.

    There is exactly one worker: the pool and the status map live in that process. One that dies is followed by another,
    which goes on from the journal.
    """
    server = Granian(
        "api_server:create_app",
        address=address,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=HTTP_THREADS,
        backpressure=HTTP_THREADS,
        backlog=HTTP_THREADS,
        workers_kill_timeout=int(settings.drain_seconds) + KILL_GRACE_SECONDS,
        respawn_failed_workers=True,
        log_level=LogLevels.error,  # it warns of the number of threads, which is explained above
        websockets=False,
    )
    server.on_startup(lambda: take_stop_signals(server.signal_handler_interrupt, end_at_once))
    server.on_startup(partial(announce, settings, table))
    create_worker = partial(create_worker_app, settings, table, multiprocessing.Semaphore(1))
    server.serve(target_loader=create_worker, wrap_loader=False)


def end_at_once() -> None:
    """End the worker and this process without waiting for anything; the journal has what was accepted."""
    for worker in multiprocessing.active_children():
        worker.kill()
    os._exit(SIGNAL_EXIT_CODE + signal.SIGTERM)


def allow_open_files() -> None:
    """Raise the limit on open files, which many connections need, as far as the system lets this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> int:
    """Start the server; return the exit code."""
    try:
        settings = settings_from_environment()
        for warning in unknown_settings(os.environ):
            sys.stderr.write(f"warning: {warning}\n")
        lock_folder(check_folder(settings.results_dir))
        address = check_start(settings)
        check_engine(settings)
        table = read_first(settings, address)
    except StartError as error:
        sys.stderr.write(f"cannot start: {error.reason}\n")
        return START_FAILED_EXIT_CODE
    except KeyboardInterrupt:
        return SIGNAL_EXIT_CODE + signal.SIGINT
    allow_open_files()
    serve(settings, table, address)
    ignore_stop_signals()
    return 0


if __name__ == "__main__":
    sys.exit(main())
