"""Findings of trends, of comparisons, and of two questions."""

import math
from collections.abc import Sequence
from typing import Any

from app.findings.about import About, short_name
from app.findings.extremes import ALPHA
from app.findings.words import (
    NO_BREAK,
    Figures,
    counted,
    estimate_words,
    limits,
    listed,
    named_or_counted,
    place_words,
    points,
    sentence,
    year_span,
)

NO_CHANGE, BENT = "no steady change can be told", "the years do not lie on one line"
NOUNS = {"location": "place", "year": "year", "stratum": "group"}


def trend(data: Any, about: About) -> str:
    """Return the finding of a trend: the slope of its line, and whether that differs from zero."""
    slope, years = data["slope"], [cell for cell in data["years"] if cell["value"] is not None]
    first, last = years[0], years[-1]
    ends = f"{estimate_words(first, about)} in {first['year']}, {estimate_words(last, about)} in {last['year']}"
    verb = _verb(slope, slope["p_value"])
    change = f"{verb} by {_size(slope, about)}" if verb else f"{NO_CHANGE}: {_slope(slope, about)}"
    return sentence(change, ends, BENT if _is_bent(data) else "")


def trends(data: Any, about: About) -> str:
    """Return the finding of several trends: which rise, which fall, and of which neither can be told."""
    words: dict[str, list[str]] = {"rose": [], "fell": [], "": []}
    for line in data["trends"]:
        verb = _verb(line["slope"], line["slope"]["p_adjusted"])
        size = f"by {_size(line['slope'], about)}" if verb else _slope(line["slope"], about)
        words[verb].append(f"{size} in {place_words(line['location'])}")
    bent = [place_words(line["location"]) for line in data["trends"] if _is_bent(line)]
    return sentence(
        *(f"{verb} {', '.join(words[verb])}" for verb in ("rose", "fell") if words[verb]),
        f"{NO_CHANGE}: {', '.join(words[''])}" if words[""] else "",
        _slopes_apart(data["trends"], about),
        f"{BENT} in {listed(bent)}" if bent else "",
    )


def _slopes_apart(lines: Sequence[Any], about: About) -> str:
    """Return whether two slopes differ; "" if there are not two.

    The limits of their difference follow from their own, which need not be normal: G. Zou and A. Donner, Construction
    of confidence limits about effect measures: a general approach (Statistics in Medicine 27, 2008).
    """
    if len(lines) != 2:
        return ""
    lower, higher = sorted((line["slope"] for line in lines), key=lambda slope: float(slope["value"]))
    gap = higher["value"] - lower["value"]
    low = gap - math.hypot(higher["value"] - higher["low"], lower["high"] - lower["value"])
    high = gap + math.hypot(higher["high"] - higher["value"], lower["value"] - lower["low"])
    if low <= 0:
        return "the two slopes cannot be told apart"
    return f"the two slopes differ by {_slope({'value': gap, 'low': low, 'high': high}, about)}"


def _verb(slope: Figures, p_value: float) -> str:
    """Return what a figure did; "" if its slope cannot be told from zero."""
    if p_value >= ALPHA:
        return ""
    return "rose" if slope["value"] > 0 else "fell"


def _size(slope: Figures, about: About) -> str:
    """Return the size of a slope that can be told from zero."""
    falls = {"value": -slope["value"], "low": -slope["high"], "high": -slope["low"]}
    return _slope(slope if slope["value"] > 0 else falls, about)


def _slope(slope: Figures, about: About) -> str:
    unit = points(slope["value"], about).partition(NO_BREAK)[2]
    return f"{slope['value']:.2f}{NO_BREAK}{unit} a year ({limits(slope['low'], slope['high'], 2)})"


def _is_bent(line: Any) -> bool:
    p_value = (line.get("lack_of_fit") or {}).get("p_value")
    return p_value is not None and p_value < ALPHA


def compare(data: Any, about: About) -> str:
    """Return the finding of a comparison of two estimates."""
    a, b = (_side(data["dimension"], data[side]) for side in ("a", "b"))
    figures = [f"{name}, {estimate_words(data[side], about)}" for name, side in ((a, "a"), (b, "b"))]
    gap = data["difference"]
    if gap["p_value"] >= ALPHA:
        apart = f"{points(gap['value'], about)} ({limits(gap['low'], gap['high'])})"
        names = " and ".join(_named(data["dimension"], data[side]) for side in ("a", "b"))
        return sentence(f"{names} cannot be told apart", *figures, f"a difference of {apart}")
    higher, lower = (a, b) if gap["value"] > 0 else (b, a)
    ends = (gap["low"], gap["high"]) if gap["value"] > 0 else (-gap["high"], -gap["low"])
    return sentence(f"higher {higher} than {lower} by {points(abs(gap['value']), about)} ({limits(*ends)})", *figures)


def _named(dimension: str, cell: Figures) -> str:
    """Return the name of one side of a comparison, such as ``Ohio``."""
    if dimension == "stratum":
        return f"“{cell['stratum']}”"
    return place_words(cell["location"]) if dimension == "location" else year_span(cell["years"])


def _side(dimension: str, cell: Figures) -> str:
    """Return one side of a comparison in words, such as ``in Ohio``."""
    return f"{'among' if dimension == 'stratum' else 'in'} {_named(dimension, cell)}"


def compare_all(data: Any, about: About) -> str:
    """Return how many estimates lie above and below the reference after the adjustment for their number."""
    told = [cell for cell in data["others"] if cell["p_adjusted"] < ALPHA]
    above, below = ([cell for cell in told if (cell["difference"] > 0) is side] for side in (True, False))
    alike = [cell for cell in data["others"] if cell["p_adjusted"] >= ALPHA]
    reference = f"{_reference(data)}, {estimate_words(data['reference'], about)}"
    adjusted = f"adjusted for {counted(data['comparisons'], 'comparison')}"
    return sentence(
        f"{_names_or_number(above, data)} {'is' if len(above) == 1 else 'are'} above {reference}",
        f"{_names_or_number(below, data)} below",
        f"{_names_or_number(alike, data)} cannot be told from it",
        f"{adjusted}: of those above and below, about 5 % may be there by chance" if told else adjusted,
    )


def _names_or_number(cells: Sequence[Figures], data: Any) -> str:
    across = data["across"]
    return named_or_counted([_name(cell, across) for cell in cells], NOUNS[across])


def _name(cell: Figures, across: str) -> str:
    return place_words(cell[across]) if across == "location" else str(cell[across])


def _reference(data: Any) -> str:
    return _name(data["reference"], data["across"])


def correlate(data: Any, about: About) -> str:
    """Return whether two questions go together across locations."""
    found = data["spearman"]
    first, second = (short_name(data[name]) for name in ("question", "other_question"))
    rho = f"rank correlation {found['rho']:.2f} ({limits(found['low'], found['high'], 2)})"
    across = f"across {counted(data['locations'], 'place')}, not across people"
    if found["p_value"] is None or found["p_value"] >= ALPHA:
        return sentence(f"no association can be told: {rho}", across)
    ways = "high" if found["rho"] > 0 else "low"
    return sentence(f"where “{first}” is high, “{second}” tends to be {ways}: {rho}", across)
