"""A source in, an immutable ``SurveyTable`` out, by pandas in this process: one file after another as a whole."""

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from app.addresses import without_secrets
from app.progress import Tell, progress_after, tell_nobody
from app.source_files import SourceFile, digest_of, find_files, source_name
from app.source_kind import Origin, R, SourceKind
from app.source_reader import check_not_blank, read_source
from app.survey_rows import SurveyRows
from app.survey_table import SurveyTable


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
