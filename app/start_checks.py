"""What has to hold before the server starts: an address to listen on, a log and a results folder to write to."""

import socket
import tempfile
from pathlib import Path

from app.errors import SettingsError
from app.settings import Settings


def check_start(settings: Settings) -> str:
    """Check log and address against the machine; return the IP address that ``settings.host`` stands for.

    Makes the folders that are missing. Another server may still take the port before this one does.

    Raises
    ------
    SettingsError: one of them cannot be used; the reason names the setting, the value and the system's complaint
    """
    _check_file(settings.log_file)
    return _check_address(settings.host, settings.port)


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


def _check_address(host: str, port: int) -> str:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise _unusable("STATS_HOST", host, "is no address", error) from error
    try:
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        raise _unusable("STATS_PORT", str(port), f"cannot listen on {host}", error) from error
    return str(address[0])


def _unusable(name: str, value: str, problem: str, error: OSError) -> SettingsError:
    return SettingsError(f"setting {name}={value!r}: {problem}: {error.strerror}")
