"""What has to hold before the server starts: an address to listen on, a log and a results folder to write to."""

import socket
import sys
import tempfile
from functools import partial
from pathlib import Path

from app.errors import SettingsError
from app.settings import Settings
from app.table.engines import load_table_apart
from app.table.sources.progress import NowAndThen, Progress, Tell
from app.table.survey_table import SurveyTable
from app.web.waiting_room import WaitingRoom


def check_start(settings: Settings) -> str:
    """Check log and address against the machine; return the IP address that ``settings.host`` stands for.

    Makes the folders that are missing. Another server may still take the port before this one does.

    Raises
    ------
    SettingsError: one of them cannot be used; the reason names the setting, the value and the system's complaint
    """
    _check_file(settings.log_file)
    address = _ip_address(settings)
    listening_socket(settings, address).close()
    return address


def _check_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise _unusable("STATS_LOG_FILE", str(path), "cannot be written", error) from error


def check_folder(folder: Path) -> Path:
    """Make a results folder where it is missing, check that it can be written to, and return it.

    Raises
    ------
    SettingsError: it cannot
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unusable("STATS_RESULTS_DIR", str(folder), "cannot be written to", error) from error
    return folder


def _ip_address(settings: Settings) -> str:
    host, port = settings.host, settings.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise _unusable("STATS_HOST", host, "is no address", error) from error
    return str(found[0][4][0])


def listening_socket(settings: Settings, address: str) -> socket.socket:
    """Return a socket that listens at the server's port on an IP address.

    Raises
    ------
    SettingsError: that cannot be, most often because another process listens there
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, settings.port), family=family)
    except OSError as error:
        raise _unusable("STATS_PORT", str(settings.port), f"cannot listen on {settings.host}", error) from error


def _unusable(name: str, value: str, problem: str, error: OSError) -> SettingsError:
    return SettingsError(f"setting {name}={value!r}: {problem}: {error.strerror}")


def read_first(settings: Settings, address: str) -> SurveyTable:
    """Read the table before there is a server. Blocks; what takes long is told on the terminal, and over HTTP.

    Parameters
    ----------
    address: the IP address to answer on

    Raises
    ------
    StartError: there is no table, or another process has taken the port meanwhile
    """
    with WaitingRoom(partial(open_port, settings, address)) as room:
        print_progress = tell_terminal()

        def tell(progress: Progress) -> None:
            print_progress(progress)
            room.report(progress)

        table = load_table_apart(settings, tell)
    listening_socket(settings, address).close()
    return table


def open_port(settings: Settings, address: str) -> socket.socket:
    """Listen for those who ask before the table is there, and print that.

    Raises
    ------
    StartError: as ``listening_socket``
    """
    opened = listening_socket(settings, address)
    sys.stdout.write(f"Reading the table; {web_address(settings)}/readyz tells how far that is\n")
    sys.stdout.flush()
    return opened


def tell_terminal() -> Tell:
    """Return what prints now and then how far a long reading has come."""
    due = NowAndThen(SECONDS_BETWEEN_LINES)

    def tell(progress: Progress) -> None:
        if due():
            sys.stdout.write(f"Reading the table: {progress}\n")
            sys.stdout.flush()

    return tell


def web_address(settings: Settings) -> str:
    """Return the address that the server is reached at."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def announce(settings: Settings, table: SurveyTable) -> None:
    """Print where the server listens, what it has read, and what to try first."""
    address = web_address(settings)
    report = table.report
    kind = "modelled rows, not survey data," if report.modelled else "rows"
    sys.stdout.write(
        f"Listening on {address}\n"
        f"Read {report.rows_read} {kind} from {report.source}\n"
        f"Try first: {address}/api/questions and {address}/api/dataset\n"
    )
    sys.stdout.flush()


SECONDS_BETWEEN_LINES = 5.0  # on the terminal, while the table is read
