"""Bytes of a file in, the columns that the server can use out: CSV, plain or compressed, and Parquet."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from app.errors import SourceError

NEEDED = ("LocationDesc", "Question", "Data_Value", "StratificationCategory1", "Stratification1")
OPTIONAL = (
    "YearStart",
    "YearEnd",
    "LocationAbbr",
    "Datasource",
    "QuestionID",
    "Class",
    "Data_Value_Footnote_Symbol",
)
PARQUET_MAGIC = b"PAR1"
FOUND_SHOWN_CHARS = 300

Compression = Literal["gzip", "bz2", "xz", "zip", "zstd"]
COMPRESSION_MAGIC: Mapping[bytes, Compression] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
}


@dataclass(frozen=True)
class SourceFrame:
    """The usable columns of a source, by their plain names, and which optional ones it lacks."""

    frame: pd.DataFrame
    missing_optional: frozenset[str]

    @property
    def rows(self) -> int:
        """The number of data rows."""
        return len(self.frame)

    def column(self, name: str) -> pd.Series:
        """Return one column as it was read: categories of text, or whatever type a Parquet file gives it."""
        return self.frame[name]


def read_source(content: bytes, source: Path) -> SourceFrame:
    """Read the needed columns and those of the optional ones that are there.

    Columns are found by name, whatever their order; spaces around a name and a byte-order mark do not matter.

    Parameters
    ----------
    content: the file's bytes
    source: the file's path, named in errors

    Raises
    ------
    SourceError: the bytes are not a table, or a needed column is missing
    """
    try:
        return _read_parquet(content, source) if content.startswith(PARQUET_MAGIC) else _read_csv(content, source)
    except UnicodeDecodeError as error:
        raise SourceError(f"{source}: is not a CSV file in UTF-8: {error.reason}") from error
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        first_line = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise SourceError(f"{source}: cannot be read as a table: {first_line}") from error


def _read_csv(content: bytes, source: Path) -> SourceFrame:
    compression = next((kind for magic, kind in COMPRESSION_MAGIC.items() if content.startswith(magic)), None)
    header = pd.read_csv(io.BytesIO(content), nrows=0, compression=compression, encoding="utf-8-sig")
    names = _usable(list(header.columns), source)
    frame = pd.read_csv(
        io.BytesIO(content),
        compression=compression,
        encoding="utf-8-sig",
        usecols=list(names.values()),
        dtype="category",
        na_filter=False,
    )
    return _source_frame(frame, names)


def _read_parquet(content: bytes, source: Path) -> SourceFrame:
    from pyarrow import parquet  # noqa: PLC0415 - only a Parquet source pays for the import

    names = _usable(parquet.read_schema(io.BytesIO(content)).names, source)
    frame = pd.read_parquet(io.BytesIO(content), columns=list(names.values()))
    return _source_frame(frame, names)


def _usable(found: list[str], source: Path) -> dict[str, str]:
    """Return the name in the file of each column that the server can use.

    Raises
    ------
    SourceError: a needed column is missing
    """
    by_plain_name = {str(name).strip(): name for name in reversed(found)}
    missing = [name for name in NEEDED if name not in by_plain_name]
    if missing:
        shown = ", ".join(str(name).strip() for name in found)
        shown = shown if len(shown) <= FOUND_SHOWN_CHARS else shown[:FOUND_SHOWN_CHARS] + "…"
        raise SourceError(f"{source}: missing needed columns {', '.join(missing)}; found: {ascii(shown)[1:-1]}")
    return {name: by_plain_name[name] for name in (*NEEDED, *OPTIONAL) if name in by_plain_name}


def _source_frame(frame: pd.DataFrame, names: Mapping[str, str]) -> SourceFrame:
    plain = frame.rename(columns={in_file: name for name, in_file in names.items()})
    return SourceFrame(plain, frozenset(OPTIONAL) - names.keys())
