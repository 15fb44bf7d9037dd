"""The parser: which files are tables, in which forms, and the errors for those that are not."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from app.errors import SourceError
from app.table.engines.pandas_reader import read_table
from app.table.sources.frame import SourceFrame
from app.table.sources.parser import BLOCK_BYTES, NEEDED, OPTIONAL, read_source
from support.survey_files import (
    CDC_COLUMNS,
    COMPRESS,
    NEEDED_COLUMNS,
    NO_TABLES,
    ROWS,
    TABLE,
    Row,
    csv_text,
    fields_of,
    frame_of,
    row,
    write,
    write_csv,
    write_parquet,
)

WANTED = [["Ohio", "30.5", "Female"], ["Utah", "24.5", "Male"]]
LONG_TABLE = csv_text([row(Data_Value=f"{number / 100}") for number in range(9000)]).encode()
READ_AS_OPTIONAL = [name for name in CDC_COLUMNS if name in OPTIONAL]
NOT_IN_CDC = frozenset(OPTIONAL).difference(name.strip() for name in CDC_COLUMNS)


def read(path: Path) -> SourceFrame:
    return read_source(path.read_bytes(), str(path))


def rows_of(frame: SourceFrame) -> list[list[str]]:
    """Return the columns that differ in ROWS, as text."""
    columns = (fields_of(frame, name) for name in ("LocationDesc", "Data_Value", "Stratification1"))
    return list(map(list, zip(*columns, strict=True)))


def reason_of(path: Path) -> str:
    """Return why a file is refused; check that it is one line that begins with the path."""
    with pytest.raises(SourceError) as caught:
        read_table(path)
    assert len(caught.value.reason.splitlines()) == 1
    assert caught.value.reason.startswith(f"{path}: ")
    return caught.value.reason.removeprefix(f"{path}: ")


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "hole near the start": lambda content: content[:60] + b"\xff" * 40 + content[100:],
    "hole in the middle": lambda content: (
        content[: len(content) // 2] + b"\xff" * 40 + content[len(content) // 2 + 40 :]
    ),
    "first half alone": lambda content: content[: len(content) // 2],
    "first bytes alone": lambda content: content[:8],
}


@pytest.mark.parametrize("index_column", [True, False])
def test_cdc_columns_are_read_with_and_without_an_index_column(tmp_path: Path, index_column: bool) -> None:
    frame = read(write(tmp_path, csv_text(ROWS, CDC_COLUMNS, index_column=index_column)))
    assert len(CDC_COLUMNS) == 33
    assert rows_of(frame) == WANTED
    assert frame.rows == 2
    assert frame.missing_optional == NOT_IN_CDC


@pytest.mark.parametrize("index_column", [True, False])
def test_the_five_needed_columns_are_enough(tmp_path: Path, index_column: bool) -> None:
    frame = read(write(tmp_path, csv_text(ROWS, NEEDED_COLUMNS, index_column=index_column)))
    assert rows_of(frame) == WANTED
    assert frame.missing_optional == frozenset(OPTIONAL)


def test_exactly_the_five_documented_columns_are_needed(tmp_path: Path) -> None:
    assert set(NEEDED) == set(NEEDED_COLUMNS)
    assert read(write_csv(tmp_path, ROWS)).rows == 2


@pytest.mark.parametrize("name", READ_AS_OPTIONAL)
def test_an_absent_optional_column_is_named(tmp_path: Path, name: str) -> None:
    columns = [column for column in CDC_COLUMNS if column != name]
    assert read(write_csv(tmp_path, ROWS, columns)).missing_optional == NOT_IN_CDC | {name}


@pytest.mark.parametrize("columns", [CDC_COLUMNS[::-1], NEEDED_COLUMNS[::-1], sorted(CDC_COLUMNS)])
def test_the_order_of_the_columns_does_not_matter(tmp_path: Path, columns: Sequence[str]) -> None:
    assert rows_of(read(write_csv(tmp_path, ROWS, columns))) == WANTED


def test_unknown_columns_are_ignored(tmp_path: Path) -> None:
    rows = [{**fields, "Comment": 'a, "b"\nc', "Größe": "9"} for fields in ROWS]
    frame = read(write_csv(tmp_path, rows, ("Comment", *NEEDED_COLUMNS, "Größe")))
    assert rows_of(frame) == WANTED
    assert set(frame.table.column_names) == set(NEEDED_COLUMNS)


@pytest.mark.parametrize("written", ["High_Confidence_Limit ", "High_Confidence_Limit", " High_Confidence_Limit"])
def test_spaces_around_the_name_of_the_upper_limit_do_not_matter(tmp_path: Path, written: str) -> None:
    columns = [written if name.strip() == "High_Confidence_Limit" else name for name in CDC_COLUMNS]
    assert rows_of(read(write_csv(tmp_path, ROWS, columns))) == WANTED


@pytest.mark.parametrize("name", NEEDED_COLUMNS)
def test_spaces_around_the_name_of_a_needed_column_do_not_matter(tmp_path: Path, name: str) -> None:
    header, body = TABLE.split("\n", 1)
    spaced = ",".join(f" {column}  " if column == name else column for column in header.split(","))
    assert rows_of(read(write(tmp_path, f"{spaced}\n{body}"))) == WANTED


@pytest.mark.parametrize("text", ["007", "0", "1.0", "1e5", "NA", "null", "None", "nan", "True", "2011-2012"])
def test_a_text_field_stays_as_it_is_written(tmp_path: Path, text: str) -> None:
    columns = (*NEEDED_COLUMNS, "QuestionID")
    frame = read(write_csv(tmp_path, [row(QuestionID=text, Stratification1=text)], columns))
    assert fields_of(frame, "QuestionID") == [text]
    assert fields_of(frame, "Stratification1") == [text]


@pytest.mark.parametrize("text", ["$15,000 - $24,999", 'a "quoted" word', '"', ",", "two\nlines", "Curaçao"])
def test_quoted_fields_keep_commas_quotes_and_line_ends(tmp_path: Path, text: str) -> None:
    frame = read(write_csv(tmp_path, [row(Stratification1=text), row()]))
    assert fields_of(frame, "Stratification1") == [text, "Female"]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("compress", [bytes, *COMPRESS.values()], ids=["plain", *COMPRESS])
def test_line_ends_byte_order_mark_and_compression_make_no_difference(
    tmp_path: Path, compress: Callable[[bytes], bytes], line_end: str, mark: bytes
) -> None:
    content = mark + csv_text(ROWS, line_end=line_end).encode()
    assert rows_of(read(write(tmp_path, compress(content), name="any.name"))) == WANTED


def test_a_byte_order_mark_before_a_quoted_name_makes_no_difference(tmp_path: Path) -> None:
    content = "\ufeff" + TABLE.replace("LocationDesc", '"LocationDesc"')
    assert rows_of(read(write(tmp_path, content))) == WANTED


def test_a_missing_last_line_end_and_blank_lines_make_no_difference(tmp_path: Path) -> None:
    assert rows_of(read(write(tmp_path, TABLE.replace("\n", "\n\n").rstrip("\n")))) == WANTED


@pytest.mark.parametrize("columns", [CDC_COLUMNS, NEEDED_COLUMNS, NEEDED_COLUMNS[::-1]])
def test_parquet_of_text_is_read_like_csv(tmp_path: Path, columns: Sequence[str]) -> None:
    rows: list[Row] = [{name: str(fields.get(name, "")) for name in columns} for fields in ROWS]
    frame = read(write_parquet(tmp_path, frame_of(rows, columns)))
    assert rows_of(frame) == WANTED
    assert frame.missing_optional == frozenset(OPTIONAL) - {name.strip() for name in columns}


@pytest.mark.parametrize("kind", ["float64", "float32", "Float64", "Int64", "object"])
def test_parquet_of_numbers_with_nulls_has_values_where_it_has_numbers(tmp_path: Path, kind: str) -> None:
    frame = frame_of([row(Data_Value=value) for value in (30, None, 20)])
    table = read_table(write_parquet(tmp_path, frame.astype({"Data_Value": kind})))
    assert table.questions[0].means.global_mean == 25.0
    assert (table.report.rows_read, table.report.rows_used) == (3, 2)


def test_parquet_with_an_optional_column_of_nulls_is_read(tmp_path: Path) -> None:
    columns = (*NEEDED_COLUMNS, "Class")
    assert read_table(write_parquet(tmp_path, frame_of([row(Class=None)], columns))).report.rows_used == 1


def test_parquet_with_a_needed_column_as_its_index_is_read(tmp_path: Path) -> None:
    assert rows_of(read(write_parquet(tmp_path, frame_of(ROWS).set_index("LocationDesc")))) == WANTED


@pytest.mark.parametrize("name", ["Question", "Data_Value"])
def test_parquet_with_lists_in_a_needed_column_is_refused(tmp_path: Path, name: str) -> None:
    reason_of(write_parquet(tmp_path, frame_of([row(**{name: [1.0]})])))


@pytest.mark.parametrize("as_parquet", [False, True])
@pytest.mark.parametrize("missing", [*[[name] for name in NEEDED_COLUMNS], ["Question", "Data_Value"]])
def test_the_error_names_missing_columns_and_those_found(tmp_path: Path, missing: list[str], as_parquet: bool) -> None:
    columns = [name for name in (*NEEDED_COLUMNS, "Größe") if name not in missing]
    path = write_parquet(tmp_path, frame_of(ROWS, columns)) if as_parquet else write_csv(tmp_path, ROWS, columns)
    lacking, found = reason_of(path).split("; found: ")
    assert [name for name in NEEDED_COLUMNS if name in lacking.replace(",", " ").split()] == missing
    assert found.split(", ") == [*columns[:-1], r"Gr\xf6\xdfe"]


def test_a_long_header_is_shortened_in_the_error(tmp_path: Path) -> None:
    reason = reason_of(write(tmp_path, ",".join(f"column_{number}" for number in range(900)) + "\n"))
    assert "column_0, column_1" in reason
    assert len(reason) < 500


@pytest.mark.parametrize("content", [b"", b" ", b"\n\r\n \t", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    assert reason_of(write(tmp_path, content))


@pytest.mark.parametrize("line_end", ["", "\n", "\r\n"])
def test_a_header_without_rows_is_refused(tmp_path: Path, line_end: str) -> None:
    reason = reason_of(write(tmp_path, ",".join(NEEDED_COLUMNS) + line_end))
    assert "no rows" in reason or "0 rows" in reason
    assert "suppressed" not in reason


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "directory" in reason_of(tmp_path)


@pytest.mark.parametrize("name", ["survey.csv", "folder/survey.csv", "a" * 300])
def test_a_missing_path_is_refused(tmp_path: Path, name: str) -> None:
    assert reason_of(tmp_path / name)


def test_the_error_for_a_missing_file_names_the_setting_to_change(tmp_path: Path) -> None:
    assert "no such file" in reason_of(tmp_path / "survey.csv")
    assert "STATS_DATA" in reason_of(tmp_path / "survey.csv")


@pytest.mark.parametrize("content", NO_TABLES.values(), ids=NO_TABLES)
def test_a_file_that_is_not_a_table_is_refused(tmp_path: Path, content: bytes) -> None:
    assert reason_of(write(tmp_path, content))


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16"])
def test_text_that_is_not_utf_8_is_refused(tmp_path: Path, encoding: str) -> None:
    text = csv_text([*ROWS, row(LocationDesc="Québec")])
    assert "UTF-8" in reason_of(write(tmp_path, text.encode(encoding)))


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_archive_is_refused(tmp_path: Path, kind: str, damage: Callable[[bytes], bytes]) -> None:
    assert reason_of(write(tmp_path, damage(COMPRESS[kind](LONG_TABLE))))


@pytest.mark.parametrize("magic", [b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00", b"PK\x03\x04", b"\x28\xb5\x2f\xfd"])
def test_junk_with_the_magic_bytes_of_an_archive_is_refused(tmp_path: Path, magic: bytes) -> None:
    assert reason_of(write(tmp_path, magic + b"junk" * 40))


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = write_parquet(tmp_path, frame_of(ROWS))
    content = path.read_bytes()
    assert reason_of(write(tmp_path, content[:-20]))
    assert reason_of(write(tmp_path, content[:4] + b"\xff" * 200 + content[204:]))


@pytest.mark.parametrize("position", ["first", "last"])
@pytest.mark.parametrize("line", ["Ohio", "Ohio,Why,4", "Ohio,Why,4,Age,Old,x", "Ohio,Why, oh why,4,Age,Old"])
def test_a_line_with_more_or_fewer_fields_than_the_header_is_refused(tmp_path: Path, line: str, position: str) -> None:
    header, body = TABLE.split("\n", 1)
    lines = [header, line, body] if position == "first" else [header, body.rstrip("\n"), line, ""]
    assert reason_of(write(tmp_path, "\n".join(lines)))


@pytest.mark.parametrize("line", ['"Ohio,Why,4,Age,Old', 'Ohio,"Why,4,Age,Old', 'Ohio,Why,4,Age,"Old'])
def test_an_unclosed_quote_is_refused(tmp_path: Path, line: str) -> None:
    assert reason_of(write(tmp_path, f"{TABLE}{line}\n{TABLE}"))


ODD_NUMBERS = ["nan", "NaN", "x", "1,5", "+5", "0x1F", "1_0", "inf", "1e400", "~", " ", "5.", ".5", "1e1", " 30.5 "]


@pytest.mark.parametrize("odd", ODD_NUMBERS)
def test_an_odd_number_does_not_change_the_other_rows(tmp_path: Path, odd: str) -> None:
    """The result equals that of Parquet with text, which is never parsed as numbers."""
    rows: list[Row] = [{**fields, "Data_Value": value} for fields, value in zip(ROWS, ("30.5", odd), strict=True)]
    as_csv = read_table(write_csv(tmp_path, rows))
    as_text = read_table(write_parquet(tmp_path, frame_of(rows, NEEDED_COLUMNS)))
    assert as_csv.report.rows_skipped == as_text.report.rows_skipped
    assert [data.question.rows for data in as_csv.questions] == [data.question.rows for data in as_text.questions]
    assert as_csv.questions[0].means.global_mean == as_text.questions[0].means.global_mean


def test_a_line_longer_than_a_block_is_read(tmp_path: Path) -> None:
    text = "x" * (3 * BLOCK_BYTES)
    frame = read(write_csv(tmp_path, [row(Stratification1=text), row()]))
    assert fields_of(frame, "Stratification1") == [text, "Female"]
