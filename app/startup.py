"""Before the server starts: check log and address, read the table, and say on the terminal what is going on."""

import os
import socket
import sys
from functools import partial
from pathlib import Path

from app.errors import SettingsError, one_line
from app.log_batches import FOLDER_MODE, open_log_file
from app.settings import STANDARD_OUTPUT, Settings
from app.table.engines import load_table_in_subprocess
from app.table.sources.progress import OnProgress, Progress, Throttle
from app.table.survey_table import SurveyTable
from app.web.waiting_room import WaitingRoom

SECONDS_BETWEEN_LINES = 5.0  # of progress on the terminal


def check_start(settings: Settings) -> str:
    """Check log file and address; return the IP address that ``settings.host`` stands for.

    Creates missing folders of the log file. Another process may still take the port before the server does.

    Raises
    ------
    SettingsError: one of them cannot be used; the reason names the setting, its value and the system's error
    """
    if settings.log_file != STANDARD_OUTPUT:
        _check_file(settings.log_file)
    address = _ip_address(settings)
    listening_socket(settings, address).close()
    return address


def read_first(settings: Settings, address: str) -> SurveyTable:
    """Read the table before the server starts. Blocks; reports progress on the terminal and over HTTP.

    Parameters
    ----------
    address: the IP address on which /readyz reports progress meanwhile

    Raises
    ------
    StartError: the table cannot be read, or another process has taken the port meanwhile
    """
    print_progress = _progress_printer()
    with WaitingRoom(partial(_open_port, settings, address)) as room:

        def report(progress: Progress) -> None:
            print_progress(progress)
            room.report(progress)

        table = load_table_in_subprocess(settings, report)
    listening_socket(settings, address).close()
    return table


def announce(settings: Settings, table: SurveyTable) -> None:
    """Print where the server listens, what it has read, and what to try first."""
    address = _web_address(settings)
    report = table.report
    rows = "modelled rows, not survey data," if report.modelled else "rows"
    sys.stdout.write(
        f"Listening on {address}\n"
        f"Read {report.rows_read} {rows} from {report.source}\n"
        f"Try first: {address}/api/questions and {address}/api/dataset\n"
    )
    sys.stdout.flush()


def listening_socket(settings: Settings, address: str) -> socket.socket:
    """Return a socket that listens at the server's port on an IP address.

    Raises
    ------
    SettingsError: the port cannot be used, most often because another process listens there
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, settings.port), family=family)
    except OSError as error:
        raise _unusable("STATS_PORT", str(settings.port), f"cannot listen on {settings.host}", error) from error


def _open_port(settings: Settings, address: str) -> socket.socket:
    """Listen while the table is being read, and print where progress is reported.

    Raises
    ------
    SettingsError: as ``listening_socket``
    """
    opened = listening_socket(settings, address)
    sys.stdout.write(f"Reading the table; {_web_address(settings)}/readyz reports progress\n")
    sys.stdout.flush()
    return opened


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
