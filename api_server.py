"""The entry point: settings from the environment, the table read, the server started, the pool drained at the end.

``python api_server.py`` serves with Granian; ``flask --app api_server run`` serves with Flask's development server.
"""

import os
import signal
import sys
from functools import partial
from multiprocessing.util import Finalize

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

import app as statistics_server
from app.data_ingestor import read_table
from app.errors import StartError
from app.settings import Settings, settings_from_environment, unknown_settings
from app.start_checks import check_start
from app.stop_signals import block_stop_signals, on_stop_signal
from app.survey_table import SurveyTable

HTTP_THREADS = 2 * (os.cpu_count() or 1) + 1  # more would only fight over the interpreter
KILL_GRACE_SECONDS = 5  # beyond the drain, for the worker to write out its log and end
START_FAILED_EXIT_CODE = 2
INTERRUPTED_EXIT_CODE = 130  # what a shell expects after Ctrl-C: 128 and the signal's number


def create_app(settings: Settings | None = None, table: SurveyTable | None = None) -> Flask:
    """Build the application of this process, to be drained when the process ends.

    The drain hangs on a multiprocessing finalizer because it runs in both kinds of process: at the end of Granian's
    worker, where ``atexit`` handlers do not run, and at the end of an ordinary one.
    """
    app = statistics_server.create_app(settings or settings_from_environment(), table)
    Finalize(None, app.extensions["services"].close, exitpriority=100)
    return app


def create_worker_app(settings: Settings, table: SurveyTable) -> Flask:
    """Build the application of Granian's worker, and take its signals before Granian does."""
    block_stop_signals()  # inherited where the worker is forked, not where it is spawned
    handler_before_granian = signal.getsignal(signal.SIGTERM)
    app = create_app(settings, table)

    def stop() -> None:
        handler = signal.getsignal(signal.SIGTERM)
        if callable(handler) and handler is not handler_before_granian:
            handler(signal.SIGTERM, None)  # ends the serving; the finalizer drains
        else:
            os._exit(0)  # Granian has not begun to serve: no job has been accepted

    on_stop_signal(stop, stop_at_once=lambda: None)
    return app


def serve(settings: Settings, table: SurveyTable, address: str) -> None:
    """Serve on an IP address until SIGTERM or Ctrl-C, then drain. Blocks; raises SystemExit where the worker died.

    There is exactly one worker: the pool and the status map live in that process.
    """
    server = Granian(
        "api_server:create_app",
        address=address,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=HTTP_THREADS,
        workers_kill_timeout=int(settings.drain_seconds) + KILL_GRACE_SECONDS,
        log_level=LogLevels.warning,
        websockets=False,
    )
    server.on_startup(partial(announce, settings, table))
    block_stop_signals()
    on_stop_signal(server.signal_handler_interrupt, stop_at_once=lambda: None)
    server.serve(target_loader=partial(create_worker_app, settings, table), wrap_loader=False)


def announce(settings: Settings, table: SurveyTable) -> None:
    """Print where the server listens, what it has read, and what to try first."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{settings.port}"
    report = table.report
    kind = "modelled rows, not survey data," if report.modelled else "rows"
    sys.stdout.write(
        f"Listening on {address}\n"
        f"Read {report.rows_read} {kind} from {report.source}\n"
        f"Try first: {address}/api/questions and {address}/api/dataset\n"
    )
    sys.stdout.flush()


def main() -> int:
    """Start the server; return the exit code."""
    try:
        settings = settings_from_environment()
        for warning in unknown_settings(os.environ):
            sys.stderr.write(f"warning: {warning}\n")
        address = check_start(settings)
        table = read_table(settings.data)
    except StartError as error:
        sys.stderr.write(f"cannot start: {error.reason}\n")
        return START_FAILED_EXIT_CODE
    except KeyboardInterrupt:
        return INTERRUPTED_EXIT_CODE
    serve(settings, table, address)
    return 0


if __name__ == "__main__":
    sys.exit(main())
