"""Loading progress: how much of a source is read, and how often to report it."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of a source is read.

    ``share`` is the part of its bytes that is read, from 0 to 1; ``seconds_left`` is what the rest takes at the average
    rate so far. Both are None when the size of the source is unknown.
    """

    rows_read: int
    bytes_read: int
    share: float | None = None
    seconds_left: float | None = None

    def __str__(self) -> str:
        share = "" if self.share is None else f", {self.share:.0%} done"
        left = "" if self.seconds_left is None else f", {self.seconds_left:.0f} s left"
        return f"{self.rows_read:,} rows read{share}{left}"


OnProgress = Callable[[Progress], None]
NOTHING_READ = Progress(0, 0)


def progress_after(rows: int, bytes_read: int, total_bytes: int, seconds: float) -> Progress:
    """Return the progress after so many seconds; ``total_bytes`` is 0 when the size is unknown."""
    if not total_bytes or not bytes_read:
        return Progress(rows, bytes_read)
    share = min(bytes_read / total_bytes, 1.0)
    return Progress(rows, bytes_read, share, seconds * (1 - share) / share)


def ignore_progress(progress: Progress) -> None:
    """Do nothing: the callback for callers that show no progress."""


class Throttle:
    """Limits how often something happens."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = monotonic()

    def __call__(self) -> bool:
        """Return True at most once every ``seconds``, counted from the creation."""
        now = monotonic()
        due = now - self._last >= self._seconds
        self._last = now if due else self._last
        return due
