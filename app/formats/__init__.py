"""The formats of a finished result: JSON as it is stored, tables, citations, and an archive of all of these."""

from collections.abc import Mapping
from types import MappingProxyType

from app.formats.archive import archive_of
from app.formats.citations import BIBTEX, CSL_JSON
from app.formats.format import Format, file_name
from app.formats.tables import CSV, LIST_SEPARATOR, PARQUET, columns_of

__all__ = [
    "BIBTEX",
    "CSL_JSON",
    "CSV",
    "FORMATS",
    "JSON",
    "LIST_SEPARATOR",
    "PARQUET",
    "Format",
    "archive_of",
    "columns_of",
    "file_name",
]

JSON = Format("json", "application/json", "application/json", lambda _, content: content)
FORMATS: Mapping[str, Format] = MappingProxyType(
    {format_.name: format_ for format_ in (JSON, CSV, PARQUET, BIBTEX, CSL_JSON)}
)
