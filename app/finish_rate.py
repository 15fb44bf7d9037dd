"""How fast jobs are finishing, for the time after which a refused client may try again."""

import math
import time
from collections import deque

FINISHES_LOOKED_AT = 256
LONGEST_SECONDS = 60


class FinishRate:
    """The rate at which the last jobs have finished."""

    def __init__(self) -> None:
        # Monotonic seconds. Without a lock: a deque is appended to, and its first item read, in one step each.
        self._finishes: deque[float] = deque(maxlen=FINISHES_LOOKED_AT)
        self.count = self._finishes.append  # counts a job that has finished at a monotonic time

    def seconds_for(self, jobs: int) -> int:
        """Return in how many whole seconds so many jobs will finish, from 1 to 60; 60 while nothing finishes."""
        finished = len(self._finishes)
        span = time.monotonic() - self._finishes[0] if finished else math.inf
        seconds = jobs * span / finished if finished else math.inf
        return math.ceil(min(max(seconds, 1), LONGEST_SECONDS))
