"""Compare two measured figures: their ratio and its target."""

from dataclasses import dataclass

NOTHING = "-"
WORST_MARGIN = 0.5  # noise is large, so only a ratio below half of its target is a failure


class VoidRunError(RuntimeError):
    """A response was wrong or missing, so the run's figures are meaningless."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the report.

    Parameters
    ----------
    what: title of the comparison
    ours, rival: the two figures with their units, as text
    ratio: ratio of the two figures, in ``unit``
    target: the ratio to reach; None if it is only reported
    at_least: whether the target is a minimum (higher is better) or a maximum
    """

    what: str
    ours: str
    rival: str
    ratio: float
    target: float | None
    at_least: bool
    unit: str = "times"

    @property
    def margin(self) -> float | None:
        """How many times better than the target; below 1 misses it. None without a target."""
        if self.target is None:
            return None
        return self.ratio / self.target if self.at_least else self.target / self.ratio

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without a target."""
        return None if self.margin is None else self.margin >= 1

    @property
    def far_off(self) -> bool:
        """Whether the ratio is worse than half of the target; a time without a rival says as much about the machine."""
        return self.rival != NOTHING and self.margin is not None and self.margin < WORST_MARGIN

    @property
    def ratio_text(self) -> str:
        """The ratio as the report shows it."""
        shown = f"{self.ratio:,.0f}" if self.ratio >= 100 else f"{self.ratio:.3g}"
        return f"{shown} {self.unit}"

    @property
    def target_text(self) -> str:
        """The target as the report shows it."""
        if self.target is None:
            return NOTHING
        return f"at {'least' if self.at_least else 'most'} {self.target:g} {self.unit}"


def rate_over(what: str, ours: float, rival: float, unit: str, target: float | None) -> Comparison:
    """Compare two rates; higher is better."""
    return Comparison(what, f"{ours:,.0f} {unit}", f"{rival:,.0f} {unit}", ours / rival, target, at_least=True)


def times_faster(what: str, ours: float, rival: float, target: float) -> Comparison:
    """Return how many times faster ours is than the rival (both in seconds)."""
    return Comparison(what, duration(ours), duration(rival), rival / ours, target, at_least=True)


def times_slower(what: str, ours: float, rival: float, target: float) -> Comparison:
    """Return how many times slower ours is than the rival (both in seconds)."""
    return Comparison(what, duration(ours), duration(rival), ours / rival, target, at_least=False)


def duration(seconds: float) -> str:
    """Return a duration in a unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
