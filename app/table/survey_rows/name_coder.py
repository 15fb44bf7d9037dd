"""``NameCoder``: the one place where names enter a table, as integer codes and clean text."""

import numpy as np

from app.table.cells import Codes
from app.table.sources.controls import replace_controls
from app.table.sources.frame import SourceFrame


class NameCoder:
    """Encode the names in a frame's columns, without spaces around them and without control characters.

    ``changed`` has the column and the text of each name in which a control character was replaced.
    """

    def __init__(self, frame: SourceFrame) -> None:
        self._frame = frame
        self.changed: set[tuple[str, str]] = set()

    def encode(self, column: str) -> tuple[Codes, list[str]]:
        """Return the code of each field and the names by code, sorted; an empty field has the code -1."""
        field_of_row, fields = self._frame.distinct(column)
        texts = [str(field).strip() for field in fields]
        names = list(map(replace_controls, texts))
        self.changed.update((column, text) for text, name in zip(texts, names, strict=True) if text != name)
        distinct = sorted(set(names) - {""})
        code_of = {name: code for code, name in enumerate(distinct)} | {"": -1}
        code_of_field = np.array([*(code_of[name] for name in names), -1], dtype=np.int64)  # the last: a missing field
        return code_of_field[field_of_row], distinct
