"""The metadata of a result's CSV file, by the W3C's CSV on the Web: where it comes from, and what its columns hold."""

from collections.abc import Mapping
from typing import Any

import orjson
import pyarrow as pa

from app.citations.source import WARNING
from app.formats.meanings import meaning_of
from app.formats.tables import LIST_SEPARATOR, type_of
from app.statistics.registry import records_of

CONTEXT = "http://www.w3.org/ns/csvw"


def csvw_of(file: str, statistic: str, data: Any, title: str, provenance: Mapping[str, Any]) -> bytes:
    """Return the metadata of a CSV file.

    Parameters
    ----------
    file: its name
    data: the result that it holds
    title: of the result
    provenance: where its figures come from; empty if that is not known
    """
    records = records_of(statistic, data)
    names = dict.fromkeys(name for record in records for name in record)
    columns = [_column(name, [record.get(name) for record in records]) for name in names]
    content = {"@context": CONTEXT, "url": file, "dc:title": title, **_source(provenance)}
    content["tableSchema"] = {"columns": columns}
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _column(name: str, values: list[Any]) -> dict[str, Any]:
    lists = [value for value in values if isinstance(value, list)]
    elements = [element for value in lists for element in value]
    column = {
        "name": name,
        "titles": name,
        "datatype": _datatype(name, elements or [""]) if lists else _datatype(name, values),
        "separator": LIST_SEPARATOR if lists else None,
        "dc:description": meaning_of(name),
    }
    return {key: value for key, value in column.items() if value is not None}


def _datatype(name: str, values: list[Any]) -> str | dict[str, str]:
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, bool) for value in known):
        return {"base": "boolean", "format": "True|False"}
    type_ = type_of(name, values)
    if pa.types.is_string(type_):
        return "string"
    return "integer" if pa.types.is_integer(type_) else "double"


def _source(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that describe where the figures come from."""
    if not provenance:
        return {}
    table = provenance["table"]
    notes = [*([WARNING] if table["modelled"] else []), *provenance.get("notes", [])]
    facts = {
        "dc:description": provenance["question"],
        "dc:publisher": table.get("publisher"),
        "dc:source": table.get("title", table["source"]),
        "dc:identifier": table.get("dataset_id"),
        "dc:hasVersion": table.get("id"),
        "dc:temporal": ", ".join(map(str, provenance["years"])) or None,
        "notes": notes or None,
    }
    return {name: value for name, value in facts.items() if value is not None}
