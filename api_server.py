"""The entry point: read the settings and the table, serve until a stop signal, then drain the pool.

``python api_server.py`` serves with Granian; ``flask run`` serves with Flask's development server.
"""

import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from functools import partial
from multiprocessing.synchronize import Semaphore

from flask import Flask

from app import create_app
from app.errors import SourceError, StartError, one_line
from app.factory import close_at_exit
from app.jobs.journal import Journal
from app.jobs.results_folder import FolderLock, check_folder
from app.logger_config import LOGGER_NAME
from app.process.cores import create_on_one_core
from app.process.limits import http_threads, raise_open_files
from app.process.memory import give_back_freed_memory
from app.process.signals import (
    block_stop_signals,
    call_stop_handler,
    ignore_stop_signals,
    on_parent_death,
    take_blocked_stop_signals,
    take_stop_signals,
)
from app.services import Services
from app.settings import Settings, settings_from_environment, unknown_settings
from app.startup import announce, check_log, listening_socket, read_first
from app.table.engines import check_engine, engine_warnings, load_table_in_new_process
from app.table.survey_table import SurveyTable
from app.versions.warm_start import kept_table, unchanged_load
from app.web.http_server import HttpServer

logger = logging.getLogger(LOGGER_NAME)  # this module may be __main__

HTTP_END_SECONDS = 2.0  # for the last responses to go out after the drain
KILL_GRACE_SECONDS = 10  # beyond the drain; the worker ends by itself before that
START_FAILED_EXIT_CODE = 2
SIGNAL_EXIT_CODE = 128  # plus the signal's number: what a shell expects after an end by signal


def create_worker_app(settings: Settings, table: SurveyTable, lock: FolderLock, first_worker: Semaphore) -> Flask:
    """Build the application of Granian's worker process, and take over how the worker ends.

    The first worker takes the table that its parent has read. A worker that replaces a dead one reads the source again:
    a reload may have replaced the parent's table.

    Raises
    ------
    SystemExit: the results folder cannot be used any more
    """
    # Before any thread exists, so that every thread has the signals blocked and only ``stop_worker`` takes them.
    block_stop_signals()
    give_back_freed_memory()  # also before any thread exists: each thread allocates where it did first
    check_lock(lock)
    replaces_another = not first_worker.acquire(block=False)
    if replaces_another:
        table = read_again(settings, table)
    create = partial(create_app, settings, table, lock)
    app = create_on_one_core(create) if settings.one_core == "yes" else create()
    if replaces_another:
        logger.warning("the worker process died; this one replaces it and resumes its jobs")
    # For an end that is not by signal. No drain: the worker that follows resumes what is left.
    close_at_exit(app, drain_seconds=0)
    gc.collect()
    gc.freeze()  # no later collection looks at what the start has made
    take_blocked_stop_signals(partial(stop_worker, app.extensions["services"]))
    # If the parent dies, end at once: the journal has what was accepted.
    on_parent_death(lambda: os._exit(1))
    return app


def check_lock(lock: FolderLock) -> None:
    """Check the lock on the results folder before a worker reads it: the folder may have changed since the last one.

    Raises
    ------
    SystemExit: another server has locked it, or it cannot be created
    """
    try:
        lock.check()
    except OSError as error:
        sys.stderr.write(f"the worker cannot start: {one_line(error)}\n")
        raise SystemExit(1) from error


def stop_worker(services: Services) -> None:
    """End the worker at a stop signal. The order matters."""
    # 1. Drain while HTTP goes on, so that clients still get the results they wait for.
    services.drain()
    # 2. End the serving: Granian's handler closes the listening socket and lets the last responses go out. Then the
    #    process ends by itself, unless a client holds it up.
    call_stop_handler()
    time.sleep(HTTP_END_SECONDS)
    # 3. Write out journal and log. The drain is over, whatever it has left.
    services.close(drain_seconds=0)
    # 4. End the process, even if a client holds a connection.
    os._exit(0)


def read_again(settings: Settings, table: SurveyTable) -> SurveyTable:
    """Return the table as its source is now; the one read at the start if the source cannot be read."""
    load = unchanged_load(settings)
    try:
        if load is not None:
            return kept_table(settings, load)
    except SourceError as error:
        sys.stderr.write(f"warning: reading the source again: {error.reason}\n")
    try:
        return load_table_in_new_process(settings)
    except SourceError as error:
        sys.stderr.write(f"warning: serving the table read at the start: {error.reason}\n")
        return table


def serve(settings: Settings, table: SurveyTable, lock: FolderLock, listening: socket.socket) -> None:
    """Serve on a socket until a stop signal, then drain. Blocks.

    There is exactly one worker, because the pool and the status map live in that process. A worker that dies is
    replaced by one that resumes from the journal.

    Raises
    ------
    SystemExit: worker after worker died
    """
    threads, limit = http_threads()
    kill_after_seconds = int(settings.drain_seconds) + KILL_GRACE_SECONDS
    server = HttpServer(listening, threads=threads, kill_after_seconds=kill_after_seconds)
    server.on_startup(lambda: take_stop_signals(server.signal_handler_interrupt, end_at_once))
    server.on_startup(partial(announce, settings, table, threads, limit))
    create_worker = partial(create_worker_app, settings, table, lock, multiprocessing.Semaphore(1))
    server.serve(target_loader=create_worker, wrap_loader=False)


def end_at_once() -> None:
    """End the worker and this process without a drain; the journal has what was accepted."""
    for worker in multiprocessing.active_children():
        worker.kill()
    os._exit(SIGNAL_EXIT_CODE + signal.SIGTERM)


def main() -> int:
    """Start the server; return the exit code."""
    try:
        settings = settings_from_environment()
        for warning in (*unknown_settings(os.environ), *engine_warnings(settings)):
            sys.stderr.write(f"warning: {warning}\n")
        lock = FolderLock(check_folder(settings.results_dir))
        Journal(settings.results_dir, settings.journal_sync).check_version()
        check_log(settings)
        listening = listening_socket(settings)
        check_engine(settings)
        table = read_first(settings, listening)
    except StartError as error:
        sys.stderr.write(f"cannot start: {error.reason}\n")
        return START_FAILED_EXIT_CODE
    except KeyboardInterrupt:
        return SIGNAL_EXIT_CODE + signal.SIGINT
    raise_open_files()
    serve(settings, table, lock, listening)
    ignore_stop_signals()
    return 0


if __name__ == "__main__":
    sys.exit(main())
