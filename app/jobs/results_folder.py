"""The results folder: its check and lock at the start, and writes that survive its removal."""

import fcntl
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from app.errors import SettingsError, one_line

FOLDER_MODE = 0o750  # of a folder that the server creates; one that exists keeps the mode that its owner gave it
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
        folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = f"setting STATS_RESULTS_DIR={str(folder)!r}: cannot be written to: {one_line(error)}"
        raise SettingsError(reason) from error
    return folder


class FolderTakenError(OSError):
    """Another server has locked the results folder, so this one must neither accept jobs nor write."""

    def __init__(self) -> None:
        super().__init__("another server uses the results folder; stop that server and restart this one")


class FolderLock:
    """The lock on a results folder: two servers on one folder would give ids twice.

    A lock belongs to a folder, not to its name. If the folder is removed and another one takes its name, ``check``
    locks that one. The process that creates the lock shares it with the processes that it forks; the system releases it
    when the last of them ends.

    Parameters
    ----------
    folder: an existing folder

    Raises
    ------
    SettingsError: another server holds the lock
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mutex = threading.Lock()  # guards all of the following
        self._is_taken = False
        self._descriptor = _lock_patiently(folder)
        self._locked = os.fstat(self._descriptor)
        # A worker that locks a new folder posts the descriptor here. Its parent keeps both ends open, so the lock
        # outlives the worker, and the next worker finds it. There is one message at most.
        self._mailbox, self._post = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._mailbox.setblocking(False)

    def check(self) -> None:
        """Check that the lock is on the folder that the path names now; create the folder if needed, and lock it.

        Cheap if nothing has changed, so it may precede every write. Once another server has had the folder this fails
        until the end of the process: what is in memory here and what is in the folder no longer belong together.

        Raises
        ------
        FolderTakenError: another server has locked the folder
        OSError: the folder cannot be created or opened
        """
        with self._mutex:
            if self._is_taken:
                raise FolderTakenError
            write_into(self._folder, self._follow)

    def _follow(self) -> None:
        """Lock the folder that the path names, unless it is the one that is locked."""
        if os.path.samestat(self._folder.stat(), self._locked):
            return
        descriptor = _opened(self._folder)
        posted = self._posted()
        if posted is not None:
            if os.path.samestat(os.fstat(posted), os.fstat(descriptor)):  # an earlier worker has locked this folder
                descriptor, posted = posted, descriptor
            os.close(posted)
        if not _locked(descriptor):
            os.close(descriptor)
            self._is_taken = True
            raise FolderTakenError
        # Posted at once: from here on the lock outlives this process.
        socket.send_fds(self._post, [b"\0"], [descriptor])
        os.close(self._descriptor)
        self._descriptor, self._locked = descriptor, os.fstat(descriptor)

    def _posted(self) -> int | None:
        """Empty the mailbox; return the descriptor, None if there is none."""
        try:
            (descriptor,) = socket.recv_fds(self._mailbox, 1, 1)[1]
        except BlockingIOError:
            return None
        return descriptor


def _lock_patiently(folder: Path) -> int:
    """Lock a folder; return its descriptor. The previous server on the folder may still be ending.

    Raises
    ------
    SettingsError: another server holds the lock
    """
    descriptor = _opened(folder)
    deadline = time.monotonic() + TAKEOVER_SECONDS
    while not _locked(descriptor):
        if time.monotonic() > deadline:
            os.close(descriptor)
            reason = f"setting STATS_RESULTS_DIR={str(folder)!r}: another server uses this folder; choose another one"
            raise SettingsError(reason)
        time.sleep(RETRY_SECONDS)
    return descriptor


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _locked(descriptor: int) -> bool:
    """Lock an open folder, unless it is locked through this descriptor already; return False if another server did."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_into(folder: Path, write: Callable[[], None]) -> None:
    """Call a function that works in a folder; recreate the folder and retry if it is removed meanwhile.

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
                folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        else:
            return
    write()
