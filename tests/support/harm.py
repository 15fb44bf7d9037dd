"""Harm to a results folder: flipped bits, cut and deleted files; and what a journal's lines say."""

import json
import os
import random
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RECORD = re.compile(rb'"(accepted|ended|removed)":\s*([0-9]+)')
JOURNAL = "journal.jsonl"
TABLES = "tables"
SET_ASIDE = "journal.damaged-*"

Record = tuple[str, int]


def record_of(line: bytes) -> Record | None:
    """Return what a line of a journal records, and of which job; None for a line of another kind."""
    match = RECORD.search(line)
    return (match[1].decode(), int(match[2])) if match else None


def records_of(lines: Iterable[bytes]) -> set[Record]:
    """Return what the lines of a journal record."""
    return {record for record in map(record_of, lines) if record is not None}


@dataclass
class JournalState:
    """What a journal says at the death of its server.

    Parameters
    ----------
    records: what its undamaged lines record
    damaged: what its damaged lines recorded
    lines_lost: whether lines may be missing because a test has cut or deleted the file
    """

    records: set[Record] = field(default_factory=set)
    damaged: set[Record] = field(default_factory=set)
    lines_lost: bool = False


def read_lines(results: Path) -> list[bytes]:
    """Return the whole lines of a folder's journal; none if it is missing."""
    try:
        content = (results / JOURNAL).read_bytes()
    except FileNotFoundError:
        return []
    return content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]


def checked_line(record: Mapping[str, Any]) -> bytes:
    """Return a record as a line of the journal, which ends with the CRC-32 of the rest."""
    content = json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()
    return b'%b,"crc":%d}\n' % (content[:-1], zlib.crc32(content))


def result_path(results: Path, number: int) -> Path:
    """Return the path of a job's result file."""
    return results / f"job_id_{number}.json"


def flip_bit(path: Path, position: int, bit: int) -> None:
    """Flip a bit of a file in place, so that its inode and its hard links stay."""
    with path.open("r+b") as file:
        file.seek(position)
        (byte,) = file.read(1)
        file.seek(position)
        file.write(bytes([byte ^ (1 << bit)]))


def flip_digit(path: Path, chance: random.Random) -> None:
    """Flip the lowest bit of a digit of a result's data in place: the file stays valid JSON and is wrong."""
    content = path.read_bytes()
    digits = [place for place, byte in enumerate(content) if chr(byte).isdigit() and place > content.find(b'"data"')]
    flip_bit(path, chance.choice(digits), 0)


def flip_bit_of_line(results: Path, number: int, chance: random.Random) -> bytes:
    """Flip a bit of a line of the journal in place, given by its number from 0; return the line as it is then."""
    lines = read_lines(results)
    place = chance.randrange(len(lines[number]))
    bits = [bit for bit in range(8) if lines[number][place] ^ (1 << bit) != ord("\n")]
    bit = chance.choice(bits)
    flip_bit(results / JOURNAL, sum(len(line) + 1 for line in lines[:number]) + place, bit)
    line = bytearray(lines[number])
    line[place] ^= 1 << bit
    return bytes(line)


def cut(path: Path, bytes_kept: int) -> None:
    """Cut a file in place, so that its inode stays."""
    os.truncate(path, bytes_kept)
