"""Compressed files: how large they are unpacked, and how they are unpacked within bounds."""

import bz2
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping
from typing import IO, BinaryIO, cast

from pyarrow import parquet

from app.errors import SourceError
from app.table.sources.files import SourceFile, translate_read_errors
from app.table.sources.frame import PARSER_ERRORS

MIB = 1024 * 1024
PARQUET_MAGIC = b"PAR1"
LONGEST_MAGIC_BYTES = 8
GZIP_MAGIC, ZIP_MAGIC = b"\x1f\x8b", b"PK\x03\x04"
GZIP_SIZE_BYTES = 4  # at the end of the file: the size of its last part, modulo 4 GiB
MEMORY_SHARE = 0.5  # of the reader's memory: parsing needs as much again
HIGHEST_RATIO = 100  # of unpacked to packed bytes; CDC's table has 12, modelled ones up to 30
UNCHECKED_BYTES = 256 * MIB  # a file that unpacks to less may have any ratio
PARQUET_ROW_BYTES = 40  # at least, in memory: five needed columns of eight bytes


def _open_zip(content: IO[bytes]) -> IO[bytes]:
    archive = zipfile.ZipFile(content)
    names = archive.namelist()
    if len(names) != 1:
        raise ValueError(f"a ZIP archive must hold exactly one file, this one holds {len(names)}")
    return archive.open(names[0])


OPEN_PACKED: Mapping[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    GZIP_MAGIC: lambda content: cast("IO[bytes]", gzip.GzipFile(fileobj=content)),
    b"BZh": lambda content: cast("IO[bytes]", bz2.BZ2File(content)),
    b"\xfd7zXZ\x00": lambda content: cast("IO[bytes]", lzma.LZMAFile(content)),  # noqa: SIM115 - unpack closes it
    ZIP_MAGIC: _open_zip,
}


def unpack(content: bytes, display: str, memory: int) -> bytes:
    """Return the unpacked content of a compressed file, and any other content as it is.

    No size that the file tells is trusted: unpacking stops at the first byte over the limit.

    Parameters
    ----------
    display: the file for messages, without secrets
    memory: bytes that the reading process may use

    Raises
    ------
    SourceError: it unpacks to more than half of the memory, or to many times its size, as no table does
    """
    opened = next((opener for magic, opener in OPEN_PACKED.items() if content.startswith(magic)), None)
    if opened is None:
        return content
    by_memory, by_ratio = int(memory * MEMORY_SHARE), max(UNCHECKED_BYTES, HIGHEST_RATIO * len(content))
    limit = min(by_memory, by_ratio)
    with opened(io.BytesIO(content)) as stream:
        text = stream.read(limit + 1)
    if len(text) <= limit:
        return text
    because = f"over {HIGHEST_RATIO} times its size" if limit == by_ratio else too_much_memory(memory)
    raise SourceError(
        f"{display}: it unpacks to more than {limit / MIB:,.0f} MiB, {because}; if it is a table, unpack it and set "
        "STATS_DATA to the unpacked file, which Dask can read in blocks"
    )


def too_much_memory(memory: int) -> str:
    """Return the part of a message that compares a size with the memory."""
    return f"over {MEMORY_SHARE:.0%} of the {memory / MIB:,.0f} MiB of memory of the process that reads it"


def check_row_groups(metadata: parquet.FileMetaData, groups: Iterable[int], display: str, memory: int) -> None:
    """Check that row groups of a Parquet file, read at once, fit into memory.

    Raises
    ------
    SourceError: they do not
    """
    size = _parquet_size(metadata, groups)
    if size > memory * MEMORY_SHARE:
        raise SourceError(
            f"{display}: its row groups take at least {size / MIB:,.0f} MiB in memory, {too_much_memory(memory)}; set "
            "STATS_ENGINE=dask, which reads one after another, or write the table in smaller row groups"
        )


def unpacked_size(file: SourceFile) -> int:
    """Return the size of a file unpacked, as far as its format tells; at least its size as it is stored.

    Gzip, ZIP and Parquet tell it. The figure only chooses an engine: gzip's is modulo 4 GiB, and any may be wrong.
    Remote files and those that are not regular, such as pipes, are not opened: they count as stored.
    """
    if not (file.is_local and file.size):
        return file.size
    with translate_read_errors(file.display), file.open() as content:
        try:
            return max(file.size, _told_size(content))
        except PARSER_ERRORS:  # a damaged file; whoever reads it reports that
            return file.size


def _told_size(content: BinaryIO) -> int:
    magic = content.read(LONGEST_MAGIC_BYTES)
    if magic.startswith(GZIP_MAGIC):
        content.seek(-GZIP_SIZE_BYTES, os.SEEK_END)
        return int.from_bytes(content.read(GZIP_SIZE_BYTES), "little")
    if magic.startswith(ZIP_MAGIC):
        return sum(member.file_size for member in zipfile.ZipFile(content).infolist())
    if magic.startswith(PARQUET_MAGIC):
        metadata = parquet.ParquetFile(content).metadata
        return _parquet_size(metadata, range(metadata.num_row_groups))
    return 0


def _parquet_size(metadata: parquet.FileMetaData, groups: Iterable[int]) -> int:
    """Return the bytes of row groups, at least ``PARQUET_ROW_BYTES`` a row: a repeated value takes none in the file."""
    chosen = [metadata.row_group(group) for group in groups]
    return sum(max(group.total_byte_size, group.num_rows * PARQUET_ROW_BYTES) for group in chosen)
