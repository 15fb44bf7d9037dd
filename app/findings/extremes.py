"""The highest and the lowest of several estimates, and how many cannot be told from the highest."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from app.findings.about import About
from app.findings.words import NAMES_LISTED, Figures, counted, estimate_words, listed
from app.table.cells import TIE_DECIMALS
from app.table.confidence_limits import linear_errors, logit_errors
from app.table.question import PERCENT

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Kind:
    """What the estimates are of: a word for one of them, what stands before its name, and its name in words."""

    noun: str
    before: str
    name: Callable[[Figures], str]


def extremes(cells: Sequence[Figures], kind: Kind, about: About, *, independent: bool = True) -> list[str]:
    """Return clauses about the highest and the lowest estimate, those like the highest, and those without a figure.

    Parameters
    ----------
    independent: whether the estimates are of different people, so that their differences can be tested
    """
    valued = [cell for cell in cells if cell["value"] is not None]
    if not valued:
        return [f"no figure for any {kind.noun}"]
    highest, lowest = (_ties(valued, pick(_rounded(cell) for cell in valued)) for pick in (max, min))
    lacking = _lacking([kind.name(cell) for cell in cells if cell["value"] is None], kind)
    if len(highest) == len(valued):
        return [_end("", highest, kind, about), lacking]
    alike = _alike(valued, highest, kind, about) if independent else ""
    ends = [_end("highest ", highest, kind, about), _end("lowest ", lowest, kind, about)]
    return [*ends, alike, lacking]


def _lacking(names: Sequence[str], kind: Kind) -> str:
    if not names:
        return ""
    return f"no figure for {listed(names) if len(names) <= NAMES_LISTED else counted(len(names), kind.noun)}"


def _rounded(cell: Figures) -> float:
    return round(float(cell["value"]), TIE_DECIMALS)


def _ties(cells: Sequence[Figures], value: float) -> list[Figures]:
    return [cell for cell in cells if _rounded(cell) == value]


def _end(word: str, tied: Sequence[Figures], kind: Kind, about: About) -> str:
    names = listed([kind.name(cell) for cell in tied])
    if len(tied) == 1:
        return f"{word}{kind.before} {names}, {estimate_words(tied[0], about)}"
    return f"{word}{kind.before} {names}, {estimate_words({'value': tied[0]['value']}, about)} each"


def _alike(cells: Sequence[Figures], highest: Sequence[Figures], kind: Kind, about: About) -> str:
    """Return how many cannot be told from the highest; "" if its standard error is not known."""
    top = highest[0]
    others = [cell for cell in cells if cell not in highest]
    error, *errors = standard_errors([top, *others], about)
    if not error > 0:
        return ""
    p_values = [
        difference_p(top["value"] - cell["value"], math.hypot(error, other)) if other > 0 else 1.0
        for cell, other in zip(others, errors, strict=True)
    ]
    alike = [kind.name(cell) for cell, p in zip(others, holm(p_values), strict=True) if p >= ALPHA]
    if not alike:
        return f"no other {kind.noun} is as high, beyond sampling error"
    names = alike[0] if len(alike) == 1 else counted(len(alike), kind.noun)
    return f"{names} cannot be told from the highest"


def standard_errors(cells: Sequence[Figures], about: About) -> list[float]:
    """Return the standard errors behind the limits of estimates, in the unit of the question; NaN without limits."""
    names = ("value", "low", "high")
    values, low, high = (np.array([cell.get(name) for cell in cells], dtype=np.float64) for name in names)
    if about.scale == "logit":
        return [float(error) for error in logit_errors(values, low, high)]
    return [float(error) for error in linear_errors(values, low, high, about.unit == PERCENT)]


def difference_p(difference: float, error: float) -> float:
    """Return the two-sided p-value of a difference with a normal standard error."""
    return math.erfc(abs(difference) / error / math.sqrt(2))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number, so that at 5 % none of those that are equal is called different.

    S. Holm, A simple sequentially rejective multiple test procedure (Scandinavian Journal of Statistics 6, 1979).
    """
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted
