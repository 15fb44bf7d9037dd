"""A result as a table: its columns, and CSV and Parquet with one row for each record."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import pyarrow as pa
from pyarrow import parquet

from app.formats.format import Format
from app.jobs.job import Job
from app.statistics.registry import records_of

LIST_SEPARATOR = ";"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # of a cell that a spreadsheet computes
WHOLE_NUMBERS = frozenset({"year", "sample_size", "rows"})  # integer columns, also when they have no value

Columns = dict[str, list[Any]]  # the values of each column, in the order of the rows


def columns_of(statistic: str, data: Any) -> Columns:
    """Return the data of a finished job as columns of text, numbers, and None for unknown values."""
    records = records_of(statistic, data)
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [_plain(record.get(name)) for record in records] for name in names}


def _plain(value: Any) -> str | float | None:
    """Return a value as a cell of a table holds it."""
    if isinstance(value, list):
        return LIST_SEPARATOR.join(map(str, value))
    if isinstance(value, Mapping):
        return orjson.dumps(value).decode()
    plain: str | float | None = value
    return plain


def _csv(job: Job, content: bytes) -> bytes:
    """Write CSV by RFC 4180, in UTF-8, numbers in full precision, and no text that a spreadsheet would compute."""
    columns = columns_of(job.statistic, orjson.loads(content)["data"])
    harmless = {name: [_harmless(value) for value in values] for name, values in columns.items()}
    return csv_bytes(harmless, zip(*harmless.values(), strict=True))


def csv_bytes(names: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> bytes:
    """Return rows as CSV below the names of their columns. Their texts must be harmless already."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue().encode()


def _harmless(value: str | float | None) -> str | float | None:
    """Return a value as it is, unless it is a text that a spreadsheet would compute."""
    return harmless_text(value) if isinstance(value, str) else value


def harmless_text(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would take for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _parquet(job: Job, content: bytes) -> bytes:
    """Write Parquet; its metadata have the statistic and, if the result carries it, the provenance."""
    document = orjson.loads(content)
    columns = columns_of(job.statistic, document["data"])
    arrays = {name: _array(name, values) for name, values in columns.items()}
    metadata = {"statistic": job.statistic}
    if "provenance" in document:
        metadata["provenance"] = orjson.dumps(document["provenance"]).decode()
    return parquet_bytes(pa.table(arrays, metadata=metadata))


def parquet_bytes(table: pa.Table) -> bytes:
    """Return a table as Parquet."""
    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()


def _array(name: str, values: list[Any]) -> pa.Array:
    """Return a column; numbers beside texts, such as the year 2014 beside 2011-2013, become texts."""
    type_ = type_of(name, values)
    if pa.types.is_string(type_):
        values = [None if value is None else str(value) for value in values]
    return pa.array(values, type_)


def type_of(name: str, values: list[Any]) -> pa.DataType:
    """Return the type of a column, which is the same whether or not the result has values in it."""
    types = {type(value) for value in values if value is not None}
    if str in types:
        return pa.string()
    return pa.int64() if types == {int} or (not types and name in WHOLE_NUMBERS) else pa.float64()


CSV = Format("csv", "text/csv", "text/csv; charset=utf-8", _csv)
PARQUET = Format("parquet", "application/vnd.apache.parquet", "application/vnd.apache.parquet", _parquet)
