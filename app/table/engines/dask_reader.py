"""The Dask reader: block after block on all workers of a cluster.

Only processes of a cluster import it: the server itself runs without Dask.
"""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from distributed import Client, Future, KilledWorker, get_worker

from app.errors import SourceError
from app.process.cores import memory_bytes
from app.table.source_kind import Origin, R, SourceKind
from app.table.sources.addresses import CHANGED_WHILE_READ, Source
from app.table.sources.blocks import Block, read_block, split_file
from app.table.sources.files import SourceFile, find_files, translate_read_errors
from app.table.sources.progress import OnProgress, progress_after
from app.table.survey_table import SurveyTable

BLOCKS_PER_TASK = 4  # at most; a worker merges them before it sends them, and loses them all if it dies
TASKS_PER_WORKER = 3  # submitted: one runs, and the next ones are ready when it ends
MERGED_AT_ONCE = 8  # every merge visits all cells, so not each task is merged alone
REMOTE_DIGEST = "the SHA-256 is that of the remote files' properties, because no process read a file as a whole"

Split = Callable[[SourceFile], Iterable[Block]]


def read_with_dask(
    client: Client, source: Source, kind: SourceKind[Any], on_progress: OnProgress, split: Split = split_file
) -> SurveyTable:
    """Read a table on the workers of a cluster.

    When a worker dies, Dask gives its blocks to the others.

    Parameters
    ----------
    client: a client of the cluster
    source: where the table is; all workers must be able to open it
    kind: how its rows are understood
    on_progress: called after each task
    split: splits a file into blocks

    Raises
    ------
    SourceError: as ``read_with_pandas``, or the workers die repeatedly
    """
    files = find_files(source)
    # Hash on the workers: this process alone could not keep up with them.
    digests = client.map(digest_file, files, pure=False)
    reduction = reduce_with_dask(client, files, kind, on_progress, split)
    named_digests = [(file.name, _result([file], digest)) for file, digest in zip(files, digests, strict=True)]
    # Each file is opened many times, so its blocks may stem from two versions. Check that last, when all is read.
    if find_files(source) != files:
        raise SourceError(f"{source}: the files {CHANGED_WHILE_READ}")
    notes = () if all(file.is_local for file in files) else (REMOTE_DIGEST,)
    return kind.build_table(reduction, Origin(source.display, source.name, lambda: named_digests, notes))


def reduce_with_dask(
    client: Client, files: Sequence[SourceFile], kind: SourceKind[R], on_progress: OnProgress, split: Split = split_file
) -> R:
    """Return the reduction of all files. The order of merges is fixed, so that two runs round alike."""
    started, total = time.monotonic(), sum(file.size for file in files)
    rows = done = 0
    parts: list[R] = []
    for blocks, part in _reduced(client, chain.from_iterable(map(split, files)), kind, total):
        rows, done = rows + kind.rows(part), done + _bytes(blocks)
        parts.append(part)
        if len(parts) == MERGED_AT_ONCE:
            parts = [kind.merge(parts)]
        on_progress(progress_after(rows, done, total, time.monotonic() - started))
    return kind.merge(parts)


def _reduced(
    client: Client, blocks: Iterable[Block], kind: SourceKind[R], total: int
) -> Iterator[tuple[Sequence[Block], R]]:
    """Yield the blocks of each task with their reduction, in order. Only as many tasks are submitted as keep all busy.

    Parameters
    ----------
    total: bytes of all blocks
    """
    workers = max(1, sum(client.nthreads().values()))
    waiting: deque[tuple[Sequence[Block], Future]] = deque()
    for number, task in enumerate(tasks(blocks, total, workers)):
        # Results are awaited in order, and Dask may reorder tasks of equal priority.
        waiting.append((task, client.submit(reduce_blocks, task, kind, pure=False, priority=-number)))
        if len(waiting) >= TASKS_PER_WORKER * workers:
            yield _first(waiting)
    while waiting:
        yield _first(waiting)


def _first(waiting: deque[tuple[Sequence[Block], Future]]) -> tuple[Sequence[Block], Any]:
    blocks, future = waiting.popleft()
    return blocks, _result([block.file for block in blocks], future)


def tasks(blocks: Iterable[Block], total: int, workers: int) -> Iterator[list[Block]]:
    """Group blocks into tasks, smaller ones towards the end, so that all workers finish together."""
    task: list[Block] = []
    for block in blocks:
        task.append(block)
        size = _bytes(task)
        if len(task) == BLOCKS_PER_TASK or size * 2 * workers >= total:
            yield task
            task, total = [], total - size
    if task:
        yield task


def _bytes(blocks: Iterable[Block]) -> int:
    return sum(block.size for block in blocks)


def _result(files: Sequence[SourceFile], future: Future) -> Any:
    """Wait for a worker's result and return it.

    Parameters
    ----------
    files: what the worker reads, for messages

    Raises
    ------
    SourceError: the worker cannot read them, or died repeatedly
    """
    try:
        result = future.result()
    except KilledWorker as error:
        raise SourceError(
            f"{files[0].display}: one worker after another died while reading it, most often for lack of memory; "
            "raise STATS_DASK_WORKER_MIB, or write the table in smaller files or row groups"
        ) from error
    if isinstance(result, SourceError):
        raise result
    return result


def reduce_blocks(blocks: Sequence[Block], kind: SourceKind[R]) -> R | SourceError:
    """Read and reduce at least one block. Runs on a worker.

    Returns the error instead of raising it, because Dask would log it with its traceback.
    """
    memory = get_worker().memory_manager.memory_limit or memory_bytes()
    try:
        parts = [kind.reduce_frame(read_block(block, kind.layout, memory)) for block in blocks]
    except SourceError as error:
        return error
    return kind.merge(parts) if len(parts) > 1 else parts[0]


def digest_file(file: SourceFile) -> str | SourceError:
    """Return the SHA-256 of a local file, or of a remote file's version, or the error. Runs on a worker."""
    if not file.is_local:
        return hashlib.sha256(file.version.encode()).hexdigest()
    try:
        with translate_read_errors(file.display), file.open() as content:
            return hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
    except SourceError as error:
        return error
