"""Where results go and in what form: a readable table or JSON made here, or a form that the server makes."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from app.client.client import FORM_TYPES
from app.client.errors import UsageError
from app.client.tables import Section, rendered

TABLE, JSON = "table", "json"
FORMS = (TABLE, JSON, *FORM_TYPES)
BINARY_FORMS = frozenset({"parquet", "png"})
UNLIMITED_CHARS = 100_000


@dataclass(frozen=True, slots=True)
class Destination:
    """A form, and the file that it goes to: none means standard output."""

    form: str
    path: Path | None

    def write(self, content: bytes) -> None:
        """Write what there is to write.

        Raises
        ------
        OSError: it cannot be written
        """
        if self.path is None:
            sys.stdout.flush()
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        else:
            self.path.write_bytes(content)


def destination(form: str | None, path: Path | None) -> Destination:
    """Return where a result goes; without a form the name of the file says which, and else it is a table.

    Raises
    ------
    UsageError: the folder of the file is missing, or the form is none for a terminal
    """
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"--output {path}: there is no folder {str(path.parent)!r}")
    suffix = path.suffix.lower().lstrip(".") if path else ""
    chosen = form or (suffix if suffix in FORMS else TABLE)
    if chosen in BINARY_FORMS and path is None and sys.stdout.isatty():
        raise UsageError(f"{chosen} is nothing for a terminal; name a file by --output")
    return Destination(chosen, path)


def as_json(content: Any) -> bytes:
    """Return JSON as it is read best, with a line break at the end."""
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def as_table(found: Sequence[Section], path: Path | None = None) -> str:
    """Return tables as text: as wide as the terminal where they go there, and else as wide as they are."""
    terminal = path is None and sys.stdout.isatty()
    return rendered(found, shutil.get_terminal_size().columns if terminal else UNLIMITED_CHARS)


def tell(text: str) -> None:
    """Tell the user something that is no result: on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
