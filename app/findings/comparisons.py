"""Findings of trends, of comparisons, and of two questions."""

from typing import Any

from app.findings.about import About, short_name
from app.findings.extremes import ALPHA
from app.findings.words import (
    NO_BREAK,
    Figures,
    counted,
    estimate_words,
    in_brackets,
    limits,
    place_words,
    points,
    sentence,
    year_span,
)

NOUNS = {"location": "place", "year": "year", "stratum": "group"}


def trend(data: Any, about: About) -> str:
    """Return the finding of a trend: the slope of its line, and whether that differs from zero."""
    slope, years = data["slope"], [cell for cell in data["years"] if cell["value"] is not None]
    first, last = years[0], years[-1]
    ends = f"{estimate_words(first, about)} in {first['year']}, {estimate_words(last, about)} in {last['year']}"
    if slope["p_value"] >= ALPHA:
        change = f"no steady change can be told: {_slope(slope['value'], slope['low'], slope['high'], about)}"
    elif slope["value"] > 0:
        change = f"rose by {_slope(slope['value'], slope['low'], slope['high'], about)}"
    else:
        change = f"fell by {_slope(-slope['value'], -slope['high'], -slope['low'], about)}"
    fit = (data.get("lack_of_fit") or {}).get("p_value")
    bent = "the years do not lie on one line" if fit is not None and fit < ALPHA else ""
    return sentence(change, ends, bent)


def _slope(value: float, low: float, high: float, about: About) -> str:
    unit = points(value, about).partition(NO_BREAK)[2]
    return f"{value:.2f}{NO_BREAK}{unit} a year ({limits(low, high, 2)})"


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
    noun, told = NOUNS[data["across"]], [cell for cell in data["others"] if cell["p_adjusted"] < ALPHA]
    above = sum(cell["difference"] > 0 for cell in told)
    alike = len(data["others"]) - len(told)
    reference = f"{_reference(data)}, {estimate_words(data['reference'], about)}"
    return sentence(
        f"{counted(above, noun)} {'is' if above == 1 else 'are'} above {reference}",
        f"{len(told) - above} below",
        f"{alike} cannot be told from it" + in_brackets(f"adjusted for {counted(data['comparisons'], 'comparison')}"),
    )


def _reference(data: Any) -> str:
    cell = data["reference"]
    key = data["across"]
    return place_words(cell[key]) if key == "location" else str(cell[key])


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
