"""pandas and Dask read the same tables and give the same errors."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from app.errors import SourceError
from app.table.engines.pandas_reader import read_table
from support.real_server import PROJECT_ROOT
from support.survey_files import (
    CDC_COLUMNS,
    COMPRESS,
    NO_TABLES,
    TABLE,
    csv_text,
    frame_of,
    many_rows,
    row,
    write,
    write_csv,
)
from support.two_readers import ProgressRecorder, Read, assert_same_table, cluster_of, read_in_small_blocks, reason_of

pytest.importorskip("distributed", reason="Dask is not installed: make dask")

BUNDLED = PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv"
CDC_TABLE = PROJECT_ROOT.parent / "shared" / "data" / "cdc_2011_2021.csv.gz"


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with cluster_of(2) as client:
        yield client


@pytest.mark.parametrize("write_as", ["csv", "parquet"])
def test_dask_reads_many_blocks_like_pandas_one_file(tmp_path: Path, client: Any, write_as: str) -> None:
    path = write_csv(tmp_path, many_rows(), CDC_COLUMNS)
    if write_as == "parquet":
        path = tmp_path / "survey.parquet"
        pd.read_csv(tmp_path / "survey.csv").to_parquet(path, row_group_size=70)
    progress = ProgressRecorder()
    assert_same_table(read_in_small_blocks(client, path, progress), read_table(path))
    assert len(progress.reports) > 3
    assert [report.rows_read for report in progress.reports] == sorted(report.rows_read for report in progress.reports)
    assert (progress.reports[-1].rows_read, progress.reports[-1].share) == (600, 1.0)


def test_dask_reads_the_bundled_table_like_pandas(client: Any) -> None:
    assert_same_table(read_in_small_blocks(client, BUNDLED), read_table(BUNDLED))


@pytest.mark.skipif(not CDC_TABLE.is_file(), reason="the CDC table lies in ../shared/data")
def test_dask_reads_the_cdc_table_like_pandas(client: Any) -> None:
    assert_same_table(read_in_small_blocks(client, CDC_TABLE), read_table(CDC_TABLE))


REFUSED = {
    **NO_TABLES,
    "nothing": b"",
    "blanks": b" \n\r\n\t" * 1000,
    "header alone": TABLE.split("\n")[0].encode(),
    "no usable row": csv_text([row(Data_Value="none")] * 200).encode(),
    "not UTF-8": (csv_text([row()] * 200) + csv_text([row(LocationDesc="Québec")])).encode("latin-1"),
    "quote never closed": (csv_text([row()] * 200) + 'Ohio,"Why,4,Age,Old\n' + csv_text([row()] * 200)).encode(),
    "half an archive": COMPRESS["gzip"](TABLE.encode())[:40],
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_both_give_the_same_error_for_files_that_are_no_table(tmp_path: Path, client: Any, content: bytes) -> None:
    path = write(tmp_path, content)
    reason = reason_of(lambda source: read_in_small_blocks(client, source), path)
    assert reason == reason_of(read_table, path)
    assert reason.startswith(f"{path}: ")


def test_a_ragged_line_in_a_later_block_is_refused(tmp_path: Path, read: Read) -> None:
    path = write(tmp_path, csv_text([row()] * 200) + "Ohio,Why,4\n")
    assert "cannot be read as a table" in reason_of(read, path)


def parts_of(folder: Path) -> Path:
    """Put the rows into four files of different kinds in a folder, beside files that are not part of the table."""
    folder = folder / "parts"
    folder.mkdir()
    rows = many_rows()
    write(folder, csv_text(rows[:150], CDC_COLUMNS), "a.csv")
    write(folder, COMPRESS["gzip"](csv_text(rows[150:300], CDC_COLUMNS).encode()), "b.csv.gz")
    write(folder, csv_text(rows[300:450], CDC_COLUMNS[::-1]), "c.csv")
    texts = [{name: str(fields.get(name, "")) for name in CDC_COLUMNS} for fields in rows[450:]]
    frame_of(texts, CDC_COLUMNS).to_parquet(folder / "d.parquet")
    write(folder, "done", "_SUCCESS")
    write(folder, "notes", "README.md")
    return folder


@pytest.mark.parametrize("pattern", ["", "*.[cp]*", "**/?.*"])
def test_many_files_are_one_table(tmp_path: Path, read: Read, pattern: str) -> None:
    folder = parts_of(tmp_path)
    table = read(folder / pattern)
    whole = read_table(write_csv(tmp_path, many_rows(), CDC_COLUMNS))
    assert table.locations == whole.locations
    assert [data.question for data in table.questions] == [data.question for data in whole.questions]
    assert table.questions[0].means.global_mean == pytest.approx(whole.questions[0].means.global_mean, rel=1e-12)
    assert table.report.rows_read == 600
    assert len(table.report.sha256) == 64


def test_both_compute_the_same_digest_of_many_files(tmp_path: Path, client: Any) -> None:
    folder = parts_of(tmp_path)
    assert_same_table(read_in_small_blocks(client, folder), read_table(folder))


def test_the_digest_of_many_files_is_that_of_their_list_of_digests(tmp_path: Path, read: Read) -> None:
    folder = parts_of(tmp_path)
    names = ["a.csv", "b.csv.gz", "c.csv", "d.parquet"]
    digests = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names]
    lines = "".join(f"{digest}  {name}\n" for digest, name in zip(digests, names, strict=True))
    assert read(folder).report.sha256 == hashlib.sha256(lines.encode()).hexdigest()


def test_the_error_names_the_file_in_a_folder_that_is_not_a_table(tmp_path: Path, read: Read) -> None:
    folder = parts_of(tmp_path)
    write(folder, "a,b\n1,2\n", "bb.csv")
    assert reason_of(read, folder).startswith(f"{folder / 'bb.csv'}: missing needed columns")


def test_a_note_names_a_column_that_some_files_lack(tmp_path: Path, read: Read) -> None:
    write(tmp_path, csv_text([row()], CDC_COLUMNS), "a.csv")
    write(
        tmp_path, csv_text([row(LocationDesc="Utah")], [name for name in CDC_COLUMNS if name != "Sample_Size"]), "b.csv"
    )
    (note,) = read(tmp_path).report.notes
    assert note == "no column Sample_Size in some of the files: estimates have no sample sizes there"


@pytest.mark.parametrize("name", ["no*.csv", "none/*.csv", "?.parquet"])
def test_a_pattern_without_matches_names_the_setting_to_change(tmp_path: Path, read: Read, name: str) -> None:
    write_csv(tmp_path, [row()])
    assert "STATS_DATA" in reason_of(read, tmp_path / name)


def test_an_address_is_read_like_the_file(tmp_path: Path, read: Read) -> None:
    path = write_csv(tmp_path, many_rows(), CDC_COLUMNS)
    table = read(path.as_uri())
    assert table.report.source == path.name
    assert [data.question for data in table.questions] == [data.question for data in read_table(path).questions]


@pytest.mark.parametrize("address", ["nowhere://a/b.csv", "file:///none/of/these/*.csv", "file:///none.csv"])
def test_an_unreachable_address_gives_a_one_line_error(read: Read, address: str) -> None:
    reason = reason_of(read, address)
    assert reason.startswith(f"{address}: ")
    assert len(reason.splitlines()) == 1


def test_errors_show_no_secrets_of_an_address(read: Read) -> None:
    reason = reason_of(read, "http://me:secret@127.0.0.1:1/t.csv?token=hidden")
    assert reason.startswith("http://127.0.0.1:1/t.csv: cannot be read")
    assert "secret" not in reason
    assert "hidden" not in reason


def test_files_that_change_while_dask_reads_them_are_refused(tmp_path: Path, client: Any) -> None:
    path = write_csv(tmp_path, many_rows(), CDC_COLUMNS)
    with pytest.raises(SourceError, match="changed while they were read"):
        read_in_small_blocks(client, path, lambda _: os.utime(path, (0, 0)))
