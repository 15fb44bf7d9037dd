"""Reading the table in a process of its own, which takes what reading needs of memory along when it ends."""

import multiprocessing
import signal
from multiprocessing.connection import Connection
from pathlib import Path

from app.errors import SourceError
from app.survey_table import SurveyTable
from app.table_builder import read_table


def read_table_apart(source: Path) -> SurveyTable:
    """Read a survey table. To be called before this process has started any thread, as it forks.

    Raises
    ------
    SourceError: as ``read_table``, or the process has died, which happens where memory is short
    """
    forking = multiprocessing.get_context("fork")
    receiving, sending = forking.Pipe(duplex=False)
    process = forking.Process(target=_read, args=(source, sending), name="read the table", daemon=True)
    process.start()
    sending.close()
    try:
        answer: SurveyTable | SourceError = receiving.recv()
    except EOFError as error:
        raise SourceError(f"{source}: the process that read it died") from error
    finally:
        process.join()
        receiving.close()
    if isinstance(answer, SourceError):
        raise answer
    return answer


def _read(source: Path, sending: Connection) -> None:
    """Read in the process of its own, and send the table, or why there is none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the process that waits, and with it this one
    try:
        sending.send(read_table(source))
    except SourceError as error:
        sending.send(error)
