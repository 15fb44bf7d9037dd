"""Which finished jobs are kept, and the clocks that decide it.

The wall clock can be set forward or back while the server runs, or be wrong when it starts. So the age of a job that
ended in this run is measured by the monotonic clock, and that of an earlier one by the wall clock, but only once that
has not been set for ``SETTLE_SECONDS``.
"""

import logging
import time
from dataclasses import dataclass

logger = logging.getLogger(__name__)

STEP_SECONDS = 60.0  # a larger difference between the two clocks is a step, a smaller one an adjustment
SETTLE_SECONDS = 600.0
UNLIMITED_BYTES = 2**63


@dataclass(frozen=True, slots=True)
class Retention:
    """Limits on finished jobs: how many are kept, for how long (seconds), and how many bytes their results have."""

    jobs: int
    seconds: float
    bytes: int = UNLIMITED_BYTES


class JobClock:
    """The times that are recorded of jobs, in seconds since 1970 (UTC): those of the wall clock, but not before a
    time that was recorded earlier.

    Parameters
    ----------
    not_before: the latest time that an earlier run recorded, 0 if there is none
    """

    def __init__(self, not_before: float = 0.0) -> None:
        self._not_before = not_before
        behind = not_before - time.time()
        if behind > STEP_SECONDS:
            logger.warning(
                "the clock is %.0f s behind the journal; its last time is recorded until the clock has caught up",
                behind,
            )

    def now(self) -> float:
        """Return the time to record."""
        return max(time.time(), self._not_before)


class ClockWatch:
    """Notices steps of the wall clock. Used by one thread.

    Parameters
    ----------
    steady: whether the clock counts as steady at the start, which it need not be if there is nothing of an earlier run
    """

    def __init__(self, *, steady: bool) -> None:
        self._offset = _offset()
        self._steady_from = time.monotonic() + (0.0 if steady else SETTLE_SECONDS)

    def is_steady(self) -> bool:
        """Return whether the wall clock has not been set for ``SETTLE_SECONDS``; log it if it has just been."""
        offset = _offset()
        step, self._offset = offset - self._offset, offset
        if abs(step) > STEP_SECONDS:
            logger.warning(
                "the clock was set by %+.0f s; no job is removed for its age in the next %g s",
                step,
                SETTLE_SECONDS,
            )
            self._steady_from = time.monotonic() + SETTLE_SECONDS
        return time.monotonic() >= self._steady_from


def _offset() -> float:
    return time.time() - time.monotonic()
