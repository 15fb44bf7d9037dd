"""The highest and the lowest of several estimates, and which ones cannot be told from them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from app.findings.about import About
from app.findings.words import Figures, estimate_words, listed, named_or_counted
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
    """Return clauses about the highest and the lowest estimate, those like them, and those without a figure.

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
    ends = [_end("highest ", highest, kind, about), _end("lowest ", lowest, kind, about)]
    return [*ends, _told_apart(valued, highest, lowest, kind, about) if independent else "", lacking]


def _lacking(names: Sequence[str], kind: Kind) -> str:
    if not names:
        return ""
    return f"no figure for {named_or_counted(names, kind.noun)}"


def _rounded(cell: Figures) -> float:
    return round(float(cell["value"]), TIE_DECIMALS)


def _ties(cells: Sequence[Figures], value: float) -> list[Figures]:
    return [cell for cell in cells if _rounded(cell) == value]


def _end(word: str, tied: Sequence[Figures], kind: Kind, about: About) -> str:
    names = listed([kind.name(cell) for cell in tied])
    if len(tied) == 1:
        return f"{word}{kind.before} {names}, {estimate_words(tied[0], about)}"
    return f"{word}{kind.before} {names}, {estimate_words({'value': tied[0]['value']}, about)} each"


def _told_apart(
    cells: Sequence[Figures], highest: Sequence[Figures], lowest: Sequence[Figures], kind: Kind, about: About
) -> str:
    """Return which cannot be told from the highest and from the lowest; "" if the standard errors are not known."""
    found = alike_at_ends(cells, about)
    if all(like is None for like in found.values()):
        return ""
    if len(cells) == len(highest) + len(lowest):
        return "these cannot be told apart" if any(found.values()) else "these differ beyond sampling error"
    if not any(found.values()) and None not in found.values():
        return f"no other {kind.noun} is as high or as low, beyond sampling error"
    said = [
        f"{_names_or_number(like, kind)} cannot be told from the {end}"
        if like
        else f"no other {kind.noun} is as {end.removesuffix('est')}, beyond sampling error"
        for end, like in found.items()
        if like is not None
    ]
    return "; ".join(said)


def _names_or_number(cells: Sequence[Figures], kind: Kind) -> str:
    return named_or_counted([kind.name(cell) for cell in cells], kind.noun)


def alike(cells: Sequence[Figures], end: Sequence[Figures], about: About) -> list[Figures] | None:
    """Return the estimates that cannot be told from the highest or lowest; None if its standard error is not known.

    The p-values of the differences from that one are adjusted for their number by Holm's method.

    Parameters
    ----------
    cells: estimates with a value, of different people
    end: the highest or the lowest of them; several if they are tied
    """
    outermost = end[0]
    others = [cell for cell in cells if cell not in end]
    error, *errors = standard_errors([outermost, *others], about)
    if not error > 0:
        return None
    p_values = [
        difference_p(outermost["value"] - cell["value"], math.hypot(error, other)) if other > 0 else 1.0
        for cell, other in zip(others, errors, strict=True)
    ]
    return [cell for cell, p in zip(others, holm(p_values), strict=True) if p >= ALPHA]


def alike_at_ends(valued: Sequence[Figures], about: About) -> dict[str, list[Figures] | None]:
    """Return the estimates that cannot be told from the highest and from the lowest, by end; None as in ``alike``."""
    ends = {"highest": max, "lowest": min}
    return {end: alike(valued, _ties(valued, pick(map(_rounded, valued))), about) for end, pick in ends.items()}


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
