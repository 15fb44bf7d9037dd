"""Findings of simple means of rows: the nine statistics, and rankings of any length."""

from ast import literal_eval
from collections.abc import Mapping
from typing import Any

from app.findings.about import About
from app.findings.extremes import Kind, extremes
from app.findings.words import is_nation, place_words, points, quantity, sentence

CAVEAT = "Simple means of rows: every year and group counts alike, so this is not a published figure."
PLACES = Kind("place", "in", lambda cell: place_words(cell["location"]))
GROUPS = Kind("group", "among", lambda cell: str(cell["group"]))


def means(data: Mapping[str, float], about: About) -> str:
    """Return the highest and the lowest of the means by location."""
    cells = [{"location": name, "value": mean} for name, mean in data.items()]
    places = [cell for cell in cells if not is_nation(str(cell["location"]))] or cells
    return _with_caveat(sentence(*extremes(places, PLACES, about)))


def first_means(data: Mapping[str, float], about: About) -> str:
    """Return the ends of a list of ranked means."""
    (first, *_), (*_, last) = data.items(), data.items()
    ends = [(1, first), *([(len(data), last)] if len(data) > 1 else [])]
    clauses = [f"number {place}: {place_words(name)}, {quantity(mean, about)}" for place, (name, mean) in ends]
    return _with_caveat(sentence(*clauses))


def one_mean(data: Mapping[str, float], about: About) -> str:
    """Return the mean over all rows."""
    return _with_caveat(sentence(quantity(data["global_mean"], about)))


def differences(data: Mapping[str, float], about: About) -> str:
    """Return which locations are furthest from the mean of all rows; the differences are that less their means."""
    places = {name: gap for name, gap in data.items() if not is_nation(name)} or data
    ends = sorted({min(places, key=places.__getitem__), max(places, key=places.__getitem__)}, key=places.__getitem__)
    clauses = [f"{place_words(name)} is {_beside(places[name], about)}" for name in ends]
    return _with_caveat(sentence(*clauses))


def _beside(gap: float, about: About) -> str:
    return f"{points(abs(gap), about)} {'below' if gap > 0 else 'above'} the mean of all rows"


def means_by_group(data: Mapping[str, Any], about: About) -> str:
    """Return the highest and the lowest of the means by group, in one location or in all."""
    cells = []
    for key, mean in data.items():
        for text, value in mean.items() if isinstance(mean, Mapping) else [(key, mean)]:
            *place, category, stratum = literal_eval(text)
            where = "".join(f" in {place_words(name)}" for name in place)
            cells.append({"group": f"{stratum} ({category}){where}", "value": value})
    return _with_caveat(sentence(*extremes(cells, GROUPS, about)))


def _with_caveat(text: str) -> str:
    return f"{text} {CAVEAT}"
