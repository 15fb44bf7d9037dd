"""When to replace a worker process that died: at once, after a pause, or not at all."""

SHORT_LIFE_SECONDS = 5.0  # a worker that dies sooner has died at once
MOST_SHORT_LIVES = 10  # in a row
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0


class Respawns:
    """The lives of one worker after another, and the pause before the next one.

    A single death is followed by a new worker immediately. Further workers that die at once wait longer and longer, so
    that a fault that each of them meets does not take the whole machine.
    """

    def __init__(self) -> None:
        self.short_lives = 0  # in a row

    def pause_after(self, life_seconds: float) -> float | None:
        """Return the seconds to wait after a worker's death; None if there should be no other worker."""
        self.short_lives = self.short_lives + 1 if life_seconds < SHORT_LIFE_SECONDS else 0
        if self.short_lives >= MOST_SHORT_LIVES:
            return None
        if self.short_lives < 2:
            return 0.0
        return min(FIRST_PAUSE_SECONDS * 2.0 ** (self.short_lives - 1), LONGEST_PAUSE_SECONDS)
