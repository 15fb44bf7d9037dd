"""Identifiers of strata, units and respondents as integers that are the same in every part of a source."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from app.table.cells import Codes, Mask, Values
from app.table.sources.frame import SourceFrame
from app.table.usable_rows import parse_numbers

LARGEST_WHOLE = 2**53  # floats hold every whole number below
DIGEST_BYTES = 8
UNUSED_BITS = 3  # so that identifiers stay below 2**62, whose sums do not overflow


def parse_identifiers(frame: SourceFrame, column: str) -> tuple[Codes, Mask]:
    """Return the identifier in each field, or 0, and whether the field has one.

    A whole number is its own identifier, also with leading zeros or as a float. Other text is hashed, because the parts
    of a source are read in different processes, which share no list of names: among a million texts the chance that
    any two have the same hash is one in four million. A number that is not whole is not an identifier.
    """
    numbers, is_whole = parse_whole_numbers(frame, column)
    if is_whole.all() or frame.is_number(column):
        return numbers, is_whole
    field_of_row, fields = frame.distinct(column)
    texts = [str(field).strip() for field in fields]
    named = np.array([*(bool(text) and not _is_number(text) for text in texts), False])  # the last is for no field
    hashes = np.array([*map(_hash, texts), 0], dtype=np.int64)
    is_text = named[field_of_row]
    return np.where(is_text, hashes[field_of_row], numbers), is_whole | is_text


def identifier_of(text: str) -> int:
    """Return the identifier of a field with this text."""
    return int(text) if text.strip().removeprefix("-").isdecimal() else _hash(text.strip())


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).digest()
    return LARGEST_WHOLE + (int.from_bytes(digest) >> UNUSED_BITS)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def parse_whole_numbers(frame: SourceFrame, column: str) -> tuple[Codes, Mask]:
    """Return the whole number in each field, or 0, and whether the field has one."""
    if frame.is_number(column):
        values = frame.numbers(column)
        if np.issubdtype(values.dtype, np.integer):
            return values.astype(np.int64, copy=False), np.ones(frame.rows, dtype=np.bool_)
    numbers = parse_numbers(frame, column)[0]
    return to_integers(numbers, 0), _is_whole(numbers)


def to_integers(values: NDArray[np.generic], default: int) -> Codes:
    """Convert whole numbers to integers, and all others to the default."""
    if np.issubdtype(values.dtype, np.integer):
        return values.astype(np.int64)
    numbers = values.astype(np.float64)
    return np.where(_is_whole(numbers), numbers, default).astype(np.int64)


def _is_whole(numbers: Values) -> Mask:
    with np.errstate(invalid="ignore"):
        whole: Mask = (np.abs(numbers) < LARGEST_WHOLE) & (np.floor(numbers) == numbers)  # False for NaN
    return whole
