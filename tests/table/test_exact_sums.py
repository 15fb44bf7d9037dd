"""Means are those of correctly rounded sums, as math.fsum gives them: on any rows, in any order, by either reader."""

import csv
import gzip
import io
import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.table.cells import split_values
from app.table.survey_table import SurveyTable
from support.real_server import BUNDLED_TABLE, PROJECT_ROOT
from support.survey_files import csv_text, row, write
from support.two_readers import Read, cluster_of

pytest.importorskip("distributed", reason="Dask is not installed: make dask")

CDC_TABLE = PROJECT_ROOT.parent / "shared" / "data" / "cdc_2011_2021.csv.gz"
PERCENTAGES = st.floats(0, 100).map(lambda value: round(value, 1)) | st.floats(0.0625, 100)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with cluster_of(2) as client:
        yield client


@given(st.lists(PERCENTAGES, min_size=1, max_size=200), st.randoms(use_true_random=False))
def test_the_sums_of_both_parts_add_up_to_the_exact_sum_in_any_order(values: list[float], order: random.Random) -> None:
    exact = math.fsum(values)
    assert float(sum(map(Fraction, values))) == exact
    for _ in range(3):
        order.shuffle(values)
        coarse, rest = split_values(np.array(values))
        assert (coarse + rest).tolist() == values
        assert float(coarse.sum() + rest.sum()) == exact
        assert float(np.cumsum(coarse)[-1] + np.cumsum(rest)[-1]) == exact


def expected_means(path: Path) -> dict[str, dict[str, float]]:
    """Return the mean of each location by question, of all its rows with a value, from correctly rounded sums."""
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in csv.DictReader(io.StringIO(text)):
        if line["Data_Value"]:
            values[line["Question"]][line["LocationDesc"]].append(float(line["Data_Value"]))
    return {
        question: {place: math.fsum(found) / len(found) for place, found in of_places.items()}
        for question, of_places in values.items()
    }


def means_of(table: SurveyTable) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Yield each question of a table with the mean of each location."""
    for data in table.questions:
        means = data.means.by_location
        names = [table.location_names[code] for code in means.locations.tolist()]
        yield data.question.text, dict(zip(names, means.means.tolist(), strict=True))


@pytest.mark.parametrize("path", [BUNDLED_TABLE, CDC_TABLE], ids=["bundled", "CDC"])
def test_the_means_of_a_table_are_bit_for_bit_those_of_exact_sums(read: Read, path: Path) -> None:
    if not path.exists():
        pytest.skip("the CDC table lies in ../shared/data")
    assert dict(means_of(read(path))) == expected_means(path)


def test_the_order_of_rows_makes_no_difference(read: Read, tmp_path: Path) -> None:
    rows = [row(Data_Value=f"{value / 10:.1f}", YearStart=2011) for value in range(1, 999, 7)]
    means = []
    for number in range(3):
        random.Random(number).shuffle(rows)
        folder = tmp_path / str(number)
        folder.mkdir()
        means.append(list(means_of(read(write(folder, csv_text(rows))))))
    assert means[0] == means[1] == means[2]
