"""Findings of estimates: by location, year or group, ranks, and disparities."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from app.findings.about import About
from app.findings.extremes import ALPHA, Kind, alike_at_ends, difference_p, extremes, standard_errors
from app.findings.words import (
    Figures,
    estimate_words,
    in_brackets,
    is_nation,
    limits,
    place_words,
    points,
    sentence,
)
from app.table.cells import LIMITS_Z
from app.table.stratification import NOT_A_GROUP, TOTAL

MOST_CHANGES = 3  # places of which the finding gives the change each


def _group_in_place(cell: Figures) -> str:
    group = cell.get("stratum") or cell.get("category") or "all"
    return f"{group} in {place_words(cell['location'])}"


PLACES = Kind("place", "in", lambda cell: place_words(cell["location"]))
GROUPS = Kind("group", "among", lambda cell: str(cell["stratum"]))
CATEGORIES = Kind("group", "among", lambda cell: f"{cell.get('stratum') or 'all'} ({cell['category']})")
GROUPS_OF_PLACES = Kind("place and group", "among", _group_in_place)


def estimate(data: Sequence[Figures], about: About) -> str:
    """Return the finding of estimates for each combination of some keys."""
    keys = {key for key in ("location", "year", "category", "stratum") if key in data[0]}
    if len(data) == 1:
        return sentence(estimate_words(data[0], about) + _respondents(data[0]))
    if "year" in keys:
        return _over_years(data, keys - {"year"}, about)
    return sentence(*_at_one_time(data, keys, about))


def _at_one_time(data: Sequence[Figures], keys: set[str], about: About) -> list[str]:
    if keys == {"location"}:
        return _places(data, about)
    if "location" not in keys:
        groups = [cell for cell in data if cell.get("stratum") not in {NOT_A_GROUP, TOTAL}]
        categories = {cell.get("category") for cell in groups}
        several = len(categories) > 1 or "stratum" not in keys
        kind = CATEGORIES if several else GROUPS
        ends = extremes(groups, kind, about, independent=bool(about.category)) if groups else []
        return [*ends, *_left_out(data)]
    states = [cell for cell in data if not is_nation(cell["location"]) and cell.get("stratum") != NOT_A_GROUP]
    ends = extremes(states, GROUPS_OF_PLACES, about, independent=False) if states else []
    return [*ends, *_left_out(data)]


def _left_out(cells: Sequence[Figures]) -> list[str]:
    """Return a clause about those who did not answer, if there is a figure of them."""
    known = any(cell.get("stratum") == NOT_A_GROUP and cell["value"] is not None for cell in cells)
    return [f"those who did not answer (“{NOT_A_GROUP}”) are not compared"] if known else []


def _places(data: Sequence[Figures], about: About) -> list[str]:
    places = [cell for cell in data if not is_nation(cell["location"])]
    nation = [f"the nation: {estimate_words(cell, about)}" for cell in data if is_nation(cell["location"])]
    return [*(extremes(places, PLACES, about) if places else []), *nation]


def alike_places(data: Sequence[Figures], about: About) -> dict[str, list[str]]:
    """Return the places that cannot be told from the highest and the lowest, by end; none by year or group."""
    if not data or set(data[0]) & {"year", "category", "stratum"} or "location" not in data[0]:
        return {}
    places = [cell for cell in data if not is_nation(cell["location"]) and cell["value"] is not None]
    found = alike_at_ends(places, about) if places else {}
    return {end: [PLACES.name(cell) for cell in like] for end, like in found.items() if like}


def _over_years(data: Sequence[Figures], keys: set[str], about: About) -> str:
    """Return the finding of the latest year; for a single series, how that differs from the first year."""
    series = {tuple(cell[key] for key in sorted(keys)) for cell in data}
    known = [cell for cell in data if cell["year"] is not None and cell["value"] is not None]
    if not known:
        return ""
    first, last = (pick(known, key=lambda cell: str(cell["year"])) for pick in (min, max))
    if len(series) == 1:
        return sentence(_change(first, last, about)) if first is not last else sentence(_in_year(last, about))
    if keys == {"location"} and len(series) <= MOST_CHANGES:
        return sentence(*_changes(known, about))
    latest = [cell for cell in data if cell["year"] == last["year"]]
    clauses = _at_one_time(latest, keys, about)
    return sentence(f"in {last['year']}: {clauses[0]}", *clauses[1:]) if clauses else ""


def _changes(known: Sequence[Figures], about: About) -> list[str]:
    """Return the change in each of a few places, and of two whether their changes differ."""
    years = {
        name: [cell for cell in known if cell["location"] == name] for name in {c["location"]: None for c in known}
    }
    ends = {
        name: tuple(pick(cells, key=lambda cell: str(cell["year"])) for pick in (min, max))
        for name, cells in years.items()
    }
    clauses = [f"in {place_words(name)}: {_change(first, last, about)}" for name, (first, last) in ends.items()]
    return [*clauses, _changes_apart(list(ends.values()), about)]


def _changes_apart(ends: Sequence[Sequence[Figures]], about: About) -> str:
    """Return whether two changes over the same years differ; "" if there are not two, or if that cannot be tested."""
    if len(ends) != 2 or len({tuple(cell["year"] for cell in pair) for pair in ends}) != 1:
        return ""
    (first, last), (other_first, other_last) = ends
    difference = (last["value"] - first["value"]) - (other_last["value"] - other_first["value"])
    error = math.hypot(*standard_errors([first, last, other_first, other_last], about))
    if not error > 0 or first is last:
        return ""
    within = limits(difference - LIMITS_Z * error, difference + LIMITS_Z * error)
    words = "cannot be told apart" if difference_p(difference, error) >= ALPHA else "differ"
    return f"the two changes {words}: {points(difference, about)} ({within})"


def _in_year(cell: Figures, about: About) -> str:
    return f"{estimate_words(cell, about)} in {cell['year']}"


def _change(first: Figures, last: Figures, about: About) -> str:
    difference = last["value"] - first["value"]
    ends = f"{_in_year(first, about)}, {_in_year(last, about)}"
    error = math.hypot(*standard_errors([first, last], about))
    if not error > 0:
        return ends
    within = limits(difference - LIMITS_Z * error, difference + LIMITS_Z * error)
    if difference_p(difference, error) >= ALPHA:
        return f"no change can be told: {ends}, a difference of {points(difference, about)} ({within})"
    return f"{ends}, a difference of {points(difference, about)} ({within})"


def _respondents(cell: Figures) -> str:
    size = cell.get("sample_size")
    return f", from {size:,} respondents" if size else ""


def rank(data: Any, about: About) -> str:
    """Return the finding of a ranking: its ends, each with the limits of its rank."""
    ranked = [cell for cell in data["locations"] if cell["rank"] is not None]
    unranked = len(data["locations"]) - len(ranked)
    left_out = f"{unranked} more cannot be ranked" if unranked else ""
    return sentence(_ranked("best", ranked[0], data, about), _ranked("worst", ranked[-1], data, about), left_out)


def _ranked(word: str, cell: Figures, data: Any, about: About) -> str:
    interval = f"rank {cell['rank']} ({cell['rank_low']} to {cell['rank_high']}) of {data['ranked']}"
    return f"{word} in {place_words(cell['location'])}, {estimate_words(cell, about)}, {interval}"


def disparity(data: Any, about: About) -> str:
    """Return the finding of a disparity: its best and its worst group, and the gap between them."""
    groups = {cell["stratum"]: cell for cell in data["groups"]}
    gap = data["absolute_gap"]
    apart = f"{points(abs(gap['value']), about)}{in_brackets(_outward(gap))} apart"
    ends = [_group(word, groups[data[word]], about) for word in ("worst", "best")]
    p_value = (data.get("equality") or {}).get("p_value")
    left_out = _left_out(data["groups"])
    if p_value is not None and p_value >= ALPHA:
        return sentence("the groups cannot be told apart", *ends, *left_out)
    return sentence(*ends, apart, *left_out)


def _group(word: str, cell: Figures, about: About) -> str:
    return f"{word} among “{cell['stratum']}”, {estimate_words(cell, about)}"


def _outward(gap: Figures) -> str:
    """Return the limits of a gap as those of its size."""
    ends: Callable[[float, float], str] = limits
    return ends(gap["low"], gap["high"]) if gap["value"] >= 0 else ends(-gap["high"], -gap["low"])
