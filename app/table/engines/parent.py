"""What a process that reads a table for a server does: receive the task, send the table, exit with the server."""

import os
import signal
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

from app.errors import SourceError
from app.process.cores import use_cores
from app.table.engines.tasks import ReadTask
from app.table.sources.addresses import read_failure
from app.table.sources.progress import OnProgress
from app.table.survey_table import SurveyTable

T = TypeVar("T", bound=ReadTask)

OUT_OF_MEMORY_SCORE = Path("/proc/self/oom_score_adj")  # of Linux; from -1000 to 1000


def serve_parent(descriptor: int, read: Callable[[T, OnProgress], SurveyTable]) -> None:
    """Receive a task, and send progress and the table, or the reason why there is none.

    Parameters
    ----------
    descriptor: this process's end of the connection to its parent. When the parent closes the other end, this process
        exits at once
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the server blocks signals; a new process inherits that
    with suppress(OSError):  # on other systems
        OUT_OF_MEMORY_SCORE.write_text("1000", encoding="ascii")  # if memory ends, this process dies, not the server
    connection = Connection(descriptor)
    task: T = connection.recv()
    threading.Thread(target=_exit_with_parent, args=(connection,), name="ParentWatch", daemon=True).start()
    use_cores(task.cores)
    connection.send(_read(task, connection, read))


def _exit_with_parent(connection: Connection) -> None:
    """Exit when the parent closes the connection. The parent sends nothing after the task."""
    try:
        connection.recv()
    finally:
        os._exit(1)


def _read(task: T, connection: Connection, read: Callable[[T, OnProgress], SurveyTable]) -> SurveyTable | SourceError:
    try:
        return read(task, connection.send)
    except SourceError as error:
        return error
    except Exception as error:  # noqa: BLE001 - the parent gets it as the reason why there is no table
        traceback.print_exc()
        return SourceError(f"{task.source}: cannot be read: {read_failure(error)}")
