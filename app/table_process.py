"""Reading the table in a process of its own, which takes what reading needs of memory along when it ends."""

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from app.addresses import without_secrets
from app.errors import SourceError
from app.progress import NOTHING_READ, Progress, Tell, tell_nobody
from app.source_kind import SourceKind
from app.stop_signals import on_parent_death
from app.survey_table import SurveyTable
from app.table_builder import read_table

SECONDS_BETWEEN_NEWS = 1.0  # at most, for whoever waits for a table


def read_table_apart(source: str | Path, kind: SourceKind[Any] | None = None, tell: Tell = tell_nobody) -> SurveyTable:
    """Read a survey table. To be called before this process has started any thread, as it forks.

    Raises
    ------
    SourceError: as ``read_table``, or the process has died, which happens where memory is short
    """
    forking = multiprocessing.get_context("fork")
    receiving, sending = forking.Pipe(duplex=False)
    process = forking.Process(target=_read, args=(source, kind, sending), name="read the table", daemon=True)
    process.start()
    sending.close()
    try:
        return receive_table(receiving, without_secrets(str(source)), tell)
    finally:
        process.kill()  # it has sent the table, or nobody waits for that any more
        process.join()
        receiving.close()


def receive_table(receiving: Connection, shown: str, tell: Tell) -> SurveyTable:
    """Wait for the table that another process sends, and pass on how far it has come: again where there is no news.

    Raises
    ------
    SourceError: that process has sent why there is no table, or has died
    """
    answer: Progress | SurveyTable | SourceError = NOTHING_READ
    while True:
        try:
            if receiving.poll(SECONDS_BETWEEN_NEWS):
                answer = receiving.recv()
        except (EOFError, ConnectionError) as error:
            raise SourceError(f"{shown}: the process that read it died") from error
        if isinstance(answer, SourceError):
            raise answer
        if isinstance(answer, SurveyTable):
            return answer
        tell(answer)


def _read(source: str | Path, kind: SourceKind[Any] | None, sending: Connection) -> None:
    """Read in the process of its own, and send the table, or why there is none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the process that waits, and with it this one
    on_parent_death(lambda: os._exit(1))
    try:
        sending.send(read_table(source, kind, sending.send))
    except SourceError as error:
        sending.send(error)
