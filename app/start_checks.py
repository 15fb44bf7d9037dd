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
