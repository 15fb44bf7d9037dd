"""Helpers for tests of both readers: a cluster, small blocks, and comparison of tables cell by cell."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.errors import SourceError
from app.process.cores import CORES
from app.table.cells import Cells
from app.table.engines.pandas_reader import read_table
from app.table.engines.tasks import ClusterTask
from app.table.sources.addresses import Source
from app.table.sources.blocks import Block, split_file
from app.table.sources.files import SourceFile
from app.table.sources.frame import SourceFrame
from app.table.sources.progress import OnProgress, Progress, ignore_progress
from app.table.survey_rows.reduction import Reduction
from app.table.survey_rows.rows import SurveyRows
from app.table.survey_table import SurveyTable

SMALL_BLOCK_BYTES = 2048
SMALL_BLOCK_ROWS = 100
MOST_BLOCKS = 30
WORKER_BYTES = 2**30
RELATIVE_ERROR = 1e-9
READERS = ("pandas", "dask")

Read = Callable[[str | Path], SurveyTable]


def small_blocks(file: SourceFile) -> Iterable[Block]:
    """Split a file into many blocks."""
    return split_file(file, max(SMALL_BLOCK_BYTES, file.size // MOST_BLOCKS), SMALL_BLOCK_ROWS)


def task_of(source: str | Path, *, workers: int = 2, scheduler: str | None = None) -> ClusterTask:
    """Return the task of reading a survey table."""
    return ClusterTask(Source(str(source)), SurveyRows(), CORES, workers, WORKER_BYTES, scheduler)


@contextmanager
def cluster_of(workers: int) -> Iterator[Any]:
    """Start a cluster of worker processes and connect to it."""
    from app.table.engines.cluster_main import cluster_client  # noqa: PLC0415 - Dask may be absent

    with cluster_client(task_of("", workers=workers)) as client:
        yield client


def read_in_small_blocks(client: Any, source: str | Path, on_progress: OnProgress = ignore_progress) -> SurveyTable:
    """Read a table by Dask in many blocks."""
    from app.table.engines.dask_reader import read_with_dask  # noqa: PLC0415 - Dask may be absent

    return read_with_dask(client, Source(str(source)), SurveyRows(), on_progress, small_blocks)


def reader_of(request: pytest.FixtureRequest) -> Read:
    """Return the reader that the fixture's parameter names; Dask uses the module's fixture ``client``."""
    if request.param == "pandas":
        return read_table
    client = request.getfixturevalue("client")
    return lambda source: read_in_small_blocks(client, source)


def reason_of(read: Read, source: str | Path) -> str:
    """Return why a source is rejected."""
    with pytest.raises(SourceError) as caught:
        read(source)
    return caught.value.reason


def assert_same_table(found: SurveyTable, wanted: SurveyTable) -> None:
    """Check that two tables agree in every name, count and cell."""
    assert found.locations == wanted.locations
    assert found.strata == wanted.strata
    assert found.periods == wanted.periods
    assert replace(found.report, loaded_at=wanted.report.loaded_at) == wanted.report
    assert [data.question for data in found.questions] == [data.question for data in wanted.questions]
    for data, other in zip(found.questions, wanted.questions, strict=True):
        for field in fields(Cells):
            one, two = getattr(data.cells, field.name), getattr(other.cells, field.name)
            np.testing.assert_allclose(one, two, rtol=RELATIVE_ERROR, atol=0, equal_nan=True, err_msg=field.name)


@dataclass(frozen=True, slots=True)
class CoreRecorder(SurveyRows):
    """Survey rows; each process that reduces some records its cores in a file named after its id."""

    folder: Path = Path()

    def reduce_frame(self, frame: SourceFrame) -> Reduction:
        """Record the cores, and reduce."""
        (self.folder / str(os.getpid())).write_text(json.dumps(sorted(os.sched_getaffinity(0))))
        return SurveyRows.reduce_frame(self, frame)


@dataclass(frozen=True, slots=True)
class OrderRecorder(SurveyRows):
    """Survey rows; each reduction appends its number of rows to a file."""

    note: Path = Path()

    def reduce_frame(self, frame: SourceFrame) -> Reduction:
        """Reduce, and record the rows."""
        reduction = SurveyRows.reduce_frame(self, frame)
        with self.note.open("a") as lines:
            lines.write(f"{self.rows(reduction)}\n")
        return reduction


class ProgressRecorder:
    """A progress callback that records its reports."""

    def __init__(self) -> None:
        self.reports: list[Progress] = []

    def __call__(self, progress: Progress) -> None:
        """Record one report."""
        self.reports.append(progress)
