"""The columns that were read of a source, and how what shows that they are no table is told."""

import csv
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
from numpy.typing import NDArray
from pyarrow import types

from app.errors import SourceError
from app.table.sources.addresses import one_line

UNREADABLE = (
    csv.Error,
    ValueError,
    KeyError,
    OSError,
    EOFError,
    RuntimeError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)


@contextmanager
def readable(source: str) -> Iterator[None]:
    """Tell of whatever shows that a source is no table in one sentence.

    Raises
    ------
    SourceError: the block has found that the source cannot be read
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise SourceError(f"{source}: is not a CSV file in UTF-8: {error.reason}") from error
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.errno is not None:  # it is the system that complains, not a parser
            raise
        raise SourceError(f"{source}: cannot be read as a table: {one_line(error)}") from error


@dataclass(frozen=True)
class SourceFrame:
    """The usable columns of a source, by their plain names, and which optional ones it lacks.

    What a field holds is text, a number where all fields of the column are, or what a Parquet file gives it. A method
    raises SourceError where that is not of the type that the file says.
    """

    table: pyarrow.Table
    missing_optional: frozenset[str] = frozenset()
    source: str = "the source"  # path or address, named in errors

    @property
    def rows(self) -> int:
        """The number of data rows."""
        return int(self.table.num_rows)

    def slice(self, start: int, rows: int) -> "SourceFrame":
        """Return so many rows from one on, fewer where there are no more. Copies nothing."""
        return SourceFrame(self.table.slice(start, rows), self.missing_optional, self.source)

    def is_number(self, name: str) -> bool:
        """Tell whether the fields of a column are numbers; whole ones are only where none is missing."""
        column = self.table.column(name)
        return bool(types.is_floating(column.type) or (types.is_integer(column.type) and column.null_count == 0))

    def numbers(self, name: str) -> NDArray[Any]:
        """Return a column of numbers, NaN where one is missing. It may be one that cannot be written to."""
        with readable(self.source):
            numbers: NDArray[Any] = self.table.column(name).to_numpy()
        return numbers

    def distinct(self, name: str) -> tuple[NDArray[np.int64], list[Any]]:
        """Return which of the distinct fields of a column each row has, -1 where it has none, and these fields."""
        column = self.table.column(name)
        if types.is_dictionary(column.type):  # as text is read; by way of pandas it takes several times as long
            with readable(self.source):
                whole = column.combine_chunks()
                codes = whole.indices.cast(pyarrow.int64()).fill_null(-1).to_numpy()
                return codes, whole.dictionary.to_pylist()
        categorical = self._series(name).astype("category")
        return categorical.cat.codes.to_numpy().astype(np.int64), categorical.cat.categories.tolist()

    def _series(self, name: str) -> pd.Series:
        with readable(self.source):
            # Whole numbers stay such beside nulls: whether 7 or 7.0 is written must not depend on the row groups.
            column: pd.Series = self.table.column(name).to_pandas(integer_object_nulls=True)
        return column
