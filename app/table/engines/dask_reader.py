"""A source in, an immutable ``SurveyTable`` out, by Dask: block after block on all workers of a cluster.

Imported only in processes of a cluster: the server itself runs without Dask.
"""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from distributed import Client, Future, KilledWorker

from app.errors import SourceError
from app.table.source_kind import Origin, R, SourceKind
from app.table.sources.addresses import without_secrets
from app.table.sources.blocks import Block, cut, read_block
from app.table.sources.files import SourceFile, digest_of, find_files, reachable, source_name
from app.table.sources.progress import Tell, progress_after
from app.table.survey_table import SurveyTable

BLOCKS_PER_TASK = 4  # at most: a worker merges them before it hands over, and one that dies loses so many
AHEAD_PER_WORKER = 3  # tasks handed out: one is worked on, and the next ones are at hand when it is done
MERGED_AT_ONCE = 8  # a merge goes through all cells, so it is not done for each task
REMOTE_DIGEST = "the SHA-256 is that of the properties of the remote files, as they were not read as a whole"

Cut = Callable[[SourceFile], Iterable[Block]]


def read_with_dask(client: Client, source: str, kind: SourceKind[Any], tell: Tell, cut_file: Cut = cut) -> SurveyTable:
    """Read a table on the workers of a cluster.

    A worker that dies costs the time of the blocks that it had: Dask has others read them.

    Parameters
    ----------
    client: of the cluster
    source: a path, a folder, a pattern, or an address, which all workers can open
    kind: what its rows are
    tell: is told after each block how far it has come
    cut_file: cuts a file into blocks

    Raises
    ------
    SourceError: as ``read_table`` of pandas, or the workers die again and again
    """
    files = find_files(source)
    # On the workers, because one process that goes through all files would hold many of them up.
    digests = client.map(digest_file, files, pure=False)
    reduction = reduce_with_dask(client, files, kind, tell, cut_file)
    found = [_result([file], digest) for file, digest in zip(files, digests, strict=True)]
    _check_unchanged(source, files)
    digest = digest_of([(file.name, of_file) for file, of_file in zip(files, found, strict=True)])
    notes = () if all(file.is_local for file in files) else (REMOTE_DIGEST,)
    return kind.build_table(reduction, Origin(without_secrets(source), source_name(source), lambda: digest, notes))


def reduce_with_dask(
    client: Client, files: Sequence[SourceFile], kind: SourceKind[R], tell: Tell, cut_file: Cut = cut
) -> R:
    """Return what is left of all files. Reductions are merged in the order of the source, so that runs are alike."""
    started, total = time.monotonic(), sum(file.size for file in files)
    rows = done = 0
    parts: list[R] = []
    for blocks, part in _reduced(client, chain.from_iterable(map(cut_file, files)), kind, total):
        rows, done = rows + kind.rows(part), done + _bytes(blocks)
        parts.append(part)
        if len(parts) == MERGED_AT_ONCE:
            parts = [kind.merge(parts)]
        tell(progress_after(rows, done, total, time.monotonic() - started))
    return kind.merge(parts)


def _reduced(
    client: Client, blocks: Iterable[Block], kind: SourceKind[R], total: int
) -> Iterator[tuple[Sequence[Block], R]]:
    """Yield the blocks of each task with what is left of them, in order; only so much is handed out as keeps all busy.

    Parameters
    ----------
    total: the bytes of all blocks
    """
    workers = max(1, sum(client.nthreads().values()))
    waiting: deque[tuple[Sequence[Block], Future]] = deque()
    for number, task in enumerate(tasks(blocks, total, workers)):
        # The first one is waited for, and tasks of the same priority may overtake each other.
        waiting.append((task, client.submit(reduce_blocks, task, kind, pure=False, priority=-number)))
        if len(waiting) >= AHEAD_PER_WORKER * workers:
            yield _first(waiting)
    while waiting:
        yield _first(waiting)


def _first(waiting: deque[tuple[Sequence[Block], Future]]) -> tuple[Sequence[Block], Any]:
    blocks, future = waiting.popleft()
    return blocks, _result([block.file for block in blocks], future)


def tasks(blocks: Iterable[Block], total: int, workers: int) -> Iterator[list[Block]]:
    """Yield the blocks that a worker takes at once: fewer towards the end, so that all workers end together."""
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
    """Wait for what a worker makes of some files, and return it.

    Raises
    ------
    SourceError: it could not, or died again and again
    """
    try:
        result = future.result()
    except KilledWorker as error:
        raise SourceError(
            f"{files[0].shown}: one worker after another died while reading it, most often because memory is "
            "short: give each more by STATS_DASK_WORKER_MIB, or write the table in smaller files or row groups"
        ) from error
    if isinstance(result, SourceError):
        raise result
    return result


def reduce_blocks(blocks: Sequence[Block], kind: SourceKind[R]) -> R | SourceError:
    """Read and reduce some blocks, at least one, or return why that cannot be done: Dask logs what is raised.

    Runs on a worker.
    """
    try:
        parts = [kind.reduce_frame(read_block(block, kind.layout)) for block in blocks]
    except SourceError as error:
        return error
    return kind.merge(parts) if len(parts) > 1 else parts[0]


def digest_file(file: SourceFile) -> str | SourceError:
    """Return the SHA-256 of a file, or of the properties of one on another machine, or why it cannot be read.

    Runs on a worker.
    """
    if not file.is_local:
        return hashlib.sha256(file.changed.encode()).hexdigest()
    try:
        with reachable(file.shown), file.open() as content:
            return hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
    except SourceError as error:
        return error


def _check_unchanged(source: str, files: Sequence[SourceFile]) -> None:
    """Check that the files are what they were before they were read, block by block.

    Raises
    ------
    SourceError: they are not
    """
    if find_files(source) != list(files):
        raise SourceError(f"{without_secrets(source)}: the files were changed while they were read; read them again")
