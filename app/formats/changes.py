"""Changes between two versions of the table as CSV and Parquet, by way of one Arrow table.

All is done on whole columns: as Python objects, the changes between two of CDC's tables would take seconds and 100 MB.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import numpy as np
import pyarrow as pa

from app.formats.tables import csv_bytes, harmless_text, parquet_bytes
from app.table.cells import Codes
from app.versions.changes import KINDS, Changes, Comparison, Figures

ROWS_AT_A_TIME = 2000  # that are Python objects at the same time


def changes_csv(comparison: Comparison, places: Codes) -> bytes:
    """Return the changes at some places as CSV, written as that of a result."""
    table = _table(comparison, places, harmless_text)
    batches = table.to_batches(max_chunksize=ROWS_AT_A_TIME)
    parts = (zip(*(column.to_pylist() for column in batch.columns), strict=True) for batch in batches)
    return csv_bytes(table.column_names, chain.from_iterable(parts))


def changes_parquet(comparison: Comparison, places: Codes) -> bytes:
    """Return the changes at some places as Parquet; its metadata have the ids of both versions."""
    return parquet_bytes(_table(comparison, places))


def _table(comparison: Comparison, places: Codes, written: Callable[[str], str] = str) -> pa.Table:
    """Return a row for each of the changes at some places.

    Parameters
    ----------
    written: what to write for a name
    """
    changes = comparison.changes.take(places)
    columns = dict(_names(comparison, changes, written))
    columns = {"rank": pa.array(places + 1), **columns, "difference": _known(changes.differences())}
    sides = [dict(_figures(comparison, figures, written)) for figures in (changes.old, changes.new)]
    for name in sides[0]:
        columns |= {f"old_{name}": sides[0][name], f"new_{name}": sides[1][name]}
    return pa.table(columns, metadata={"table": comparison.new_id, "since": comparison.old_id})


def _names(comparison: Comparison, changes: Changes, written: Callable[[str], str]) -> Iterator[tuple[str, pa.Array]]:
    keys, questions = changes.keys, comparison.questions

    def named(names: Sequence[str | None], codes: Codes) -> pa.Array:
        return _taken([None if name is None else written(name) for name in names], codes, pa.string())

    yield "kind", named(KINDS, keys.kinds)
    yield "question", named([question.text for question in questions], keys.questions)
    yield "question_id", named([question.id for question in questions], keys.questions)
    yield "response", named([question.response for question in questions], keys.questions)
    yield "value_type", named([question.value_type for question in questions], keys.questions)
    yield "unit", named([question.unit for question in questions], keys.questions)
    yield "standardized", pa.array(keys.standardized)
    labels = [period.label for period in comparison.periods]
    if any(isinstance(label, str) for label in labels):  # numbers beside spans of years become texts
        yield "year", named(list(map(str, labels)), keys.periods)
    else:
        yield "year", _taken(labels, keys.periods, pa.int64())
    yield "location", named(comparison.locations, keys.locations)
    yield "category", named([stratum.category for stratum in comparison.strata], keys.strata)
    yield "stratum", named([stratum.name for stratum in comparison.strata], keys.strata)


def _figures(comparison: Comparison, figures: Figures, written: Callable[[str], str]) -> Iterator[tuple[str, pa.Array]]:
    """Yield the columns of one version; a cell that it lacks has nulls."""
    lacking = figures.rows == 0
    yield "value", _known(figures.values)
    yield "low", _known(figures.low)
    yield "high", _known(figures.high)
    sizes = np.nan_to_num(figures.respondents).astype(np.int64)
    yield "sample_size", pa.array(sizes, mask=np.isnan(figures.respondents))
    yield "suppressed", pa.array(figures.suppressed, mask=lacking)
    yield "footnote", _taken(list(map(written, comparison.footnotes)), figures.footnotes, pa.string())
    yield "rows", pa.array(figures.rows, mask=lacking)


def _known(figures: np.ndarray) -> pa.Array:
    return pa.array(figures, mask=np.isnan(figures))


def _taken(names: Sequence[object], codes: Codes, type_: pa.DataType) -> pa.Array:
    """Return the name of each code, null for -1."""
    return pa.array(names, type_).take(pa.array(codes, mask=codes < 0))
