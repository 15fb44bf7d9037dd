"""The task that the server sends to the process that reads on a Dask cluster."""

from dataclasses import dataclass
from typing import Any

from app.table.source_kind import SourceKind
from app.table.sources.addresses import Source


@dataclass(frozen=True, slots=True)
class ClusterTask:
    """What to read, and on which cluster.

    Parameters
    ----------
    source: where the table is
    kind: how its rows are understood
    cores: the processor cores that the cluster may use
    workers, worker_bytes: the number of worker processes, and the memory limit of each
    scheduler: the address of a running cluster to use instead of starting one
    """

    source: Source
    kind: SourceKind[Any]
    cores: frozenset[int]
    workers: int
    worker_bytes: int
    scheduler: str | None = None
