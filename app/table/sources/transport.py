"""SAS transport files (version 5), in which BRFSS' records are published."""

from collections.abc import Sequence
from typing import Any, BinaryIO

import pandas as pd
import pyarrow

TRANSPORT_MAGIC = b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!"
ENCODING = "latin-1"  # decodes any byte
ZERO = 16.0**-65  # as pandas decodes it: the smallest number of the format, which no survey has
ROWS_AT_ONCE = 20_000  # BRFSS has 300 columns, all of which have to be decoded to get some


class TransportFile:
    """An open transport file."""

    def __init__(self, content: BinaryIO) -> None:
        """Read the header.

        Raises
        ------
        ValueError: it is not that of a transport file of version 5
        """
        self._reader: Any = pd.read_sas(content, format="xport", encoding=ENCODING, chunksize=ROWS_AT_ONCE)

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [str(name) for name in self._reader.columns]

    def read(self, columns: Sequence[str]) -> pyarrow.Table:
        """Return some of the columns; a missing number is null."""
        chosen = list(columns)
        parts = [pyarrow.Table.from_pandas(_with_zeros(chunk[chosen]), preserve_index=False) for chunk in self._reader]
        return pyarrow.concat_tables(parts) if parts else pyarrow.table({name: [] for name in chosen})


def _with_zeros(chunk: pd.DataFrame) -> pd.DataFrame:
    numbers = chunk.select_dtypes("number")
    return chunk.assign(**numbers.where(numbers != ZERO, 0.0))
