"""The forms that a finished result can be had in: JSON as it is stored, CSV, and Parquet."""

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson
import pyarrow as pa
from pyarrow import parquet

from app.job import Job
from app.tabular import tabulate

LONGEST_QUESTION_CHARS = 60  # of a question in the name of a file
WHOLE_NUMBERS = frozenset({"year", "sample_size", "rows"})  # where a column has no value to tell


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a result.

    Parameters
    ----------
    name: what ``?format=`` calls it, and how the names of such files end
    media_type: what ``Accept`` calls it
    content_type: what the answer is declared as
    write: makes it from a job that is done, and the job's JSON document
    """

    name: str
    media_type: str
    content_type: str
    write: Callable[[Job, bytes], bytes]


def file_name(job: Job, question: str, form: Form) -> str:
    """Return the name of a file that holds a result: what it is, of which question, and by which job.

    Parameters
    ----------
    question: the question's id or text
    """
    about = re.sub("[^A-Za-z0-9]+", "-", question)[:LONGEST_QUESTION_CHARS].strip("-")
    return f"{'-'.join(filter(None, (job.statistic, about, job.id)))}.{form.name}"


def _json(_: Job, content: bytes) -> bytes:
    return content


def _csv(job: Job, content: bytes) -> bytes:
    """Write the tidy table by RFC 4180, in UTF-8, numbers in full precision."""
    table = tabulate(job.statistic, orjson.loads(content)["data"])
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return text.getvalue().encode()


def _parquet(job: Job, content: bytes) -> bytes:
    """Write the tidy table as Parquet; its metadata tell the statistic and, where the result does, its provenance."""
    document = orjson.loads(content)
    table = tabulate(job.statistic, document["data"])
    arrays = {name: _array(name, values) for name, values in table.items()}
    about = {"statistic": job.statistic}
    if "provenance" in document:
        about["provenance"] = orjson.dumps(document["provenance"]).decode()
    file = io.BytesIO()
    parquet.write_table(pa.table(arrays, metadata=about), file)
    return file.getvalue()


def _array(name: str, values: list[Any]) -> pa.Array:
    """Return a column; one with texts among its numbers, such as the years 2011-2013 and 2014, is of texts."""
    kind = _type(name, values)
    if pa.types.is_string(kind):
        values = [None if value is None else str(value) for value in values]
    return pa.array(values, kind)


def _type(name: str, values: list[Any]) -> pa.DataType:
    """Return the type of a column, which is the same whether or not the result has values in it."""
    kinds = {type(value) for value in values if value is not None}
    if str in kinds:
        return pa.string()
    return pa.int64() if kinds == {int} or (not kinds and name in WHOLE_NUMBERS) else pa.float64()


JSON = Form("json", "application/json", "application/json", _json)
CSV = Form("csv", "text/csv", "text/csv; charset=utf-8", _csv)
PARQUET = Form("parquet", "application/vnd.apache.parquet", "application/vnd.apache.parquet", _parquet)
FORMS: Mapping[str, Form] = MappingProxyType({form.name: form for form in (JSON, CSV, PARQUET)})
