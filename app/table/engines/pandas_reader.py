"""The pandas reader: file after file, each as a whole, in this process or in a subprocess."""

import hashlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from app.errors import SourceError
from app.process.signals import on_parent_death
from app.table.source_kind import Origin, R, SourceKind
from app.table.sources.addresses import Source
from app.table.sources.files import SourceFile, find_files
from app.table.sources.parser import check_not_blank, read_source
from app.table.sources.progress import NOTHING_READ, OnProgress, Progress, ignore_progress, progress_after
from app.table.survey_rows.rows import SurveyRows
from app.table.survey_table import SurveyTable

ROWS_AT_ONCE = 2_000_000  # when they are reduced
SECONDS_BETWEEN_REPORTS = 1.0  # at most; the last progress is reported again if there is nothing new


def read_table(source: str | Path) -> SurveyTable:
    """Read a table of published percentages from a path, a folder, a pattern or an address.

    Raises
    ------
    SourceError: as ``read_with_pandas``
    """
    return read_with_pandas(Source(str(source)), SurveyRows(), ignore_progress)


def read_with_pandas(source: Source, kind: SourceKind[Any], on_progress: OnProgress) -> SurveyTable:
    """Read a table in this process.

    Parameters
    ----------
    source: where the table is
    kind: how its rows are understood
    on_progress: called after each file

    Raises
    ------
    SourceError: the source cannot be read, is not a table, lacks a needed column, or holds no usable row; the reason
        names the file, what is missing and what was found
    """
    files = find_files(source)
    with ThreadPoolExecutor(1) as hasher:
        reduction, digests = _reduce_files(files, kind, on_progress, hasher)

        def named_digests() -> list[tuple[str, str]]:
            return [(file.name, digest.result()) for file, digest in zip(files, digests, strict=True)]

        return kind.build_table(reduction, Origin(source.display, source.name, named_digests))


def read_in_subprocess(source: Source, kind: SourceKind[Any], on_progress: OnProgress) -> SurveyTable:
    """Read a table as ``read_with_pandas`` does, ``in_subprocess``.

    Raises
    ------
    SourceError: as ``read_with_pandas``, or the subprocess died, most often for lack of memory
    """
    return in_subprocess(partial(read_with_pandas, source, kind), source, on_progress)


def in_subprocess(read: Callable[[OnProgress], SurveyTable], source: Source, on_progress: OnProgress) -> SurveyTable:
    """Read a table in a subprocess, so that its memory is freed when it exits, and its threads end.

    It forks, so it must be called before this process has started a thread.

    Parameters
    ----------
    read: reads it there, and reports its progress to the callback

    Raises
    ------
    SourceError: ``read`` raised it, or the subprocess died, most often for lack of memory
    """
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_read_and_send, args=(read, sending), name="TableReader", daemon=True)
    process.start()
    # The subprocess must hold the only sending end: only then does its death end the wait in receive_table.
    sending.close()
    try:
        return receive_table(receiving, source, on_progress)
    finally:
        process.kill()  # either it has sent the table, or nobody waits for it any more
        process.join()
        receiving.close()


def receive_table(receiving: Connection, source: Source, on_progress: OnProgress) -> SurveyTable:
    """Wait for the table that another process sends. Report progress at least every ``SECONDS_BETWEEN_REPORTS``.

    Raises
    ------
    SourceError: the other process sent the reason why there is no table, or died
    """
    message: Progress | SurveyTable | SourceError = NOTHING_READ
    while True:
        try:
            if receiving.poll(SECONDS_BETWEEN_REPORTS):
                message = receiving.recv()
        except (EOFError, ConnectionError) as error:
            raise SourceError(f"{source}: the process that read it died; it may have run out of memory") from error
        if isinstance(message, SourceError):
            raise message
        if isinstance(message, SurveyTable):
            return message
        on_progress(message)


def _reduce_files(
    files: Sequence[SourceFile], kind: SourceKind[R], on_progress: OnProgress, hasher: Executor
) -> tuple[R, list[Future[str]]]:
    """Return the reduction of all files, and the SHA-256 of each, computed on a thread of ``hasher``."""
    started, bytes_read, total = time.monotonic(), 0, sum(file.size for file in files)
    reductions: list[R] = []
    digests: list[Future[str]] = []
    for file in files:
        wait(digests)  # hashing keeps a file's content, and at most one file may be in memory
        content = file.content()
        check_not_blank(content, file.display)
        frame = read_source(content, file.display, kind.layout)
        # Hash after parsing: the parser uses all cores, the reduction below only one.
        digests.append(hasher.submit(_sha256, content))
        del content
        # In slices: reducing takes many times the memory of the rows.
        for start in range(0, max(frame.rows, 1), ROWS_AT_ONCE):
            reductions = [kind.merge([*reductions, kind.reduce_frame(frame.slice(start, ROWS_AT_ONCE))])]
        del frame
        bytes_read += file.size
        on_progress(progress_after(kind.rows(reductions[0]), bytes_read, total, time.monotonic() - started))
    return reductions[0], digests


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_and_send(read: Callable[[OnProgress], SurveyTable], sending: Connection) -> None:
    """Read in the subprocess; send progress, then the table or the reason why there is none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the waiting process, which kills this one
    on_parent_death(lambda: os._exit(1))
    try:
        sending.send(read(sending.send))
    except SourceError as error:
        sending.send(error)
