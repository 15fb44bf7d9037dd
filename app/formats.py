"""The formats of a finished result, and of changes between versions of the table: JSON, CSV and Parquet."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Any

import orjson
import pyarrow as pa
from pyarrow import parquet

from app.jobs.job import Job
from app.statistics.registry import records_of
from app.table.cells import Codes
from app.versions.change_table import changes_table
from app.versions.changes import Comparison

LIST_SEPARATOR = ";"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # of a cell that a spreadsheet computes
LONGEST_QUESTION_CHARS = 60  # of a question in the name of a file
WHOLE_NUMBERS = frozenset({"year", "sample_size", "rows"})  # integer columns, also when they have no value

ROWS_AT_A_TIME = 2000  # of changes that are Python objects at the same time
Columns = dict[str, list[Any]]  # the values of each column, in the order of the rows


@dataclass(frozen=True, slots=True)
class Format:
    """A format of results.

    Parameters
    ----------
    name: its name in ``?format=``, and the ending of its files
    media_type: its name in ``Accept``
    content_type: the ``Content-Type`` of responses
    write: makes it from a job that is done, and the job's JSON document
    """

    name: str
    media_type: str
    content_type: str
    write: Callable[[Job, bytes], bytes]


def columns_of(statistic: str, data: Any) -> Columns:
    """Return the data of a finished job as columns of text, numbers, and None for unknown values."""
    records = records_of(statistic, data)
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [_plain(record.get(name)) for record in records] for name in names}


def file_name(job: Job, question: str, format_: Format) -> str:
    """Return a name for a result's file, from its statistic, its question and its job.

    Parameters
    ----------
    question: the question's id or text
    """
    about = re.sub("[^A-Za-z0-9]+", "-", question)[:LONGEST_QUESTION_CHARS].strip("-")
    return f"{'-'.join(filter(None, (job.statistic, about, job.id)))}.{format_.name}"


def _plain(value: Any) -> str | float | None:
    """Return a value as a cell of a table holds it."""
    if isinstance(value, list):
        return LIST_SEPARATOR.join(map(str, value))
    if isinstance(value, Mapping):
        return orjson.dumps(value).decode()
    plain: str | float | None = value
    return plain


def _json(_: Job, content: bytes) -> bytes:
    return content


def _csv(job: Job, content: bytes) -> bytes:
    """Write CSV by RFC 4180, in UTF-8, numbers in full precision, and no text that a spreadsheet would compute."""
    columns = columns_of(job.statistic, orjson.loads(content)["data"])
    harmless = {name: [_harmless(value) for value in values] for name, values in columns.items()}
    return _csv_bytes(harmless, zip(*harmless.values(), strict=True))


def _csv_bytes(names: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue().encode()


def _harmless(value: str | float | None) -> str | float | None:
    """Return a value as it is, unless it is a text that a spreadsheet would compute."""
    return _harmless_text(value) if isinstance(value, str) else value


def _harmless_text(text: str) -> str:
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
    return _parquet_bytes(pa.table(arrays, metadata=metadata))


def _parquet_bytes(table: pa.Table) -> bytes:
    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()


def changes_csv(comparison: Comparison, places: Codes) -> bytes:
    """Return the changes at some places as CSV, written as that of a result."""
    table = changes_table(comparison, places, _harmless_text)
    batches = table.to_batches(max_chunksize=ROWS_AT_A_TIME)
    parts = (zip(*(column.to_pylist() for column in batch.columns), strict=True) for batch in batches)
    return _csv_bytes(table.column_names, chain.from_iterable(parts))


def changes_parquet(comparison: Comparison, places: Codes) -> bytes:
    """Return the changes at some places as Parquet."""
    return _parquet_bytes(changes_table(comparison, places))


def _array(name: str, values: list[Any]) -> pa.Array:
    """Return a column; numbers beside texts, such as the year 2014 beside 2011-2013, become texts."""
    type_ = _type(name, values)
    if pa.types.is_string(type_):
        values = [None if value is None else str(value) for value in values]
    return pa.array(values, type_)


def _type(name: str, values: list[Any]) -> pa.DataType:
    """Return the type of a column, which is the same whether or not the result has values in it."""
    types = {type(value) for value in values if value is not None}
    if str in types:
        return pa.string()
    return pa.int64() if types == {int} or (not types and name in WHOLE_NUMBERS) else pa.float64()


JSON = Format("json", "application/json", "application/json", _json)
CSV = Format("csv", "text/csv", "text/csv; charset=utf-8", _csv)
PARQUET = Format("parquet", "application/vnd.apache.parquet", "application/vnd.apache.parquet", _parquet)
FORMATS: Mapping[str, Format] = MappingProxyType({format_.name: format_ for format_ in (JSON, CSV, PARQUET)})
