"""The interface between readers and rows: how rows become a table (``SourceKind``), and their ``Origin``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from app.table.sources.files import combined_sha256
from app.table.sources.frame import SourceFrame
from app.table.sources.parser import Layout
from app.table.survey_table import SurveyTable

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from.

    Parameters
    ----------
    source: the path or address for messages, without secrets
    name: its last part, for the report
    digests: returns name and SHA-256 of each file, sorted by name. It may block until a thread has computed them, so
        call it last
    notes: remarks for the report
    """

    source: str
    name: str
    digests: Callable[[], Sequence[tuple[str, str]]]
    notes: tuple[str, ...] = ()

    def sha256(self) -> str:
        """Return the SHA-256 of the source. Blocks like ``digests``."""
        return combined_sha256(self.digests())


class SourceKind(Protocol[R]):
    """How rows of one kind are reduced, part by part, and how the reductions become a table.

    Both it and the reductions are pickled for other processes. However a source is split, the merged reductions differ
    by rounding alone.
    """

    @property
    def layout(self) -> Layout:
        """The columns to read."""

    def reduce_frame(self, frame: SourceFrame) -> R:
        """Reduce rows; the frame may have none."""

    def merge(self, parts: Sequence[R]) -> R:
        """Add up at least one reduction, in the order of the source."""

    def rows(self, reduction: R) -> int:
        """Return how many rows a reduction covers."""

    def build_table(self, reduction: R, origin: Origin) -> SurveyTable:
        """Build the table from the reduction of all rows.

        Raises
        ------
        SourceError: there is no usable row
        """
