"""The entry point: read the settings and the table, serve until a stop signal, then drain the pool.

``python api_server.py`` serves with Granian; ``flask run`` serves with Flask's development server.
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

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from app import create_app
from app.errors import SourceError, StartError
from app.factory import drain_at_exit
from app.jobs.journal import Journal
from app.jobs.results_folder import check_folder, lock_folder
from app.process.cores import create_on_one_core
from app.process.signals import (
    block_stop_signals,
    ignore_stop_signals,
    on_parent_death,
    take_blocked_stop_signals,
    take_stop_signals,
)
from app.services import Services
from app.settings import Settings, settings_from_environment, unknown_settings
from app.startup import announce, check_start, read_first
from app.table.engines import check_engine, load_table
from app.table.survey_table import SurveyTable

# A client that sends its body slowly, and one that waits for a job, holds an HTTP thread until it is done. Threads are
# made as they are needed and cost little while they wait, so there are many.
HTTP_THREADS = 4096
OPEN_FILES = 2 * HTTP_THREADS
HTTP_END_SECONDS = 2.0  # for the last responses to go out after the drain
KILL_GRACE_SECONDS = 10  # beyond the drain; the worker ends by itself before that
START_FAILED_EXIT_CODE = 2
SIGNAL_EXIT_CODE = 128  # plus the signal's number: what a shell expects after an end by signal


def create_worker_app(settings: Settings, table: SurveyTable, first_worker: Semaphore) -> Flask:
    """Build the application of Granian's worker process, and take over how the worker ends.

    The first worker takes the table that its parent has read. A worker that replaces a dead one reads the source again:
    a reload may have replaced the parent's table.
    """
    # Before any thread exists, so that every thread has the signals blocked and only ``stop`` takes them.
    block_stop_signals()
    handler_before_granian = signal.getsignal(signal.SIGTERM)
    if not first_worker.acquire(block=False):
        table = read_again(settings, table)
    create = partial(create_app, settings, table)
    app = create_on_one_core(create) if settings.one_core == "yes" else create()
    drain_at_exit(app)  # for an end that is not by signal
    gc.collect()
    gc.freeze()  # no later collection looks at what the start has made
    take_blocked_stop_signals(partial(stop_worker, app.extensions["services"], handler_before_granian))
    # If the parent dies, end at once: the journal has what was accepted.
    on_parent_death(lambda: os._exit(1))
    return app


def stop_worker(services: Services, handler_before_granian: object) -> None:
    """End the worker at a stop signal. The order matters."""
    # 1. Drain while HTTP goes on, so that clients still get the results they wait for.
    services.drain()
    # 2. End the serving. Granian has installed its handler meanwhile; it closes the listening socket.
    end_serving = signal.getsignal(signal.SIGTERM)
    if callable(end_serving) and end_serving is not handler_before_granian:
        end_serving(signal.SIGTERM, None)
        time.sleep(HTTP_END_SECONDS)  # the process ends meanwhile, unless a client holds it up
    # 3. Write out journal and log, and end even if a client holds a connection.
    services.close()
    os._exit(0)


def read_again(settings: Settings, table: SurveyTable) -> SurveyTable:
    """Return the table as its source is now; the one read at the start if the source cannot be read."""
    try:
        return load_table(settings)
    except SourceError as error:
        sys.stderr.write(f"warning: serving the table read at the start: {error.reason}\n")
        return table


def serve(settings: Settings, table: SurveyTable, address: str) -> None:
    """Serve on an IP address until SIGTERM or Ctrl-C, then drain. Blocks; raises SystemExit if the worker died.

    There is exactly one worker, because the pool and the status map live in that process. A worker that dies is
    replaced by one that resumes from the journal.
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
        log_level=LogLevels.error,  # its warning about many threads is answered above
        websockets=False,
    )
    server.on_startup(lambda: take_stop_signals(server.signal_handler_interrupt, end_at_once))
    server.on_startup(partial(announce, settings, table))
    create_worker = partial(create_worker_app, settings, table, multiprocessing.Semaphore(1))
    server.serve(target_loader=create_worker, wrap_loader=False)


def end_at_once() -> None:
    """End the worker and this process without a drain; the journal has what was accepted."""
    for worker in multiprocessing.active_children():
        worker.kill()
    os._exit(SIGNAL_EXIT_CODE + signal.SIGTERM)


def allow_open_files() -> None:
    """Raise the limit on open files as far as allowed: each connection needs one."""
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
        Journal(settings.results_dir, settings.journal_sync).check_version()
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
