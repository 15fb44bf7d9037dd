"""The identity of a table: the SHA-256 of its cells and of the names that their codes stand for."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import fields

import numpy as np
import orjson

from app.table.cells import Cells
from app.table.question import QuestionData

FORM = "health statistics table 1"  # of what is hashed


def table_id(names: Sequence[object], questions: Sequence[QuestionData]) -> str:
    """Return the id of a table: 64 hexadecimal digits.

    Equal cells under equal names have equal ids, whatever the file that they were read from and the order of its rows.

    Parameters
    ----------
    names: what the codes in the cells stand for, JSON-ready
    """
    about = [[data.question, data.conflict, [each.rows.size for each in _cells_of(data)]] for data in questions]
    digest = hashlib.sha256(orjson.dumps([FORM, names, about]))
    for data in questions:
        for cells in _cells_of(data):
            for part in _plain_bytes(cells):
                digest.update(part)
    return digest.hexdigest()


def _cells_of(data: QuestionData) -> tuple[Cells, ...]:
    return (data.cells,) if data.standardized is None else (data.cells, data.standardized)


def _plain_bytes(cells: Cells) -> Iterator[bytes]:
    """Yield the bytes of each array; equal numbers have equal bytes: there is one zero, and one NaN."""
    for field in fields(cells):
        array = getattr(cells, field.name)
        if array.dtype.kind == "f":
            array = array + 0.0
            array[np.isnan(array)] = np.nan
        yield np.ascontiguousarray(array).tobytes()
