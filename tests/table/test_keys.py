"""Keys of several columns of codes, against plain sets of tuples."""

import numpy as np
import pytest

from app.table.keys import distinct_keys, sum_by_key

FEW = [[2, 0, 2, 1, 0], [-1, 3, -1, 3, 3]]
FAR_APART = [[2**61, -5, 2**61, 0, -5], [7, 2**40, 7, 0, 2**40], [-(2**60), 9, -(2**60), 9, 9]]


@pytest.mark.parametrize("rows", [FEW, FAR_APART, [[3, 1, 3]], [[], []]])
def test_distinct_keys_are_sorted_and_each_row_knows_the_position_of_its_key(rows: list[list[int]]) -> None:
    keys, key_of_row = distinct_keys([np.array(column, dtype=np.int64) for column in rows])
    tuples = list(zip(*rows, strict=True))
    assert list(zip(*(column.tolist() for column in keys), strict=True)) == sorted(set(tuples))
    assert [sorted(set(tuples))[position] for position in key_of_row.tolist()] == tuples


def test_a_sum_by_key_has_an_entry_for_every_key() -> None:
    assert sum_by_key(np.array([2, 0, 2]), 4, np.array([1.5, 2.0, 3.0])).tolist() == [2.0, 0.0, 4.5, 0.0]
