"""Files split into blocks: whole lines, whole row groups, and the same reduction for any number of blocks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import SourceError
from app.table.engines.pandas_reader import read_table
from app.table.source_kind import Origin
from app.table.sources import blocks
from app.table.sources.addresses import Source
from app.table.sources.blocks import last_line_end, read_block, split_file
from app.table.sources.files import find_files
from app.table.survey_rows.rows import SurveyRows
from app.table.survey_table import SurveyTable
from support.survey_files import CDC_COLUMNS, COMPRESS, GENERATED_ROWS, Row, csv_text, frame_of, row, write, write_csv
from support.two_readers import assert_same_table

KIND = SurveyRows()


def read_in_blocks(path: Path, block_bytes: int) -> SurveyTable:
    """Read a table block by block, in this process."""
    parts = [
        KIND.reduce_frame(read_block(block, KIND.layout))
        for file in find_files(Source(str(path)))
        for block in split_file(file, block_bytes)
    ]
    origin = Origin(str(path), path.name, lambda: [(path.name, read_table(path).report.sha256)])
    return KIND.build_table(KIND.merge([KIND.merge(parts[:2]), *parts[2:]]), origin)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(rows=GENERATED_ROWS, block_bytes=st.integers(1, 2000))
def test_the_reduction_does_not_depend_on_the_blocks(tmp_path: Path, rows: list[Row], block_bytes: int) -> None:
    path = write_csv(tmp_path, [*rows, row(), *rows], CDC_COLUMNS)
    assert_same_table(read_in_blocks(path, block_bytes), read_table(path))


LAST_LINE_ENDS = [
    (b"a\nb", 2),
    (b"a\nb\n", 4),
    (b"ab", 0),
    (b"", 0),
    (b'a,"b\n', 0),
    (b'a\n"b\nc', 2),
    (b'a\n"b\nc"', 2),
    (b'a\n"b\nc"\nd', 8),
    (b'a\n"b""\n""\nc"\n"d\n', 13),
]


@pytest.mark.parametrize(("text", "position"), LAST_LINE_ENDS)
def test_line_ends_inside_quotes_do_not_count(text: bytes, position: int) -> None:
    assert last_line_end(text) == position


@pytest.mark.parametrize("block_bytes", [1, 7, 100, 10_000])
def test_csv_blocks_cover_all_bytes_in_order(tmp_path: Path, block_bytes: int) -> None:
    text = csv_text([row(Stratification1='two\nlines, "quoted"')] * 20)
    path = write(tmp_path, text)
    found = list(split_file(find_files(Source(str(path)))[0], block_bytes))
    spans = [block.span for block in found if block.span]
    assert "".join(text[start:stop] for start, stop in spans) == text
    assert all(text[stop - 1] == "\n" for _, stop in spans)
    assert [block.header for block in found[1:]] == [text.split("\n")[0].encode() + b"\n"] * (len(found) - 1)
    assert sum(block.size for block in found) == len(text)


def test_parquet_blocks_cover_all_row_groups_in_order(tmp_path: Path) -> None:
    path = tmp_path / "survey.parquet"
    frame_of([row()] * 100).to_parquet(path, row_group_size=10)
    found = list(split_file(find_files(Source(str(path)))[0], block_rows=35))
    assert [block.row_groups for block in found] == [(0, 1, 2), (3, 4, 5), (6, 7, 8), (9,)]
    assert sum(block.size for block in found) == path.stat().st_size


@pytest.mark.parametrize("compress", COMPRESS.values(), ids=COMPRESS)
def test_a_compressed_file_is_one_block(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    path = write(tmp_path, compress(csv_text([row()] * 100).encode()))
    (block,) = split_file(find_files(Source(str(path)))[0], 10)
    assert read_block(block, KIND.layout).rows == 100


def test_an_unclosed_quote_does_not_fill_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "LONGEST_LINE_BYTES", 100)
    path = write(tmp_path, csv_text([row()]) + 'Ohio,"Why,4,Age,Old\n' + csv_text([row()] * 100))
    read: list[Any] = []
    with pytest.raises(SourceError, match="a line is longer than"):
        read.extend(split_file(find_files(Source(str(path)))[0], 50))
