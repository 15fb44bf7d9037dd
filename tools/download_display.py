"""How far a download is: a bar on a terminal, plain lines elsewhere."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TimeRemainingColumn, TransferSpeedColumn

BYTES_PER_MB = 1_000_000
LINES_PER_FILE = 10
LINE_BYTES = 10 * BYTES_PER_MB  # between two lines where the length of the file is not known


class Bar:
    """A bar with the megabytes that have come, the rate, and the time left."""

    def __init__(self, console: Console) -> None:
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console)
        self._task: TaskID = self._progress.add_task("", total=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, done_bytes: int, total_bytes: int | None) -> None:
        """Move the bar; without a total it only shows that something goes on."""
        self._progress.start()  # only now: where nothing comes there is no bar
        self._progress.update(self._task, completed=done_bytes, total=total_bytes)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


class Lines:
    """A line for each tenth of the file, or for each ten megabytes where its length is not known."""

    def __init__(self) -> None:
        self._next_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave nothing behind: every line has been written."""

    def show(self, done_bytes: int, total_bytes: int | None) -> None:
        """Print how many megabytes have come, where that is due."""
        step = total_bytes / LINES_PER_FILE if total_bytes else LINE_BYTES
        if done_bytes < self._next_bytes:
            return
        self._next_bytes = int((done_bytes // step + 1) * step)
        of_total = f" of {total_bytes / BYTES_PER_MB:.1f}" if total_bytes else ""
        self.say(f"{done_bytes / BYTES_PER_MB:.1f}{of_total} MB")

    def say(self, line: str) -> None:
        """Print a line at once."""
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def fitting_display() -> Bar | Lines:
    """Return a bar where standard output is a terminal, lines where it is a file or a pipe."""
    console = Console()
    return Bar(console) if console.is_terminal else Lines()
