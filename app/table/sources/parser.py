"""Parse the bytes of a file into columns: CSV and SAS transport files, plain or compressed, and Parquet."""

import csv as plain_csv
import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import pyarrow
from pyarrow import compute, csv, parquet, types

from app.errors import SourceError
from app.process.cores import memory_bytes
from app.table.sources.frame import SourceFrame, translate_parser_errors
from app.table.sources.transport import TRANSPORT_MAGIC, TransportFile
from app.table.sources.unpacking import PARQUET_MAGIC, check_row_groups, unpack

NEEDED = ("LocationDesc", "Question", "Data_Value", "StratificationCategory1", "Stratification1")
# What tells rows of one location, question, year and stratum apart, in tables that publish several figures for these.
VARIANT_COLUMNS = ("Data_Value_Type", "Data_Value_Unit", "Response")
STRATUM_COLUMNS = tuple((f"StratificationCategory{number}", f"Stratification{number}") for number in (1, 2, 3))
OPTIONAL = (
    "YearStart",
    "YearEnd",
    "LocationAbbr",
    "Datasource",
    "QuestionID",
    "Class",
    "Data_Value_Footnote_Symbol",
    "Data_Value_Footnote",
    "Low_Confidence_Limit",
    "High_Confidence_Limit",
    "Sample_Size",
    "GeographicLevel",
    *VARIANT_COLUMNS,
    *(name for pair in STRATUM_COLUMNS[1:] for name in pair),
)
NUMBERS = ("Data_Value", "Low_Confidence_Limit", "High_Confidence_Limit", "Sample_Size")
BLOCK_BYTES = 1024 * 1024  # parsed at once; larger blocks do not stay in the processor's cache
LONGEST_LINE_BYTES = 16 * 1024 * 1024
QUOTE, LINE_END = ord('"'), ord("\n")
NEVER_CLOSED = "a quotation mark is never closed"
LONGEST_HEADER_CHARS = 300
BLANK_PREFIX_BYTES = 4096  # only a file that begins with so many blank bytes is searched as a whole


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that a source should have.

    Names of columns match whatever their case.

    Parameters
    ----------
    needed: columns without which a source is refused
    optional: columns that are used when present
    numbers: columns that usually hold a number or nothing in each field of CSV
    other_names: further names of a column; the first one that a file has is used
    name: for the report of the table
    marks: columns of which only files of this layout have one
    others: layouts to use instead for the files that have one of their marks
    """

    needed: tuple[str, ...]
    optional: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    other_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    name: str = ""
    marks: tuple[str, ...] = ()
    others: tuple["Layout", ...] = ()

    def of_file(self, header: Sequence[str]) -> "Layout":
        """Return the layout of a file with this header."""
        columns = set(map(plain_name, header))
        return next((other for other in self.others if columns & set(map(plain_name, other.marks))), self)

    def names_of(self, column: str) -> tuple[str, ...]:
        """Return the possible names of a column in a file, the preferred one first."""
        return (column, *self.other_names.get(column, ()))


SURVEY_LAYOUT = Layout(NEEDED, OPTIONAL, NUMBERS)


def plain_name(column: object) -> str:
    """Return a column's name without what does not matter: spaces around it, and its case."""
    return str(column).strip().casefold()


def read_source(content: bytes, source: str, layout: Layout = SURVEY_LAYOUT, memory: int | None = None) -> SourceFrame:
    """Read the needed columns, and the optional ones that the file has.

    The order of the columns, spaces around a name, its case and a byte-order mark do not matter.

    Parameters
    ----------
    content: the file's bytes
    source: the file's path or address for messages, without secrets
    layout: the columns to read
    memory: bytes that this process may use; all that the machine has by default

    Raises
    ------
    SourceError: the bytes are not a table, a needed column is missing, or unpacked they do not fit into the memory
    """
    memory = memory_bytes() if memory is None else memory
    with translate_parser_errors(source):
        if content.startswith(PARQUET_MAGIC):
            return read_row_groups(parquet.ParquetFile(io.BytesIO(content)), source, layout, memory)
        unpacked = unpack(content, source, memory)
        if unpacked.startswith(TRANSPORT_MAGIC):
            return read_transport(io.BytesIO(unpacked), source, layout)
        return _read_csv(unpacked, source, layout)


def check_not_blank(content: bytes, display: str) -> None:
    """Check that a file holds more than whitespace.

    Raises
    ------
    SourceError: it does not
    """
    if not content[:BLANK_PREFIX_BYTES].strip() and not content.strip():
        raise SourceError(f"{display}: the file is empty; expected a table with a header line")


def _read_csv(text: bytes, source: str, layout: Layout) -> SourceFrame:
    """Read CSV in UTF-8. Text fields are not converted (ids keep leading zeros); a ragged line is an error.

    Number columns are parsed as numbers first, which takes half the time. If one of them holds anything else, all are
    parsed again as text, because the reduction decides what an odd field means, not the parser.
    """
    if not text.isascii():  # isascii is faster than decode, and most tables are ASCII
        text.decode()  # raises UnicodeDecodeError; Arrow skips this check, see below
    if not text.endswith(b"\n"):
        text += b"\n"  # Arrow refuses a header that is not a whole line
    with ThreadPoolExecutor(1) as second_thread:  # NumPy counts without holding the interpreter's lock
        quotes, lines = second_thread.submit(count_byte, text, QUOTE), count_byte(text, LINE_END)
    if quotes.result() % 2:
        raise ValueError(NEVER_CLOSED)
    header = _header(text)
    layout = layout.of_file(header)
    names = _names_in_file(header, source, layout)
    texts = dict.fromkeys(names.values(), pyarrow.dictionary(pyarrow.int32(), pyarrow.string()))
    numbers = {names[name]: pyarrow.float64() for name in layout.numbers if name in names}
    try:
        table = _parse_columns(text, lines, {**texts, **numbers}, BLOCK_BYTES)
    except ValueError:
        table = _parse_columns(text, lines, texts, LONGEST_LINE_BYTES)
    return _source_frame(table, names, layout, source)


def count_byte(text: bytes, byte: int) -> int:
    """Count a byte, block by block; ``bytes.count`` takes three times as long when there are many."""
    characters = np.frombuffer(text, dtype=np.uint8)
    blocks = range(0, len(text), BLOCK_BYTES)
    return sum(int(np.count_nonzero(characters[start : start + BLOCK_BYTES] == byte)) for start in blocks)


def _parse_columns(
    text: bytes, lines: int, types_by_column: Mapping[str, pyarrow.DataType], block_bytes: int
) -> pyarrow.Table:
    """Parse the given columns; an empty field is null.

    Parameters
    ----------
    lines: how many line ends the text has

    Raises
    ------
    ValueError: a line is ragged, or longer than a block, or a field does not have the type of its column
    """
    try:
        table = _parse_csv(text, types_by_column, block_bytes, lines_in_values=False)
        each_line_is_a_row = table.num_rows + 1 == lines
    except ValueError:
        each_line_is_a_row = False
    if not each_line_is_a_row:  # a blank line, or a line end inside a quoted field
        table = _parse_csv(text, types_by_column, block_bytes, lines_in_values=True)
    for name, kind in types_by_column.items():
        if types.is_floating(kind) and compute.any(compute.is_nan(table.column(name))).as_py():
            raise ValueError(f"the column {name} has a field that is written NaN")
    return table


def _parse_csv(
    text: bytes, types_by_column: Mapping[str, pyarrow.DataType], block_bytes: int, *, lines_in_values: bool
) -> pyarrow.Table:
    """Parse the given columns of UTF-8 text on all cores; twice as fast without ``lines_in_values``."""
    return csv.read_csv(
        pyarrow.BufferReader(text),
        read_options=csv.ReadOptions(block_size=block_bytes),
        parse_options=csv.ParseOptions(newlines_in_values=lines_in_values),
        convert_options=csv.ConvertOptions(
            include_columns=list(types_by_column), column_types=types_by_column, null_values=[""], check_utf8=False
        ),
    )


def _header(text: bytes) -> list[str]:
    """Return the column names as the file writes them."""
    lines = io.TextIOWrapper(io.BytesIO(text), encoding="utf-8-sig", newline="")
    return next(plain_csv.reader(lines, strict=True))


def read_row_groups(
    file: parquet.ParquetFile, source: str, layout: Layout, memory: int, groups: Sequence[int] | None = None
) -> SourceFrame:
    """Read row groups of a Parquet file, all of them by default, if they fit into ``memory`` bytes."""
    schema = file.schema_arrow
    layout = layout.of_file(schema.names)
    names = _names_in_file(schema.names, source, layout)
    nested = [name for name, in_file in names.items() if types.is_nested(schema.field(in_file).type)]
    if nested:
        raise ValueError(f"expected text or numbers in the columns {', '.join(nested)}")
    chosen = range(file.num_row_groups) if groups is None else groups
    check_row_groups(file.metadata, chosen, source, memory)
    table = file.read_row_groups(list(chosen), columns=list(dict.fromkeys(names.values())), use_threads=False)
    return _source_frame(table, names, layout, source)


def read_transport(content: BinaryIO, source: str, layout: Layout) -> SourceFrame:
    """Read an open SAS transport file, some rows at a time."""
    with translate_parser_errors(source):
        file = TransportFile(content)
        names = _names_in_file(file.columns, source, layout)
        return _source_frame(file.read(list(names.values())), names, layout, source)


def _names_in_file(header: list[str], source: str, layout: Layout) -> dict[str, str]:
    """Return the name in the file of each column of the layout that the file has.

    Raises
    ------
    SourceError: a needed column is missing
    """
    by_plain_name = {plain_name(name): name for name in reversed(header)}  # of equal names the first counts
    by_column = {
        column: [by_plain_name[name] for name in map(plain_name, layout.names_of(column)) if name in by_plain_name]
        for column in (*layout.needed, *layout.optional)
    }
    missing = [" or ".join(layout.names_of(column)) for column in layout.needed if not by_column[column]]
    if missing:
        found = ascii(", ".join(str(name).strip() for name in header))[1:-1]
        found = found if len(found) <= LONGEST_HEADER_CHARS else found[:LONGEST_HEADER_CHARS] + "…"
        raise SourceError(f"{source}: missing needed columns {', '.join(missing)}; found: {found}")
    return {column: names[0] for column, names in by_column.items() if names}


def _source_frame(table: pyarrow.Table, names: Mapping[str, str], layout: Layout, source: str) -> SourceFrame:
    plain = pyarrow.table({name: table.column(in_file) for name, in_file in names.items()})
    return SourceFrame(plain, frozenset(layout.optional).difference(names), source, dict(names), layout.name)
