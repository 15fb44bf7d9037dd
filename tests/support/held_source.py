"""Sources that block until a test releases them: a named pipe, and a table whose last file waits for a gate."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from support.real_server import PROJECT_ROOT, entry_point_with
from support.survey_files import CDC_COLUMNS, csv_text, row

WAIT_SECONDS = 60.0
FIRST, LAST = "first.csv", "last.csv"
ROWS = 3  # of each file


def named_pipe(path: Path) -> Path:
    """Make a named pipe and return its path. Opening one end blocks until the other is opened."""
    os.mkfifo(path)
    return path


@contextmanager
def opened(pipe: Path) -> Iterator[BinaryIO]:
    """Open a named pipe for writing once a reader has opened it; the reader gets end-of-file when the block ends.

    Raises
    ------
    TimeoutError: no reader opens it
    """
    with ThreadPoolExecutor(1) as aside:
        opening = aside.submit(pipe.open, "wb", 0)
        try:
            writing = opening.result(WAIT_SECONDS)
        except TimeoutError:
            os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))  # open the other end, which unblocks the thread
            raise
    with writing:
        yield writing


def table_of_two_files(folder: Path) -> Path:
    """Write a table of two files of the same length to a new folder, and return the folder."""
    table = folder / "table"
    table.mkdir()
    for name in (FIRST, LAST):
        (table / name).write_text(csv_text([row(Data_Value=30 + number) for number in range(ROWS)], CDC_COLUMNS))
    return table


def gated_entry_point(folder: Path, gate: Path) -> Path:
    """Write a script that runs the server; loading blocks before the table's last file while the gate exists.

    The gate is a named pipe; loading continues once the test has opened and closed it.
    """
    gate_code = (
        f"import sys\nsys.path.insert(0, {str(PROJECT_ROOT)!r})\n"
        "from pathlib import Path\n"
        "from app.table.sources.files import SourceFile\n"
        f"gate, content = Path({str(gate)!r}), SourceFile.content\n"
        "def held(file):\n"
        f"    if file.name == {LAST!r} and gate.exists():\n"
        "        gate.read_bytes()\n"
        "    return content(file)\n"
        "SourceFile.content = held\n"
    )
    startup = folder / "startup"
    startup.mkdir()
    (startup / "sitecustomize.py").write_text(gate_code)  # for the process of a reload
    return entry_point_with(
        folder,
        f"{gate_code}import os\nos.environ['PYTHONPATH'] = {str(startup)!r}\n"
        "from app import data_ingestor\ndata_ingestor.SECONDS_BETWEEN_LINES = 0.0\n",
    )
