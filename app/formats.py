"""The formats of a finished result, and of changes between versions of the table: JSON, CSV and Parquet."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson
import pyarrow as pa
from pyarrow import parquet

from app.jobs.job import Job
from app.statistics.registry import records_of
from app.table.cells import Codes
from app.versions.change_records import COLUMNS, change_records, row_of
from app.versions.changes import Comparison

LIST_SEPARATOR = ";"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # of a cell that a spreadsheet computes
LONGEST_QUESTION_CHARS = 60  # of a question in the name of a file
WHOLE_NUMBERS = frozenset({"year", "sample_size", "rows"})  # integer columns, also when they have no value

ROWS_AT_A_TIME = 2000  # of changes, so that most of them are never Python objects at the same time
CHANGE_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    dict.fromkeys(("rank", "sample_size", "rows"), pa.int64())
    | dict.fromkeys(("difference", "value", "low", "high"), pa.float64())
    | dict.fromkeys(("standardized", "suppressed"), pa.bool_())
)  # of the columns of changes that are not texts

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
    return _csv_bytes(columns, zip(*columns.values(), strict=True))


def _csv_bytes(names: Iterable[str], rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([_harmless(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _harmless(value: str | float | None) -> str | float | None:
    """Put an apostrophe before a text that a spreadsheet would take for a formula. Numbers stay as they are."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


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
    return _csv_bytes(COLUMNS, map(row_of, change_records(comparison, places)))


def changes_parquet(comparison: Comparison, places: Codes) -> bytes:
    """Return the changes at some places as Parquet; its metadata have the ids of both versions."""
    metadata = {"table": comparison.new_id, "since": comparison.old_id}
    has_spans = any(period.first != period.last for period in comparison.periods)
    types = {**CHANGE_TYPES, "year": pa.string() if has_spans else pa.int64()}
    plain = {name: name.removeprefix("old_").removeprefix("new_") for name in COLUMNS}
    schema = pa.schema([(name, types.get(plain[name], pa.string())) for name in COLUMNS], metadata)
    parts = [schema.empty_table()]
    for start in range(0, places.size, ROWS_AT_A_TIME):
        rows = map(row_of, change_records(comparison, places[start : start + ROWS_AT_A_TIME]))
        arrays = [_typed(values, field.type) for field, values in zip(schema, zip(*rows, strict=True), strict=True)]
        parts.append(pa.Table.from_arrays(arrays, schema=schema))
    return _parquet_bytes(pa.concat_tables(parts))


def _array(name: str, values: list[Any]) -> pa.Array:
    """Return a column; numbers beside texts, such as the year 2014 beside 2011-2013, become texts."""
    return _typed(values, _type(name, values))


def _typed(values: Iterable[Any], type_: pa.DataType) -> pa.Array:
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
