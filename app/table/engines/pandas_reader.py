"""A source in, an immutable ``SurveyTable`` out, by pandas in this process: one file after another as a whole."""

import hashlib
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from app.errors import SourceError
from app.process.signals import on_parent_death
from app.table.source_kind import Origin, R, SourceKind
from app.table.sources.addresses import without_secrets
from app.table.sources.files import SourceFile, digest_of, find_files, source_name
from app.table.sources.parser import check_not_blank, read_source
from app.table.sources.progress import NOTHING_READ, Progress, Tell, progress_after, tell_nobody
from app.table.survey_rows.rows import SurveyRows
from app.table.survey_table import SurveyTable


def read_table(source: str | Path, kind: SourceKind[Any] | None = None, tell: Tell = tell_nobody) -> SurveyTable:
    """Read a table.

    Parameters
    ----------
    source: a path, a folder, a pattern, or an address
    kind: what its rows are, published percentages where none is named
    tell: is told after each file how far it has come

    Raises
    ------
    SourceError: the source cannot be read, is not a table, lacks a needed column, or holds no usable row; the reason
        names the file, what is missing and what was found
    """
    kind = kind or SurveyRows()
    files = find_files(str(source))
    with ThreadPoolExecutor(1) as aside:
        reduction, digests = _reduce_files(files, kind, tell, aside)

        def sha256() -> str:
            return digest_of([(file.name, digest.result()) for file, digest in zip(files, digests, strict=True)])

        return kind.build_table(reduction, Origin(without_secrets(str(source)), source_name(str(source)), sha256))


def _reduce_files(
    files: Sequence[SourceFile], kind: SourceKind[R], tell: Tell, aside: Executor
) -> tuple[R, list[Future[str]]]:
    """Return what is left of all files, and the SHA-256 of each, which are made aside."""
    started, done, total = time.monotonic(), 0, sum(file.size for file in files)
    reductions: list[R] = []
    digests: list[Future[str]] = []
    for file in files:
        wait(digests)  # so that no more than one file is in memory
        content = file.content()
        check_not_blank(content, file.shown)
        frame = read_source(content, file.shown, kind.layout)
        digests.append(aside.submit(_sha256, content))  # only now: the parser takes all cores, what follows takes one
        del content
        reductions = [kind.merge([*reductions, kind.reduce_frame(frame)])]
        done += file.size
        tell(progress_after(kind.rows(reductions[0]), done, total, time.monotonic() - started))
    return reductions[0], digests


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


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
