"""The tasks that the server sends to the processes that read a table."""

from dataclasses import dataclass
from typing import Any

from app.table.source_kind import SourceKind
from app.table.sources.addresses import Source


@dataclass(frozen=True, slots=True)
class ReadTask:
    """What to read, by pandas.

    Parameters
    ----------
    source: where the table is
    kind: how its rows are understood
    cores: the processor cores that the reader may use
    """

    source: Source
    kind: SourceKind[Any]
    cores: frozenset[int]


@dataclass(frozen=True, slots=True)
class ClusterTask(ReadTask):
    """What to read, and on which Dask cluster.

    Parameters
    ----------
    workers, worker_bytes: the number of worker processes, and the memory limit of each
    scheduler: the address of a running cluster to use instead of starting one
    """

    workers: int
    worker_bytes: int
    scheduler: str | None = None
