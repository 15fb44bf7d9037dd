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
    """The times that are recorded of jobs, in seconds since 1970 (UTC): those of the wall clock, without its steps.

    ``now`` may be called from any thread, ``is_steady`` from one.

    Parameters
    ----------
    not_before: the latest time that an earlier run recorded, 0 if there is nothing of an earlier run
    """

    def __init__(self, not_before: float = 0.0) -> None:
        behind = not_before - time.time()
        if behind > STEP_SECONDS:
            logger.warning(
                "the clock is %.0f s behind the journal, whose time is recorded until it has caught up", behind
            )
        # What is added to the monotonic clock. It follows small adjustments of the wall clock at once, a step forward
        # after ``SETTLE_SECONDS``, and a step back never: a job must not look older than it is.
        self._offset = _offset() + max(behind, 0.0)
        self._wall_offset = _offset()
        # Without jobs of an earlier run, nothing depends on how right the clock is at the start.
        self._steady_from = time.monotonic() + (SETTLE_SECONDS if not_before else 0.0)
        self._earliest = self._latest = 0.0
        self._expect()

    def _expect(self) -> None:
        """Set between which two times the wall clock is taken for right without asking the other clock."""
        now = time.monotonic() + self._offset
        self._earliest, self._latest = now - STEP_SECONDS, now + STEP_SECONDS

    def now(self) -> float:
        """Return the time to record."""
        wall = time.time()
        if self._earliest < wall < self._latest:
            return wall
        steady = time.monotonic() + self._offset
        return wall if -STEP_SECONDS < wall - steady < STEP_SECONDS else steady

    def is_steady(self) -> bool:
        """Return whether the wall clock has not been set for ``SETTLE_SECONDS``; log it if it has just been.

        To be called about once a second.
        """
        offset = _offset()
        step, self._wall_offset = offset - self._wall_offset, offset
        if abs(step) > STEP_SECONDS:
            logger.warning(
                "the clock was set by %+.0f s; no job is removed for its age in the next %g s", step, SETTLE_SECONDS
            )
            self._steady_from = time.monotonic() + SETTLE_SECONDS
        steady = time.monotonic() >= self._steady_from
        if abs(offset - self._offset) <= STEP_SECONDS or (steady and offset > self._offset):
            self._offset = offset
        self._expect()
        return steady


def _offset() -> float:
    return time.time() - time.monotonic()
