"""Changes between two versions of the table as CSV and Parquet."""

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from app.formats.tables import csv_bytes, parquet_bytes, typed
from app.table.cells import Codes
from app.versions.change_records import COLUMNS, change_records, row_of
from app.versions.changes import Comparison

ROWS_AT_A_TIME = 2000  # so that most of them are never Python objects at the same time
CHANGE_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    dict.fromkeys(("rank", "sample_size", "rows"), pa.int64())
    | dict.fromkeys(("difference", "value", "low", "high"), pa.float64())
    | dict.fromkeys(("standardized", "suppressed"), pa.bool_())
)  # of the columns that are not texts


def changes_csv(comparison: Comparison, places: Codes) -> bytes:
    """Return the changes at some places as CSV, written as that of a result."""
    return csv_bytes(COLUMNS, map(row_of, change_records(comparison, places)))


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
        arrays = [typed(values, field.type) for field, values in zip(schema, zip(*rows, strict=True), strict=True)]
        parts.append(pa.Table.from_arrays(arrays, schema=schema))
    return parquet_bytes(pa.concat_tables(parts))
