"""What a reader has to know of the rows that it reads: nothing but this."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from app.table.sources.frame import SourceFrame
from app.table.sources.parser import Layout
from app.table.survey_table import SurveyTable

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows have come from.

    Parameters
    ----------
    source: the path or address that was asked for, for messages
    name: its last part, for the report
    sha256: gives that of the file; of several files, of the lines ``<SHA-256>  <name>`` in the order of their names.
        It may still be in the making, so it is asked for when nothing else is left to do
    notes: what is to be told beside
    """

    source: str
    name: str
    sha256: Callable[[], str]
    notes: tuple[str, ...] = ()


class SourceKind(Protocol[R]):
    """A kind of rows: how they are reduced, part by part, and how a table is made of that.

    It is handed to other processes, and so are the reductions. These depend on the parts that a source is cut into no
    further than by rounding.
    """

    @property
    def layout(self) -> Layout:
        """The columns to be read."""

    def reduce_frame(self, frame: SourceFrame) -> R:
        """Reduce some rows, none perhaps."""

    def merge(self, parts: Sequence[R]) -> R:
        """Add up reductions that stand in the order of the source; at least one."""

    def rows(self, reduction: R) -> int:
        """Return how many rows a reduction is made of."""

    def build_table(self, reduction: R, origin: Origin) -> SurveyTable:
        """Make a table of what is left of all rows.

        Raises
        ------
        SourceError: there is no usable row
        """
