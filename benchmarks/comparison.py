"""What a measurement hands to the report: two figures, their ratio, and the ratio that is wanted."""

from dataclasses import dataclass

NOTHING = "-"
WORST_MARGIN = 0.5  # noise is large, so only what falls below half of a target counts as a failure


class VoidRunError(RuntimeError):
    """An answer was wrong or missing, so that the figures of the run say nothing."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the report.

    Parameters
    ----------
    what: what is compared with what
    ours, rival: the two figures with their units, as text
    ratio: the figure that has a target, which ``unit`` says what it counts
    target: what is wanted of the ratio, None where it is only told
    at_least: whether a high ratio is good
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
        """How many times better than the target, None where there is none; below 1 the target is missed."""
        if self.target is None:
            return None
        return self.ratio / self.target if self.at_least else self.target / self.ratio

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached, None where there is none."""
        return None if self.margin is None else self.margin >= 1

    @property
    def far_off(self) -> bool:
        """Whether the ratio is worse than half of the target."""
        return self.margin is not None and self.margin < WORST_MARGIN

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
    """Compare two rates, of which the higher is the better one."""
    return Comparison(what, f"{ours:,.0f} {unit}", f"{rival:,.0f} {unit}", ours / rival, target, at_least=True)


def times_faster(what: str, ours: float, rival: float, target: float) -> Comparison:
    """Tell how many times less time ours takes (both in seconds)."""
    return Comparison(what, duration(ours), duration(rival), rival / ours, target, at_least=True)


def times_slower(what: str, ours: float, rival: float, target: float) -> Comparison:
    """Tell how many times more time ours takes (both in seconds)."""
    return Comparison(what, duration(ours), duration(rival), ours / rival, target, at_least=False)


def duration(seconds: float) -> str:
    """Return a duration in a unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
