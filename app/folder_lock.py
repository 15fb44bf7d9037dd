"""One server per results folder: two would give the same ids twice."""

import fcntl
import os
import time
from pathlib import Path

from app.errors import SettingsError

TAKEOVER_SECONDS = 3.0  # for the last server on the folder to end
RETRY_SECONDS = 0.05


def lock_folder(folder: Path) -> int:
    """Lock a folder for this process and those it starts; return the descriptor that holds the lock.

    The system lets go of the lock when the last of those processes has ended, however it ends.

    Raises
    ------
    SettingsError: another server holds it, and goes on holding it
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    deadline = time.monotonic() + TAKEOVER_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                os.close(descriptor)
                reason = f"setting STATS_RESULTS_DIR={str(folder)!r}: another server keeps its jobs there"
                raise SettingsError(reason) from error
            time.sleep(RETRY_SECONDS)
        else:
            return descriptor
