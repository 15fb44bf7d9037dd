"""The tool writes the requested number of records, reproducibly, one row group at a time."""

from pathlib import Path

import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

from tools import make_respondents
from tools.make_respondents import FACTS_FILE, GROUPS_PER_FILE, Generator, read_survey, write_records


def records(files: list[Path]) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)


def test_records_are_split_into_files_of_several_row_groups(tmp_path: Path) -> None:
    files = write_records(tmp_path, rows=5050, seed=1, rows_per_group=300)
    sizes = [parquet.read_metadata(file) for file in files]
    assert [size.num_rows for size in sizes] == [2400, 2400, 250]
    assert [size.num_row_groups for size in sizes] == [GROUPS_PER_FILE, GROUPS_PER_FILE, 1]
    assert sorted(tmp_path.iterdir()) == files
    frame = records(files)
    assert frame["respondent"].tolist() == list(range(5050))
    assert frame[["year", "location"]].apply(tuple, axis=1).is_monotonic_increasing


def test_records_depend_on_the_seed_only(tmp_path: Path) -> None:
    first, second, other = (
        records(write_records(tmp_path / name, 900, seed)) for name, seed in zip("abc", (1, 1, 2), strict=True)
    )
    pd.testing.assert_frame_equal(first, second)
    assert (first["weight"] != other["weight"]).all()


def test_strata_have_units_of_unequal_size() -> None:
    frame = pyarrow.table(Generator(read_survey(FACTS_FILE), rows=4_000_000, seed=1).columns(0, 5000)).to_pandas()
    assert set(frame["location"]) == {1}
    sizes = frame.groupby(["stratum", "unit"]).size()
    assert len(sizes) == make_respondents.STRATA * make_respondents.UNITS
    assert sizes.max() > 2 * sizes.min()
    assert frame["weight"].gt(0).all()


def test_memory_does_not_grow_with_the_number_of_records() -> None:
    generator = Generator(read_survey(FACTS_FILE), rows=10**10, seed=1)
    last = generator.columns(10**10 - 5, 5)
    assert last["respondent"].to_pylist() == list(range(10**10 - 5, 10**10))
    assert set(last["year"].to_pylist()) == {2021}


@pytest.mark.parametrize("rows", [0, 1])
def test_it_writes_no_or_one_record(tmp_path: Path, rows: int) -> None:
    files = write_records(tmp_path, rows, seed=1)
    assert sum(parquet.read_metadata(file).num_rows for file in files) == rows
