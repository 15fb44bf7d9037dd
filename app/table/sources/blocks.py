"""Split files into blocks that can be read independently, so that a file need not fit into memory.

Parquet is split between row groups. CSV is split at line ends outside quotes, which takes one pass over the file. A
compressed file is a single block, because it can only be read from its start; so are SAS transport files, and files on
a web server without support for ranges.
"""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pyarrow import parquet

from app.process.cores import memory_bytes
from app.table.sources.files import SourceFile, translate_read_errors
from app.table.sources.frame import SourceFrame, translate_parser_errors
from app.table.sources.parser import (
    LONGEST_LINE_BYTES,
    NEVER_CLOSED,
    QUOTE,
    Layout,
    check_not_blank,
    count_byte,
    read_row_groups,
    read_source,
    read_transport,
)
from app.table.sources.transport import TRANSPORT_MAGIC
from app.table.sources.unpacking import LONGEST_MAGIC_BYTES, OPEN_PACKED, PARQUET_MAGIC

BLOCK_BYTES = 32 * 1024 * 1024  # of CSV; reading a block takes several times that in memory
BLOCK_ROWS = 1_000_000  # of Parquet, unless a single row group has more
NO_LINE_END = f"a line is longer than {LONGEST_LINE_BYTES} bytes, or a quotation mark is never closed"


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a file that can be read independently.

    Parameters
    ----------
    file: the file
    size: the block's share of the file's bytes
    span: start and stop of its bytes in a CSV file; None for the whole file
    header: the file's first line, to be put before these bytes
    row_groups: its row groups in a Parquet file; None for CSV
    """

    file: SourceFile
    size: int
    span: tuple[int, int] | None = None
    header: bytes = b""
    row_groups: tuple[int, ...] | None = None


def split_file(file: SourceFile, block_bytes: int = BLOCK_BYTES, block_rows: int = BLOCK_ROWS) -> Iterator[Block]:
    """Yield the blocks of a file in order; at least one.

    Raises
    ------
    SourceError: the file cannot be read, is empty, or is not a table
    """
    with translate_read_errors(file.display), file.open() as content, translate_parser_errors(file.display):
        if not (file.is_local or _supports_ranges(content)):
            yield Block(file, file.size)
            return
        magic = content.read(max(LONGEST_MAGIC_BYTES, len(TRANSPORT_MAGIC)))
        content.seek(0)
        if magic.startswith(PARQUET_MAGIC):
            yield from _split_parquet(file, content, block_rows)
        elif magic.startswith((*OPEN_PACKED, TRANSPORT_MAGIC)):
            yield Block(file, file.size)
        else:
            yield from _split_csv(file, content, block_bytes)


def _supports_ranges(content: BinaryIO) -> bool:
    """Return whether a remote file can be read from any position, by reading its last byte; rewind it."""
    try:
        content.seek(-1, os.SEEK_END)
        content.read(1)
    except ValueError:  # from fsspec, if the server does not support ranges or the file is empty
        return False
    content.seek(0)
    return True


def read_block(block: Block, layout: Layout, memory: int | None = None) -> SourceFrame:
    """Read one block.

    Parameters
    ----------
    memory: bytes that this process may use; all that the machine has by default

    Raises
    ------
    SourceError: it cannot be read, does not have the columns of the layout, or does not fit into the memory
    """
    memory = memory_bytes() if memory is None else memory
    display = block.file.display
    if block.row_groups is not None:
        with translate_read_errors(display), block.file.open() as opened, translate_parser_errors(display):
            return read_row_groups(parquet.ParquetFile(opened), display, layout, memory, block.row_groups)
    if block.span is None:
        if block.file.is_local and (frame := _read_transport(block.file, layout)) is not None:
            return frame
        content = block.file.content()
        check_not_blank(content, display)
        return read_source(content, display, layout, memory)
    start, stop = block.span
    with translate_read_errors(display), block.file.open() as opened:
        opened.seek(start)
        lines = opened.read(stop - start)
    return read_source(block.header + lines, display, layout)


def _read_transport(file: SourceFile, layout: Layout) -> SourceFrame | None:
    """Read a SAS transport file without holding all of its bytes; None if it is another file."""
    with translate_read_errors(file.display), file.open() as opened:
        if opened.read(len(TRANSPORT_MAGIC)) != TRANSPORT_MAGIC:
            return None
        opened.seek(0)
        return read_transport(opened, file.display, layout)


def _split_parquet(file: SourceFile, content: BinaryIO, block_rows: int) -> Iterator[Block]:
    metadata = parquet.ParquetFile(content).metadata
    groups: list[int] = []
    rows = 0
    for number in range(metadata.num_row_groups):
        group_rows = metadata.row_group(number).num_rows
        if groups and rows + group_rows > block_rows:
            yield _parquet_block(file, groups, metadata.num_row_groups)
            groups, rows = [], 0
        groups.append(number)
        rows += group_rows
    yield _parquet_block(file, groups, metadata.num_row_groups)


def _parquet_block(file: SourceFile, groups: list[int], groups_in_file: int) -> Block:
    if not groups:
        return Block(file, file.size, row_groups=())
    size = file.size * (groups[-1] + 1) // groups_in_file - file.size * groups[0] // groups_in_file
    return Block(file, size, row_groups=tuple(groups))


def _split_csv(file: SourceFile, content: BinaryIO, block_bytes: int) -> Iterator[Block]:
    start, rest, header = 0, b"", b""
    while chunk := content.read(block_bytes):
        rest += chunk
        length = last_line_end(rest)
        if not start and length:
            check_not_blank(rest, file.display)
            header = _first_line(rest)
        if length:
            yield Block(file, length, (start, start + length), header if start else b"")
            start, rest = start + length, rest[length:]
        elif len(rest) > block_bytes + LONGEST_LINE_BYTES:
            raise ValueError(NO_LINE_END)
    if not start:
        check_not_blank(rest, file.display)
    if count_byte(rest, QUOTE) % 2:
        rest.decode()  # binary data gets the message about UTF-8 instead
        raise ValueError(NEVER_CLOSED)
    if rest or not start:
        yield Block(file, len(rest), (start, start + len(rest)), header)


def last_line_end(text: bytes) -> int:
    """Return the position after the last line end outside quotes, 0 if there is none.

    Parameters
    ----------
    text: begins outside quotes; may end anywhere
    """
    end, inside = len(text), count_byte(text, QUOTE) % 2 == 1
    while (position := text.rfind(b"\n", 0, end)) >= 0:
        inside ^= text.count(QUOTE, position, end) % 2 == 1
        if not inside:
            return position + 1
        end = position
    return 0


def _first_line(text: bytes) -> bytes:
    """Return the header line; a quoted column name may hold line ends."""
    lines = io.BytesIO(text)
    line = lines.readline()
    while line.count(QUOTE) % 2:
        line += lines.readline()
    return line
