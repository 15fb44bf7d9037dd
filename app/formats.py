"""The forms that a finished result can be had in: JSON as it is stored, CSV, and Parquet."""

import csv
import io
import re
from ast import literal_eval
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import orjson
import pyarrow as pa
from pyarrow import parquet

from app.jobs.job import Job

LIST_SEPARATOR = ";"

Record = dict[str, Any]
Tidy = dict[str, list[Any]]  # the values of each column, in the order of the rows
Records = Callable[[Any], Iterator[Record]]


def tabulate(statistic: str, data: Any) -> Tidy:
    """Return the data of a finished job as a tidy table: text, numbers, and None for what is not known.

    Parameters
    ----------
    statistic: the name of what was computed; data of one that has no table of its own is taken as it is
    """
    records = list(TABLES.get(statistic, _as_it_is)(data))
    columns = dict.fromkeys(name for record in records for name in record)
    return {name: [_plain(record.get(name)) for record in records] for name in columns}


def _by_location(figure: str, data: Mapping[str, Any]) -> Iterator[Record]:
    for location, value in data.items():
        yield {"location": location, figure: value}


def _one_row(data: Mapping[str, Any]) -> Iterator[Record]:
    yield dict(data)


def _by_category(data: Mapping[str, Any]) -> Iterator[Record]:
    for key, mean in data.items():
        location, category, stratum = literal_eval(key)
        yield {"location": location, "category": category, "stratum": stratum, "mean": mean}


def _by_category_of_locations(data: Mapping[str, Mapping[str, Any]]) -> Iterator[Record]:
    for location, means in data.items():
        for key, mean in means.items():
            category, stratum = literal_eval(key)
            yield {"location": location, "category": category, "stratum": stratum, "mean": mean}


def _cells(data: list[Record]) -> Iterator[Record]:
    yield from data


def _with_the_whole(rows: str, data: Mapping[str, Any]) -> Iterator[Record]:
    """Give each row with what is told of the whole: a single value before its own, the fields of a figure after."""
    whole = {name: value for name, value in data.items() if name != rows}
    about = {name: value for name, value in whole.items() if not isinstance(value, Mapping)}
    figures: Record = {}
    for name, fields in whole.items():
        if isinstance(fields, Mapping):
            figures |= {_column(name, field): value for field, value in fields.items()}
    for row in data[rows] or [{}]:
        yield {**about, **row, **figures}


def _two_cells(data: Mapping[str, Any]) -> Iterator[Record]:
    cells = [{"cell": name, **data[name]} for name in ("a", "b")]
    whole = {name: value for name, value in data.items() if name not in {"a", "b"}}
    return _with_the_whole("cells", {**whole, "cells": cells})


def _as_it_is(data: Any) -> Iterator[Record]:
    if isinstance(data, Mapping):
        yield from ({"key": key, "value": value} for key, value in data.items())
    else:
        yield from data


def _column(figure: str, field: str) -> str:
    """Return the column of a field of a figure: ``slope`` for its value, ``slope_low`` for its lower limit."""
    return figure if field == "value" else f"{figure}_{field}"


def _plain(value: Any) -> str | float | None:
    """Return a value as a cell of a table holds it."""
    if isinstance(value, list):
        return LIST_SEPARATOR.join(map(str, value))
    if isinstance(value, Mapping):
        return orjson.dumps(value).decode()
    plain: str | float | None = value
    return plain


_means, _differences = partial(_by_location, "mean"), partial(_by_location, "difference")
TABLES: Mapping[str, Records] = MappingProxyType(
    {
        "states_mean": _means,
        "state_mean": _means,
        "best5": _means,
        "worst5": _means,
        "best": _means,
        "worst": _means,
        "diff_from_mean": _differences,
        "state_diff_from_mean": _differences,
        "global_mean": _one_row,
        "mean_by_category": _by_category,
        "state_mean_by_category": _by_category_of_locations,
        "estimate": _cells,
        "trend": partial(_with_the_whole, "years"),
        "compare": _two_cells,
        "disparity": partial(_with_the_whole, "groups"),
        "correlate": partial(_with_the_whole, "pairs"),
    }
)


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
