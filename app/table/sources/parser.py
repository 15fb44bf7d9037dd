"""Bytes of a file in, the columns that the server can use out: CSV, plain or compressed, and Parquet."""

import bz2
import csv as plain_csv
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pyarrow
from pyarrow import compute, csv, parquet, types

from app.errors import SourceError
from app.table.sources.frame import SourceFrame, readable

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
QUOTE, LINE_END = ord('"'), ord("\n")
NEVER_CLOSED = "a quotation mark is never closed"
PARQUET_MAGIC = b"PAR1"
FOUND_SHOWN_CHARS = 300
LONGEST_BLANK_BYTES = 4096  # what a table may begin with before the whole of it is looked through


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


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a kind of source by their plain names: those that it cannot do without, and others of use.

    ``numbers`` are those of them in which CSV usually has a number in each field, or none. A file that lacks a column
    may have it by one of its ``other_names``; the first that is there is taken.
    """

    needed: tuple[str, ...]
    optional: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    other_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def names_of(self, column: str) -> tuple[str, ...]:
        """Return the names that a file may have a column by, the first choice first."""
        return (column, *self.other_names.get(column, ()))


SURVEY_LAYOUT = Layout(NEEDED, OPTIONAL, NUMBERS)


def read_source(content: bytes, source: str, layout: Layout = SURVEY_LAYOUT) -> SourceFrame:
    """Read the needed columns and those of the optional ones that are there.

    Columns are found by name, whatever their order; spaces around a name and a byte-order mark do not matter.

    Parameters
    ----------
    content: the file's bytes
    source: the file's path or address, named in errors
    layout: the columns that are looked for

    Raises
    ------
    SourceError: the bytes are not a table, or a needed column is missing
    """
    with readable(source):
        if content.startswith(PARQUET_MAGIC):
            return read_row_groups(parquet.ParquetFile(io.BytesIO(content)), source, layout)
        return _read_csv(content, source, layout)


def check_not_blank(content: bytes, shown: str) -> None:
    """Check that there is anything in a file.

    Raises
    ------
    SourceError: there is not
    """
    if not content[:LONGEST_BLANK_BYTES].strip() and not content.strip():
        raise SourceError(f"{shown}: the file is empty; expected a table with a header line")


def _read_csv(content: bytes, source: str, layout: Layout) -> SourceFrame:
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
    with ThreadPoolExecutor(1) as aside:  # counting does not need the interpreter
        quotes, lines = aside.submit(count_byte, text, QUOTE), count_byte(text, LINE_END)
    if quotes.result() % 2:
        raise ValueError(NEVER_CLOSED)
    names = _usable(_header(text), source, layout)
    texts = dict.fromkeys(names.values(), pyarrow.dictionary(pyarrow.int32(), pyarrow.string()))
    numbers = {names[name]: pyarrow.float64() for name in layout.numbers if name in names}
    try:
        table = _parsed(text, lines, {**texts, **numbers}, BLOCK_BYTES)
    except ValueError:
        table = _parsed(text, lines, texts, LONGEST_LINE_BYTES)
    return _source_frame(table, names, layout, source)


def count_byte(text: bytes, byte: int) -> int:
    """Count a byte, block by block; ``bytes.count`` takes three times as long where there are many."""
    characters = np.frombuffer(text, dtype=np.uint8)
    blocks = range(0, len(text), BLOCK_BYTES)
    return sum(int(np.count_nonzero(characters[start : start + BLOCK_BYTES] == byte)) for start in blocks)


def _parsed(
    text: bytes, lines: int, types_by_column: Mapping[str, pyarrow.DataType], block_bytes: int
) -> pyarrow.Table:
    """Parse the given columns of so many lines; an empty field is none in a column of numbers.

    Raises
    ------
    ValueError: a line is ragged, or longer than a block, or a field is not of its column's type
    """
    try:
        table = _parsed_lines(text, types_by_column, block_bytes, lines_in_values=False)
        each_line_is_a_row = table.num_rows + 1 == lines
    except ValueError:
        each_line_is_a_row = False
    if not each_line_is_a_row:  # lines that are blank, or values that hold line ends
        table = _parsed_lines(text, types_by_column, block_bytes, lines_in_values=True)
    for name, kind in types_by_column.items():
        if types.is_floating(kind) and compute.any(compute.is_nan(table.column(name))).as_py():
            raise ValueError(f"{name} holds what is written as no number")
    return table


def _parsed_lines(
    text: bytes, types_by_column: Mapping[str, pyarrow.DataType], block_bytes: int, *, lines_in_values: bool
) -> pyarrow.Table:
    """Parse the given columns on all cores; twice as fast where no value holds a line end, which the caller checks.

    The text is known to be UTF-8.
    """
    return csv.read_csv(
        pyarrow.BufferReader(text),
        read_options=csv.ReadOptions(block_size=block_bytes),
        parse_options=csv.ParseOptions(newlines_in_values=lines_in_values),
        convert_options=csv.ConvertOptions(
            include_columns=list(types_by_column), column_types=types_by_column, null_values=[""], check_utf8=False
        ),
    )


def _header(text: bytes) -> list[str]:
    """Return the names of the columns as they are written."""
    lines = io.TextIOWrapper(io.BytesIO(text), encoding="utf-8-sig", newline="")
    return next(plain_csv.reader(lines, strict=True))


def read_row_groups(
    file: parquet.ParquetFile, source: str, layout: Layout, groups: Sequence[int] | None = None
) -> SourceFrame:
    """Read some row groups of a Parquet file, all where none are named."""
    schema = file.schema_arrow
    names = _usable(schema.names, source, layout)
    nested = [name for name, in_file in names.items() if types.is_nested(schema.field(in_file).type)]
    if nested:
        raise ValueError(f"neither text nor numbers in the columns {', '.join(nested)}")
    chosen = range(file.num_row_groups) if groups is None else groups
    table = file.read_row_groups(list(chosen), columns=list(names.values()), use_threads=False)
    return _source_frame(table, names, layout, source)


def _usable(found: list[str], source: str, layout: Layout) -> dict[str, str]:
    """Return the name in the file of each column that the server can use.

    Raises
    ------
    SourceError: a needed column is missing
    """
    by_plain_name = {str(name).strip(): name for name in reversed(found)}
    columns = (*layout.needed, *layout.optional)
    by_column = {
        column: [by_plain_name[name] for name in layout.names_of(column) if name in by_plain_name] for column in columns
    }
    missing = [" or ".join(layout.names_of(column)) for column in layout.needed if not by_column[column]]
    if missing:
        shown = ascii(", ".join(str(name).strip() for name in found))[1:-1]
        shown = shown if len(shown) <= FOUND_SHOWN_CHARS else shown[:FOUND_SHOWN_CHARS] + "…"
        raise SourceError(f"{source}: missing needed columns {', '.join(missing)}; found: {shown}")
    return {column: names[0] for column, names in by_column.items() if names}


def _source_frame(table: pyarrow.Table, names: Mapping[str, str], layout: Layout, source: str) -> SourceFrame:
    plain = pyarrow.table({name: table.column(in_file) for name, in_file in names.items()})
    return SourceFrame(plain, frozenset(layout.optional).difference(names), source)
