"""The classes of a map: about as many values in each, equal values together, differences on each side of zero."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.charts.look import Look

DECIMALS = 1  # values that are printed alike are in the same class
MOST_QUANTITY_CLASSES = 5
NO_CLASS = "no value"


@dataclass(frozen=True, slots=True)
class ValueClass:
    """The values from ``low`` to ``high``, both included, and their colour."""

    low: float
    high: float
    colour: str

    @property
    def label(self) -> str:
        """Its limits, as the legend prints them."""
        low, high = (f"{limit:.{DECIMALS}f}" for limit in (self.low, self.high))
        return low if low == high else f"{low} to {high}"


def value_classes(values: Sequence[float], look: Look, *, are_differences: bool) -> list[ValueClass]:
    """Return the classes of values in ascending order."""
    rounded = [_rounded(value) for value in values]
    if are_differences:
        return _around_zero(rounded, look)
    ranges = _ranges(sorted(rounded), MOST_QUANTITY_CLASSES)
    return [
        ValueClass(low, high, colour)
        for (low, high), colour in zip(ranges, _spread(look.quantities, ranges), strict=True)
    ]


def class_of(value: float, classes: Sequence[ValueClass]) -> ValueClass:
    """Return the class of one of the values that the classes were made of."""
    return next(each for each in classes if each.low <= _rounded(value) <= each.high)


def _rounded(value: float) -> float:
    return round(value, DECIMALS) + 0.0  # turns -0.0 into 0.0


def _around_zero(rounded: Sequence[float], look: Look) -> list[ValueClass]:
    """Return classes whose colours are as strong below zero as above it, for differences of the same size."""
    steps = len(look.below_zero)
    classes = []
    for place, (least, most) in enumerate(_ranges(sorted(map(abs, rounded)), steps)):
        sizes = [value for value in rounded if least <= abs(value) <= most]
        for colours, side in (
            (look.below_zero, [value for value in sizes if value < 0]),
            (look.above_zero, [value for value in sizes if value >= 0]),
        ):
            if side:
                classes.append(ValueClass(min(side), max(side), colours[place]))
    return sorted(classes, key=lambda each: each.low)


def _ranges(ordered: Sequence[float], most: int) -> list[tuple[float, float]]:
    """Split sorted values into at most ``most`` ranges of about as many values each, never between equal ones."""
    new_values = [place for place in range(1, len(ordered)) if ordered[place] != ordered[place - 1]]
    targets = [len(ordered) * part / most for part in range(1, most)]
    if len(new_values) >= most:
        new_values = sorted({min(new_values, key=lambda place: abs(place - target)) for target in targets})
    starts, ends = [0, *new_values], [*new_values, len(ordered)]
    return [(ordered[start], ordered[end - 1]) for start, end in zip(starts, ends, strict=True)] if ordered else []


def _spread(colours: Sequence[str], ranges: Sequence[object]) -> list[str]:
    """Return a colour for each range, the first and the last one at the ends."""
    last = max(len(ranges) - 1, 1)
    return [colours[round(place * (len(colours) - 1) / last)] for place in range(len(ranges))]
