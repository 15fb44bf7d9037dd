"""Compressed files choose the engine by their unpacked size, and unpack within bounds."""

import gzip
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

from app.errors import SourceError
from app.settings import Settings
from app.table.engines import engine_for, load_table_in_new_process
from app.table.engines.pandas_reader import read_table
from app.table.sources.addresses import Source
from app.table.sources.files import find_files
from app.table.sources.parser import read_source
from app.table.sources.unpacking import HIGHEST_RATIO, MIB, UNCHECKED_BYTES, unpack, unpacked_size
from support.real_server import PROJECT_ROOT
from support.survey_files import COMPRESS, NEEDED_COLUMNS, csv_text, row, write
from support.two_readers import cluster_of, read_in_small_blocks, reason_of

LINE = b"Ohio,Walking,30.5,Gender,Female\n"
PART_BYTES = 32 * MIB
PARTS = 64  # unpacked, 2 GiB
MOST_MIB = 1024  # of resident memory
PLENTY = 64 * 1024 * MIB


def bomb(folder: Path, part: bytes) -> Path:
    """Write a gzip file of a few MB that unpacks to 2 GiB."""
    header = gzip.compress((",".join(NEEDED_COLUMNS) + "\n").encode())
    path = write(folder, header + gzip.compress(part) * PARTS, "bomb.csv.gz")
    assert path.stat().st_size < 8 * MIB
    return path


BOMBS = {"lines": LINE * (PART_BYTES // len(LINE)), "zeros": bytes(PART_BYTES), "one line": b"x" * PART_BYTES}


@pytest.fixture(params=BOMBS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A gzip file of a few MB that unpacks to 2 GiB."""
    return bomb(tmp_path, BOMBS[request.param])


def read_alone(path: Path) -> tuple[str, float]:
    """Read a table in a process of its own; return its error and the most resident memory that it took, in MiB."""
    code = (
        "import resource, sys\n"
        "from app.errors import SourceError\n"
        "from app.table.engines.pandas_reader import read_table\n"
        "try:\n    read_table(sys.argv[1])\n"
        "except SourceError as error:\n    print(error.reason)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    reason, kibibytes = subprocess.run(
        command, cwd=PROJECT_ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return reason, int(kibibytes) / 1024


def test_a_file_that_unpacks_to_many_times_its_size_is_refused_in_bounded_memory(path: Path) -> None:
    reason, mebibytes = read_alone(path)
    print(f"\n{path.stat().st_size / MIB:.1f} MiB that unpack to 2 GiB: {mebibytes:.0f} MiB resident")
    assert reason.startswith(f"{path}: it unpacks to more than ")
    assert f"over {HIGHEST_RATIO} times its size; if it is a table, unpack it and set STATS_DATA" in reason
    assert mebibytes < MOST_MIB


def test_a_reload_is_refused_in_a_process_of_its_own(path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SourceError, match="unpacks to more than"):
        load_table_in_new_process(Settings(data=str(path)))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_a_worker_of_dask_refuses_it_too(path: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed: make dask")
    with cluster_of(1) as client:
        assert "unpacks to more than" in reason_of(lambda source: read_in_small_blocks(client, source), path)


@pytest.mark.parametrize("compression", COMPRESS)
def test_a_file_may_unpack_to_half_of_the_memory_and_not_a_byte_more(compression: str) -> None:
    packed = COMPRESS[compression](LINE * 100)
    assert unpack(packed, "", 2 * 100 * len(LINE)) == LINE * 100
    with pytest.raises(SourceError, match=r"t\.csv: it unpacks to more than 0 MiB, over 50% of the 0 MiB of memory"):
        unpack(packed, "t.csv", 2 * 100 * len(LINE) - 2)


def test_a_small_file_may_have_any_ratio() -> None:
    packed = gzip.compress(bytes(PART_BYTES))
    assert PART_BYTES < UNCHECKED_BYTES
    assert PART_BYTES / len(packed) > HIGHEST_RATIO
    assert len(unpack(packed, "", PLENTY)) == PART_BYTES


@pytest.mark.parametrize("compression", ["gzip", "zip"])
def test_the_size_that_a_format_tells_chooses_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str
) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed: make dask")
    text = csv_text([row()] * 1000).encode()
    path = write(tmp_path, COMPRESS[compression](text))
    monkeypatch.setattr("app.table.engines.memory_bytes", lambda: 2 * len(text))  # a quarter: half of the text
    assert path.stat().st_size < len(text) / 2
    assert engine_for(Settings(), Source(str(path))) == "dask"
    assert size_of(path) == len(text)


def size_of(path: Path) -> int:
    """Return the unpacked size of a file."""
    (file,) = find_files(Source(str(path)))
    return unpacked_size(file)


def repeated_rows(path: Path, rows: int) -> Path:
    """Write a Parquet file of a few KB with the same row again and again."""
    table = pyarrow.Table.from_pandas(pd.DataFrame({name: np.zeros(rows) for name in NEEDED_COLUMNS}))
    parquet.write_table(table, path)
    return path


def test_rows_that_take_no_room_in_a_parquet_file_count(tmp_path: Path) -> None:
    path = repeated_rows(tmp_path / "t.parquet", 1_000_000)
    assert path.stat().st_size < MIB
    assert size_of(path) == 40_000_000


def test_row_groups_larger_than_half_of_the_memory_are_refused(tmp_path: Path) -> None:
    content = repeated_rows(tmp_path / "t.parquet", 1_000_000).read_bytes()
    with pytest.raises(SourceError, match=r"t: its row groups take at least 38 MiB .* STATS_ENGINE=dask"):
        read_source(content, "t", memory=79_000_000)


@pytest.mark.parametrize(
    "content",
    [b"PK\x03\x04 no archive", b"PAR1 no table", b"\x1f\x8b", csv_text([row()]).encode(), COMPRESS["bz2"](LINE)],
)
def test_a_file_that_tells_no_size_counts_as_it_is_stored(tmp_path: Path, content: bytes) -> None:
    assert size_of(write(tmp_path, content)) == len(content)


def test_a_table_is_reduced_in_slices_with_the_same_result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows: list[Any] = [row(LocationDesc=f"State {number % 7}", Data_Value=number % 90) for number in range(100)]
    path = write(tmp_path, csv_text(rows))
    whole = read_table(path)
    monkeypatch.setattr("app.table.engines.pandas_reader.ROWS_AT_ONCE", 9)
    sliced = read_table(path)
    assert sliced.locations == whole.locations
    assert sliced.questions[0].means.global_mean == whole.questions[0].means.global_mean
    assert sliced.report.rows_used == 100
