"""The folder of the kept tables, and atomic writes to it."""

import os
from pathlib import Path

FOLDER = "tables"  # in the results folder
FOLDER_MODE, FILE_MODE = 0o750, 0o640


def write_file(path: Path, content: bytes) -> None:
    """Write a file atomically; create its folder if it is missing.

    Raises
    ------
    OSError: it cannot be written; an earlier file stays
    """
    path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(file, "wb") as stream:
        stream.write(content)
    partial.replace(path)
