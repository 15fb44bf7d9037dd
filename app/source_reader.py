"""Bytes of a file in, the columns that the server can use out: CSV, plain or compressed, and Parquet."""

import bz2
import csv as plain_csv
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import csv, parquet, types

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
    "Low_Confidence_Limit",
    "High_Confidence_Limit",
    "Sample_Size",
)
NUMBERS = ("Data_Value", "Low_Confidence_Limit", "High_Confidence_Limit", "Sample_Size")
BLOCK_BYTES = 1024 * 1024  # what of a file is parsed at once: more does not stay in the processor's cache
LONGEST_LINE_BYTES = 16 * 1024 * 1024
QUOTE = ord('"')
PARQUET_MAGIC = b"PAR1"
FOUND_SHOWN_CHARS = 300

UNREADABLE = (
    plain_csv.Error,
    ValueError,
    KeyError,
    OSError,
    EOFError,
    RuntimeError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)


def _unzip(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        if len(names) != 1:
            raise ValueError(f"a ZIP archive must hold exactly one file, this one holds {len(names)}")
        return archive.read(names[0])


DECOMPRESS: Mapping[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ\x00": lzma.decompress,
    b"PK\x03\x04": _unzip,
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
        """Return one column as it was read: text, numbers where all fields are, or what a Parquet file gives it."""
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
    except UNREADABLE as error:
        first_line = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise SourceError(f"{source}: cannot be read as a table: {first_line}") from error


def _read_csv(content: bytes, source: Path) -> SourceFrame:
    """Read text in UTF-8. Fields stay the text that they are, zeros before an id too; a ragged line is an error.

    The columns of numbers are parsed as such, which takes half the time. Where one of them holds anything else, all are
    read again as text: what becomes of such a field is not for the parser to say.
    """
    decompress = next((how for magic, how in DECOMPRESS.items() if content.startswith(magic)), bytes)
    text = decompress(content)
    if not text.isascii():  # a faster look
        text.decode()  # raises where it is not UTF-8
    if not text.endswith(b"\n"):
        text += b"\n"  # a header alone is taken for a table only as a whole line
    if _quotes(text) % 2:
        raise ValueError("a quotation mark is never closed")
    names = _usable(_header(text), source)
    texts = dict.fromkeys(names.values(), pyarrow.dictionary(pyarrow.int32(), pyarrow.string()))
    numbers = {names[name]: pyarrow.float64() for name in NUMBERS if name in names}
    try:
        frame = _parsed(text, {**texts, **numbers}, BLOCK_BYTES)
    except ValueError:
        frame = _parsed(text, texts, LONGEST_LINE_BYTES)
    return _source_frame(frame, names)


def _quotes(text: bytes) -> int:
    """Count the quotation marks, block by block; ``bytes.count`` takes three times as long where there are many."""
    characters = np.frombuffer(text, dtype=np.uint8)
    blocks = range(0, len(text), BLOCK_BYTES)
    return sum(int(np.count_nonzero(characters[start : start + BLOCK_BYTES] == QUOTE)) for start in blocks)


def _parsed(text: bytes, types_by_column: Mapping[str, pyarrow.DataType], block_bytes: int) -> pd.DataFrame:
    """Parse the given columns; an empty field is none in a column of numbers.

    Raises
    ------
    ValueError: a line is ragged, or longer than a block, or a field is not of its column's type
    """
    table = csv.read_csv(
        pyarrow.BufferReader(text),
        # More threads would need more of the processor in all, and the worker has one core.
        read_options=csv.ReadOptions(use_threads=False, block_size=block_bytes),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            include_columns=list(types_by_column), column_types=types_by_column, null_values=[""]
        ),
    )
    frame: pd.DataFrame = table.to_pandas()
    for name, kind in types_by_column.items():
        if types.is_floating(kind) and frame[name].isna().sum() != table.column(name).null_count:
            raise ValueError(f"{name} holds what is written as no number")
    return frame


def _header(text: bytes) -> list[str]:
    """Return the names of the columns as they are written."""
    lines = io.TextIOWrapper(io.BytesIO(text), encoding="utf-8-sig", newline="")
    return next(plain_csv.reader(lines, strict=True))


def _read_parquet(content: bytes, source: Path) -> SourceFrame:
    schema = parquet.read_schema(io.BytesIO(content))
    names = _usable(schema.names, source)
    nested = [name for name, in_file in names.items() if types.is_nested(schema.field(in_file).type)]
    if nested:
        raise ValueError(f"neither text nor numbers in the columns {', '.join(nested)}")
    table = parquet.read_table(io.BytesIO(content), columns=list(names.values()), use_threads=False)
    return _source_frame(table.to_pandas(ignore_metadata=True), names)


def _usable(found: list[str], source: Path) -> dict[str, str]:
    """Return the name in the file of each column that the server can use.

    Raises
    ------
    SourceError: a needed column is missing
    """
    by_plain_name = {str(name).strip(): name for name in reversed(found)}
    missing = [name for name in NEEDED if name not in by_plain_name]
    if missing:
        shown = ascii(", ".join(str(name).strip() for name in found))[1:-1]
        shown = shown if len(shown) <= FOUND_SHOWN_CHARS else shown[:FOUND_SHOWN_CHARS] + "…"
        raise SourceError(f"{source}: missing needed columns {', '.join(missing)}; found: {shown}")
    return {name: by_plain_name[name] for name in (*NEEDED, *OPTIONAL) if name in by_plain_name}


def _source_frame(frame: pd.DataFrame, names: Mapping[str, str]) -> SourceFrame:
    plain = frame.rename(columns={in_file: name for name, in_file in names.items()})
    return SourceFrame(plain, frozenset(OPTIONAL) - names.keys())
