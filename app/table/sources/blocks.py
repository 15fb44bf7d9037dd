"""Files cut into blocks, each of which is read by itself, so that a file need not fit into memory.

Parquet is cut between row groups. CSV is cut at line ends that are not inside quotes, for which the file is gone
through once. A compressed file is one block, as it can only be read from its start, and so is one whose web server
sends no parts of files.
"""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pyarrow import parquet

from app.table.sources.files import SourceFile, reachable
from app.table.sources.frame import SourceFrame, readable
from app.table.sources.parser import (
    DECOMPRESS,
    LONGEST_LINE_BYTES,
    NEVER_CLOSED,
    PARQUET_MAGIC,
    QUOTE,
    Layout,
    check_not_blank,
    count_byte,
    read_row_groups,
    read_source,
)

BLOCK_BYTES = 32 * 1024 * 1024  # of CSV; reading it takes several times that of memory
BLOCK_ROWS = 1_000_000  # of Parquet, where its row groups are not larger
LONGEST_MAGIC_BYTES = 8
NO_LINE_ENDS = f"no line ends in {LONGEST_LINE_BYTES} bytes, or a quotation mark is never closed"


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a file that is read by itself.

    Parameters
    ----------
    file: where it is
    size: its share of the bytes of the file
    span: the bytes of CSV from one place to another; None for the whole file
    header: what goes before these bytes: the first line of the file
    row_groups: those of a Parquet file; None for a file that is none
    """

    file: SourceFile
    size: int
    span: tuple[int, int] | None = None
    header: bytes = b""
    row_groups: tuple[int, ...] | None = None


def cut(file: SourceFile, block_bytes: int = BLOCK_BYTES, block_rows: int = BLOCK_ROWS) -> Iterator[Block]:
    """Yield the blocks of a file in their order; at least one.

    Raises
    ------
    SourceError: the file cannot be read, is empty, or is no table
    """
    with reachable(file.shown), file.open() as content, readable(file.shown):
        if not (file.is_local or _sent_in_parts(content)):
            yield Block(file, file.size)
            return
        magic = content.read(LONGEST_MAGIC_BYTES)
        content.seek(0)
        if magic.startswith(PARQUET_MAGIC):
            yield from _cut_parquet(file, content, block_rows)
        elif magic.startswith(tuple(DECOMPRESS)):
            yield Block(file, file.size)
        else:
            yield from _cut_csv(file, content, block_bytes)


def _sent_in_parts(content: BinaryIO) -> bool:
    """Tell whether a file elsewhere can be read from any place, by asking for its last byte; leave it at its first."""
    try:
        content.seek(-1, os.SEEK_END)
        content.read(1)
    except ValueError:  # what fsspec says of web servers, and of files without a byte
        return False
    content.seek(0)
    return True


def read_block(block: Block, layout: Layout) -> SourceFrame:
    """Read one block.

    Raises
    ------
    SourceError: it cannot be read, or is no part of such a table
    """
    shown = block.file.shown
    if block.row_groups is not None:
        with reachable(shown), block.file.open() as opened, readable(shown):
            return read_row_groups(parquet.ParquetFile(opened), shown, layout, block.row_groups)
    if block.span is None:
        content = block.file.content()
        check_not_blank(content, shown)
        return read_source(content, shown, layout)
    start, stop = block.span
    with reachable(shown), block.file.open() as opened:
        opened.seek(start)
        lines = opened.read(stop - start)
    return read_source(block.header + lines, shown, layout)


def _cut_parquet(file: SourceFile, content: BinaryIO, block_rows: int) -> Iterator[Block]:
    about = parquet.ParquetFile(content).metadata
    groups: list[int] = []
    rows = 0
    for number in range(about.num_row_groups):
        of_group = about.row_group(number).num_rows
        if groups and rows + of_group > block_rows:
            yield _groups_block(file, groups, about.num_row_groups)
            groups, rows = [], 0
        groups.append(number)
        rows += of_group
    yield _groups_block(file, groups, about.num_row_groups)


def _groups_block(file: SourceFile, groups: list[int], of_all: int) -> Block:
    if not groups:
        return Block(file, file.size, row_groups=())
    size = file.size * (groups[-1] + 1) // of_all - file.size * groups[0] // of_all
    return Block(file, size, row_groups=tuple(groups))


def _cut_csv(file: SourceFile, content: BinaryIO, block_bytes: int) -> Iterator[Block]:
    start, waiting, header = 0, b"", b""
    while chunk := content.read(block_bytes):
        waiting += chunk
        length = last_line_end(waiting)
        if not start and length:
            check_not_blank(waiting, file.shown)
            header = _first_line(waiting)
        if length:
            yield Block(file, length, (start, start + length), header if start else b"")
            start, waiting = start + length, waiting[length:]
        elif len(waiting) > block_bytes + LONGEST_LINE_BYTES:
            raise ValueError(NO_LINE_ENDS)
    if not start:
        check_not_blank(waiting, file.shown)
    if count_byte(waiting, QUOTE) % 2:
        waiting.decode()  # what is no text at all is told as such
        raise ValueError(NEVER_CLOSED)
    if waiting or not start:
        yield Block(file, len(waiting), (start, start + len(waiting)), header)


def last_line_end(text: bytes) -> int:
    """Return the place behind the last line end that is not inside quotes, 0 where there is none.

    Parameters
    ----------
    text: begins outside quotes; may end anywhere
    """
    end, inside = len(text), count_byte(text, QUOTE) % 2 == 1
    while (place := text.rfind(b"\n", 0, end)) >= 0:
        inside ^= text.count(QUOTE, place, end) % 2 == 1
        if not inside:
            return place + 1
        end = place
    return 0


def _first_line(text: bytes) -> bytes:
    """Return the header with its line end, which may hold line ends inside quotes."""
    lines = io.BytesIO(text)
    line = lines.readline()
    while line.count(QUOTE) % 2:
        line += lines.readline()
    return line
