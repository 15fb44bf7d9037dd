"""A progress bar on standard error, where that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, SpinnerColumn, TimeElapsedColumn

TEXT = "{task.description}"


@contextmanager
def progress(text: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show that something goes on, and how much of it is done where ``total`` is known.

    Gives a function that is told how many are done. What is written to the terminal meanwhile stands above the bar.
    """
    counted: tuple[ProgressColumn, ...] = () if total is None else (BarColumn(), MofNCompleteColumn())
    with Progress(
        SpinnerColumn(),
        TEXT,
        *counted,
        TimeElapsedColumn(),
        console=Console(file=sys.stderr),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
        disable=not sys.stderr.isatty(),
    ) as shown:
        task = shown.add_task(text, total=total)

        def done(number: int) -> None:
            shown.update(task, completed=number)

        yield done
