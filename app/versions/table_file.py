"""A table as a Parquet file: its cells as rows, all else as JSON in the file's metadata."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet
from pydantic import TypeAdapter

from app.errors import one_line
from app.table.cells import Cells
from app.table.conflict import Conflict
from app.table.question import Question, QuestionData
from app.table.survey_table import DatasetReport, Location, Period, Stratum, SurveyTable

METADATA_KEY, CHECKSUM_KEY = b"health_statistics", b"health_statistics_sha256"  # the id covers the cells
FORMAT = 1
QUESTION, STANDARDIZED = "question", "standardized"  # columns beside those of Cells
CELL_COLUMNS = tuple(field.name for field in fields(Cells))
COMPRESSION = "zstd"


class TableFileError(ValueError):
    """The file is damaged, or not of a table."""


@dataclass(frozen=True, slots=True)
class _QuestionNames:
    """A question without its cells; ``standardized`` says whether it has cells standardised by age."""

    question: Question
    conflict: Conflict | None
    standardized: bool


@dataclass(frozen=True, slots=True)
class _Names:
    """What the codes in the cells stand for, and where the table comes from."""

    format: int
    locations: tuple[Location, ...]
    strata: tuple[Stratum, ...]
    periods: tuple[Period, ...]
    questions: tuple[_QuestionNames, ...]
    report: DatasetReport


_names = TypeAdapter(_Names)


def table_bytes(table: SurveyTable) -> bytes:
    """Return a table as Parquet, from which ``read_table_file`` makes an equal one."""
    names = _Names(
        FORMAT,
        table.locations,
        table.strata,
        table.periods,
        tuple(_QuestionNames(data.question, data.conflict, data.standardized is not None) for data in table.questions),
        table.report,
    )
    parts = [(code, False, data.cells) for code, data in enumerate(table.questions)]
    parts += [(code, True, data.standardized) for code, data in enumerate(table.questions) if data.standardized]
    arrays = {
        QUESTION: np.concatenate([np.full(cells.rows.size, code) for code, _, cells in parts]),
        STANDARDIZED: np.concatenate([np.full(cells.rows.size, flag) for _, flag, cells in parts]),
    }
    cells = Cells.concatenate([cells for _, _, cells in parts])
    arrays |= {name: getattr(cells, name) for name in CELL_COLUMNS}
    content = io.BytesIO()
    about = _names.dump_json(names)
    rows = pa.table(arrays, metadata={METADATA_KEY: about, CHECKSUM_KEY: hashlib.sha256(about).hexdigest()})
    parquet.write_table(rows, content, compression=COMPRESSION)
    del rows, arrays, cells
    pa.default_memory_pool().release_unused()  # or the process would keep some 40 MiB for it
    return content.getvalue()


def read_table_file(path: Path) -> SurveyTable:
    """Return the table in a file, which is named after the table's id.

    Raises
    ------
    TableFileError: the file is damaged, or holds another table
    OSError: it cannot be read
    """
    content = path.read_bytes()
    try:
        rows = parquet.read_table(pa.BufferReader(content), use_threads=False)
        about = rows.schema.metadata[METADATA_KEY]
        is_whole = rows.schema.metadata[CHECKSUM_KEY].decode() == hashlib.sha256(about).hexdigest()
        names = _names.validate_json(about)
        # Zero-copy arrays would keep the whole buffer of the file, and are read-only in a way that pickling undoes.
        columns = {name: np.array(rows.column(name).to_numpy()) for name in (QUESTION, STANDARDIZED, *CELL_COLUMNS)}
        questions = _questions(names.questions, columns)
    except Exception as error:  # a damaged file makes pyarrow raise whatever it stumbles over, OSError too
        raise TableFileError(f"{path.name} is damaged: {one_line(error)}") from error
    table = SurveyTable(
        locations=names.locations,
        strata=names.strata,
        periods=names.periods,
        questions=questions,
        report=names.report,
    )
    if not is_whole or table.id != path.stem:
        raise TableFileError(f"{path.name} holds another table")
    return table


def _questions(names: Sequence[_QuestionNames], columns: dict[str, NDArray[Any]]) -> list[QuestionData]:
    """Return the questions with their cells; the rows of each are next to each other."""
    codes, standardized = columns.pop(QUESTION), columns.pop(STANDARDIZED)

    def cells_of(code: int, flag: bool) -> Cells:
        chosen = (codes == code) & (standardized == flag)
        return Cells(**{name: array[chosen] for name, array in columns.items()})

    return [
        QuestionData(
            about.question, cells_of(code, False), about.conflict, cells_of(code, True) if about.standardized else None
        )
        for code, about in enumerate(names)
    ]
