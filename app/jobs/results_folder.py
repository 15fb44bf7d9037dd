"""The results folder: one server at a time, as two would give ids twice; and writes that outlast its removal."""

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from app.errors import SettingsError

TAKEOVER_SECONDS = 3.0  # for the last server on the folder to end
RETRY_SECONDS = 0.05
WRITE_ATTEMPTS = 30  # while somebody removes files, or the folder, under the writer
ATTEMPTS_AT_ONCE = 5  # before each further one the writer pauses: a large folder takes a while to be removed
PAUSE_SECONDS = 0.01


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


def write_into(folder: Path, write: Callable[[], None]) -> None:
    """Call a function that writes files into a folder, again where they, or the folder, vanish meanwhile.

    Blocks up to a quarter of a second where they go on vanishing.

    Raises
    ------
    OSError: they cannot be written; any fault but their vanishing is told at once
    """
    for attempt in range(WRITE_ATTEMPTS - 1):
        if attempt >= ATTEMPTS_AT_ONCE:
            time.sleep(PAUSE_SECONDS)
        try:
            write()
        except FileNotFoundError:
            with suppress(FileExistsError):  # it was there, and may be gone again: the next attempt tells
                folder.mkdir(parents=True, exist_ok=True)
        else:
            return
    write()
