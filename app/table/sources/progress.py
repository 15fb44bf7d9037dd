"""How far the reading of a source has come."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the reading of a source has come.

    ``share`` is the part of its bytes that is done, from 0 to 1, and ``seconds_left`` what the rest takes at the rate
    until now; both are None where that cannot be known.
    """

    rows_read: int
    bytes_read: int
    share: float | None = None
    seconds_left: float | None = None

    def __str__(self) -> str:
        share = "" if self.share is None else f", {self.share:.0%} done"
        left = "" if self.seconds_left is None else f", {self.seconds_left:.0f} s left"
        return f"{self.rows_read:,} rows read{share}{left}"


Tell = Callable[[Progress], None]
NOTHING_READ = Progress(0, 0)


def progress_after(rows: int, done_bytes: int, all_bytes: int, seconds: float) -> Progress:
    """Return the progress after some time; ``all_bytes`` is 0 where it is not known."""
    if not all_bytes or not done_bytes:
        return Progress(rows, done_bytes)
    share = min(done_bytes / all_bytes, 1.0)
    return Progress(rows, done_bytes, share, seconds * (1 - share) / share)


def tell_nobody(progress: Progress) -> None:
    """Drop the news."""


class NowAndThen:
    """Tells, whenever it is called, whether so many seconds have passed since it last said so, or since it was made."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = monotonic()

    def __call__(self) -> bool:
        """Tell whether it is time again."""
        now = monotonic()
        due = now - self._last >= self._seconds
        self._last = now if due else self._last
        return due
