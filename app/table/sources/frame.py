"""Columns read from a source, and the translation of parser errors into SourceError."""

import csv
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
from numpy.typing import NDArray
from pyarrow import types

from app.errors import SourceError
from app.table.sources.addresses import read_failure

PARSER_ERRORS = (
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
def translate_parser_errors(display: str) -> Iterator[None]:
    """Turn the errors of parsers in the block into a SourceError of one line.

    Parameters
    ----------
    display: the source in that line

    Raises
    ------
    SourceError: the source is not a table
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise SourceError(f"{display}: is not a CSV file in UTF-8: {error.reason}") from error
    except PARSER_ERRORS as error:
        if isinstance(error, OSError) and error.errno is not None:  # from the operating system, not from a parser
            raise
        raise SourceError(f"{display}: cannot be read as a table: {read_failure(error)}") from error


@dataclass(frozen=True)
class SourceFrame:
    """The usable columns of a source by the names of its ``Layout``, and the optional columns that it lacks.

    A field of CSV is text, or a number if all fields of its column are; a field of Parquet has the type of its file.
    Methods raise SourceError when the data contradicts that type.

    Parameters
    ----------
    table: the columns
    missing_optional: optional columns that the source lacks
    source: path or address for messages, without secrets
    names_in_file: the name in the source of each column
    layout: name of the ``Layout``
    """

    table: pyarrow.Table
    missing_optional: frozenset[str] = frozenset()
    source: str = "the source"
    names_in_file: Mapping[str, str] = field(default_factory=dict)
    layout: str = ""

    @property
    def rows(self) -> int:
        """The number of data rows."""
        return int(self.table.num_rows)

    def slice(self, start: int, rows: int) -> "SourceFrame":
        """Return up to ``rows`` rows from ``start`` on. Copies nothing."""
        return replace(self, table=self.table.slice(start, rows))

    def name_in_file(self, name: str) -> str:
        """Return what the source calls a column, without spaces around it."""
        return self.names_in_file.get(name, name).strip()

    def is_number(self, name: str) -> bool:
        """Return whether a column holds numbers: floats, or integers without nulls."""
        column = self.table.column(name)
        return bool(types.is_floating(column.type) or (types.is_integer(column.type) and column.null_count == 0))

    def numbers(self, name: str) -> NDArray[Any]:
        """Return a column of numbers, with NaN for nulls. The array may be read-only."""
        with translate_parser_errors(self.source):
            numbers: NDArray[Any] = self.table.column(name).to_numpy()
        return numbers

    def distinct(self, name: str) -> tuple[NDArray[np.int64], list[Any]]:
        """Return the code of each row's field, -1 for null, and the distinct fields by code."""
        column = self.table.column(name)
        if types.is_dictionary(column.type):  # all text is; conversion to pandas takes several times as long
            with translate_parser_errors(self.source):
                whole = column.combine_chunks()
                codes = whole.indices.cast(pyarrow.int64()).fill_null(-1).to_numpy()
                return codes, whole.dictionary.to_pylist()
        categorical = self._series(name).astype("category")
        return categorical.cat.codes.to_numpy().astype(np.int64), categorical.cat.categories.tolist()

    def _series(self, name: str) -> pd.Series:
        with translate_parser_errors(self.source):
            # Integers stay integers beside nulls: a value must read 7 in every row group, not 7.0 in some.
            column: pd.Series = self.table.column(name).to_pandas(integer_object_nulls=True)
        return column
