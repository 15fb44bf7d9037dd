"""The results folder: its check and lock at the start, and writes that survive its removal."""

import fcntl
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from app.errors import SettingsError, one_line

TAKEOVER_SECONDS = 3.0  # the previous server on the folder may still be ending
RETRY_SECONDS = 0.05
WRITE_ATTEMPTS = 30  # somebody may be removing the folder meanwhile
ATTEMPTS_AT_ONCE = 5  # the writer pauses before each further one: removing a large folder takes a while
PAUSE_SECONDS = 0.01


def check_folder(folder: Path) -> Path:
    """Create a results folder if it is missing, check that files can be written to it, and return it.

    Raises
    ------
    SettingsError: it cannot be used
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = f"setting STATS_RESULTS_DIR={str(folder)!r}: cannot be written to: {one_line(error)}"
        raise SettingsError(reason) from error
    return folder


def lock_folder(folder: Path) -> int:
    """Lock a folder for this process and its children; return the descriptor that holds the lock.

    Two servers on one folder would give ids twice. The system releases the lock when the last of these processes ends.

    Raises
    ------
    SettingsError: another server holds the lock
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    deadline = time.monotonic() + TAKEOVER_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                os.close(descriptor)
                reason = (
                    f"setting STATS_RESULTS_DIR={str(folder)!r}: another server uses this folder; choose another one"
                )
                raise SettingsError(reason) from error
            time.sleep(RETRY_SECONDS)
        else:
            return descriptor


def write_into(folder: Path, write: Callable[[], None]) -> None:
    """Call a function that writes files into a folder; recreate the folder and retry if it is removed meanwhile.

    Blocks for at most a quarter of a second.

    Raises
    ------
    OSError: the files cannot be written; only missing files and folders are retried
    """
    for attempt in range(WRITE_ATTEMPTS - 1):
        if attempt >= ATTEMPTS_AT_ONCE:
            time.sleep(PAUSE_SECONDS)
        try:
            write()
        except FileNotFoundError:
            with suppress(FileExistsError):  # another thread was faster
                folder.mkdir(parents=True, exist_ok=True)
        else:
            return
    write()
