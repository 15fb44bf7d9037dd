"""``SourceFrame`` with columns of all types that files have."""

from typing import Any

import numpy as np
import pyarrow
import pytest

from app.table.sources.frame import SourceFrame
from support.survey_files import fields_of

TEXTS = ["b", None, "a", "b", ""]
ENCODED = pyarrow.array(TEXTS).dictionary_encode()


def frame_of_column(column: pyarrow.Array | pyarrow.ChunkedArray) -> SourceFrame:
    return SourceFrame(pyarrow.table({"column": column}))


@pytest.mark.parametrize(
    "column",
    [
        pyarrow.array(TEXTS),
        pyarrow.array(TEXTS, pyarrow.large_string()),
        ENCODED,
        *(ENCODED.cast(pyarrow.dictionary(kind, pyarrow.string())) for kind in (pyarrow.int8(), pyarrow.int64())),
        pyarrow.DictionaryArray.from_arrays(pyarrow.array([0, None, 1, 0, 2], pyarrow.uint16()), ["b", "a", ""]),
        pyarrow.chunked_array(
            [pyarrow.array(TEXTS[:2]).dictionary_encode(), pyarrow.array(TEXTS[2:]).dictionary_encode()]
        ),
    ],
    ids=lambda column: str(column.type),
)
def test_distinct_fields_are_the_same_in_every_type_of_text(column: Any) -> None:
    frame = frame_of_column(column)
    assert fields_of(frame, "column") == TEXTS
    codes, fields = frame.distinct("column")
    assert codes.dtype == np.int64
    assert sorted(fields) == ["", "a", "b"]
    assert not frame.is_number("column")


@pytest.mark.parametrize(
    "column", [pyarrow.array([], pyarrow.string()), ENCODED[:0], pyarrow.chunked_array([], ENCODED.type)]
)
def test_a_column_without_rows_has_no_fields(column: Any) -> None:
    assert fields_of(frame_of_column(column), "column") == []


@pytest.mark.parametrize(
    ("values", "kind", "is_number"),
    [
        ([1.5, None], pyarrow.float64(), True),
        ([1.5, None], pyarrow.float32(), True),
        ([7, 8], pyarrow.int64(), True),
        ([7, 8], pyarrow.uint8(), True),
        ([7, None], pyarrow.int64(), False),
        ([True, False], pyarrow.bool_(), False),
        (["7", "8"], pyarrow.string(), False),
    ],
)
def test_integers_with_nulls_are_not_numbers(values: list[Any], kind: pyarrow.DataType, is_number: bool) -> None:
    frame = frame_of_column(pyarrow.array(values, kind))
    assert frame.is_number("column") == is_number
    assert fields_of(frame, "column") == [None if value is None else str(value) for value in values]
    if is_number:
        expected = [np.nan if value is None else value for value in values]
        np.testing.assert_array_equal(frame.numbers("column"), expected)
