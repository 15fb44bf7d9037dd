"""Before the server starts: check the log, open the port, read the table, and say on the terminal what is going on."""

import os
import socket
import sys
from functools import partial
from pathlib import Path

from app.errors import SettingsError, SourceError, one_line
from app.log_batches import FOLDER_MODE, open_log_file
from app.process.limits import HTTP_THREADS
from app.settings import STANDARD_OUTPUT, Settings
from app.table.engines import load_table_in_subprocess
from app.table.engines.pandas_reader import in_subprocess
from app.table.sources.addresses import Source
from app.table.sources.progress import OnProgress, Progress, Throttle, ignore_progress
from app.table.survey_table import SurveyTable
from app.versions.version import SHORT_ID_CHARS
from app.versions.warm_start import kept_table, unchanged_load
from app.web.http_server import BACKLOG
from app.web.waiting_room import WaitingRoom

SECONDS_BETWEEN_LINES = 5.0  # of progress on the terminal


def check_log(settings: Settings) -> None:
    """Check that the log can be written; create missing folders of its file.

    Raises
    ------
    SettingsError: it cannot be; the reason names the setting, its value and the system's error
    """
    if settings.log_file != STANDARD_OUTPUT:
        _check_file(settings.log_file)


def read_first(settings: Settings, listening: socket.socket) -> SurveyTable:
    """Read the table before the server starts. Blocks; reports progress on the terminal and over HTTP.

    Parameters
    ----------
    listening: the server's socket, on which /readyz reports progress meanwhile; it stays open

    Raises
    ------
    StartError: the table cannot be read
    """
    print_progress = _progress_printer()
    with WaitingRoom(partial(_open_room, settings, listening)) as room:

        def report(progress: Progress) -> None:
            print_progress(progress)
            room.report(progress)

        return _read_kept(settings) or load_table_in_subprocess(settings, report)


def _read_kept(settings: Settings) -> SurveyTable | None:
    """Return the kept table if the source is unchanged since it was last read; None if it has to be read."""
    load = unchanged_load(settings)
    if load is None:
        return None
    try:  # in a subprocess, because the library that reads it starts threads, and the worker is forked later
        table = in_subprocess(lambda _: kept_table(settings, load), Source(settings.source()), ignore_progress)
    except SourceError as error:
        sys.stderr.write(f"warning: reading the source again: {error.reason}\n")
        return None
    read = f"{load.report.loaded_at:%Y-%m-%d %H:%M} UTC"
    sys.stdout.write(f"The source has not changed since {read}: using the kept table {load.table[:SHORT_ID_CHARS]}\n")
    return table


def announce(settings: Settings, table: SurveyTable, threads: int, limit: str) -> None:
    """Print where the server listens, what it has read, and what to try first.

    Parameters
    ----------
    threads: the number of HTTP threads
    limit: of the system, which makes this number lower than usual; "" if none does
    """
    address = _web_address(settings)
    report = table.report
    rows = "modelled rows, not survey data," if report.modelled else "rows"
    sys.stdout.write(
        f"Listening on {address}\n"
        f"Read {report.rows_read} {rows} from {report.source}\n"
        f"Try first: {address}/api/questions and {address}/api/dataset\n"
    )
    if report.conflicts:
        sys.stdout.write(
            f"No estimates of {len(report.conflicts)} questions, whose rows contradict each other; "
            f"{address}/api/dataset says why\n"
        )
    if limit:
        sys.stdout.write(f"{threads} HTTP threads instead of {HTTP_THREADS}, because the system allows {limit}\n")
    sys.stdout.flush()


def listening_socket(settings: Settings) -> socket.socket:
    """Return a socket that listens where the settings say. While it is open, no other process can listen there.

    Raises
    ------
    SettingsError: the address or the port cannot be used, most often because another process listens there
    """
    address = _ip_address(settings)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()  # "::" takes clients of IPv4 too
    try:
        listening = socket.create_server((address, settings.port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        raise _unusable("STATS_PORT", str(settings.port), f"cannot listen on {settings.host}", error) from error
    # Each connection inherits it: a response goes out at once, although the client has not confirmed the last one.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _open_room(settings: Settings, listening: socket.socket) -> socket.socket:
    """Print where progress is reported; return a socket for it, a duplicate because the waiting room closes it."""
    sys.stdout.write(f"Reading the table; {_web_address(settings)}/readyz reports progress\n")
    sys.stdout.flush()
    return listening.dup()


def _progress_printer() -> OnProgress:
    """Return a callback that prints progress every few seconds."""
    due = Throttle(SECONDS_BETWEEN_LINES)

    def print_progress(progress: Progress) -> None:
        if due():
            sys.stdout.write(f"Reading the table: {progress}\n")
            sys.stdout.flush()

    return print_progress


def _web_address(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def _check_file(path: Path) -> None:
    try:
        path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        os.close(open_log_file(path))
    except OSError as error:
        raise _unusable("STATS_LOG_FILE", str(path), "cannot be written", error) from error


def _ip_address(settings: Settings) -> str:
    host, port = settings.host, settings.port
    try:
        candidates = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise _unusable("STATS_HOST", host, "is not an address of this machine", error) from error
    return str(candidates[0][4][0])


def _unusable(name: str, value: str, problem: str, error: OSError) -> SettingsError:
    return SettingsError(f"setting {name}={value!r}: {problem}: {one_line(error)}")
