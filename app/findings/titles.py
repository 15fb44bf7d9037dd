"""Titles of results: the subject, what the figures are by, where, and of whom. The years are added last."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.findings.about import About
from app.findings.words import listed, place_words, places_noun, year_span

MEANS = "simple means of rows"
MEAN_OF_YEARS = ", mean of the years"
MOST_NAMED = 3  # locations in a title
POOLED = ("estimate", "rank", "compare", "compare_all", "disparity", "correlate")  # one figure for all of the years


def with_years(title: str, about: About) -> str:
    """Return a title with the years of the result."""
    years = year_span(about.years)
    return f"{title}, {years}" if years else title


def titled(statistic: str, data: Any, about: About) -> str:
    """Return the title of a statistic that has one of its own."""
    title = TITLES[statistic](data, about)
    if statistic == "compare" and data["dimension"] == "year":
        return title
    is_mean = statistic in POOLED and len(about.years) > 1 and not _is_over_years(data)
    return with_years(f"{title}{MEAN_OF_YEARS if is_mean else ''}", about)


def _is_over_years(data: Any) -> bool:
    """Return whether the figures are those of single years."""
    first = data[0] if isinstance(data, list) else data
    return "year" in first or first.get("across") == "year"


def _estimate(data: Any, about: About) -> str:
    first = data[0]
    by_group = "stratum" in first or "category" in first
    named = list(dict.fromkeys(cell["location"] for cell in data)) if "location" in first else about.locations
    few = len(named) <= MOST_NAMED  # then the title names them
    keys = [
        *([_location_noun(data)] if "location" in first and not few else []),
        *(["year"] if "year" in first and not (few and "location" in first) else []),
        *([_category_words(about)] if by_group else []),
    ]
    by = f" by {listed(keys)}" if keys else ""
    where = _where(named) if few else ""
    return f"{about.subject}{by}{where}{'' if by_group else _whose(about)}"


def _rank(data: Any, about: About) -> str:
    return f"{about.subject}: {_location_noun(data['locations'])}s from the best to the worst{_whose(about)}"


def _trend(data: Any, about: About) -> str:
    return f"{about.subject}{_where([data['location']])}{_whose(about)}"


def _trends(data: Any, about: About) -> str:
    names = [place_words(line["location"]) for line in data["trends"]]
    return f"{about.subject} in {listed(names)}{_whose(about)}"


def _compare(data: Any, about: About) -> str:
    a, b = data["a"], data["b"]
    if data["dimension"] == "location":
        return f"{about.subject} in {place_words(a['location'])} and in {place_words(b['location'])}{_whose(about)}"
    where = _where([a["location"]])
    if data["dimension"] == "year":
        return f"{about.subject}{where}{_whose(about)}, {year_span(a['years'])} and {year_span(b['years'])}"
    return f"{about.subject}{where}: {a['stratum']} and {b['stratum']}"


def _compare_all(data: Any, about: About) -> str:
    reference, across = data["reference"], data["across"]
    if across == "location":
        noun = _location_noun(data["others"])
        return f"{about.subject} by {noun}, beside {place_words(reference['location'])}{_whose(about)}"
    by = "year" if across == "year" else _category_words(about)
    whose = _whose(about) if across == "year" else ""
    return f"{about.subject} by {by}{_where(about.locations)}, beside {reference[across]}{whose}"


def _disparity(data: Any, about: About) -> str:
    return f"{about.subject} by {_lower(data['category'])}{_where([data['location']])}"


def _correlate(data: Any, about: About) -> str:
    other = about.other_subject[:1].lower() + about.other_subject[1:]
    return f"{about.subject} and {other} by {_location_noun(data['pairs'])}{_whose(about)}"


def _means(data: Any, about: About) -> str:
    where = f" by {places_noun(list(data))}" if len(data) > 1 else _where(list(data))
    return f"{about.subject}{where}, {MEANS}{_whose(about)}"


def _first_means(end: str) -> Callable[[Any, About], str]:
    def title(data: Any, about: About) -> str:
        noun = places_noun(list(data))
        count = f"the {len(data)} {end} {noun}s" if len(data) > 1 else f"the {end} {noun}"
        return f"{about.subject}: {count} by {MEANS}{_whose(about)}"

    return title


def _one_mean(data: Any, about: About) -> str:
    return f"{about.subject}, simple mean of all rows{_whose(about)}"


def _differences(data: Any, about: About) -> str:
    where = f" by {places_noun(list(data))}" if len(data) > 1 else _where(list(data))
    return f"{about.subject}{where}, beside the simple mean of all rows{_whose(about)}"


def _means_by_group(data: Any, about: About) -> str:
    where = _where(list(data)) if all(isinstance(means, Mapping) for means in data.values()) else " and state"
    return f"{about.subject} by {_category_words(about)}{where}, {MEANS}"


def _location_noun(cells: Iterable[Mapping[str, Any]]) -> str:
    return places_noun([cell["location"] for cell in cells])


def _category_words(about: About) -> str:
    return _lower(about.category) if about.category else "group"


def _lower(category: str) -> str:
    """Return a category within a title: ``age`` for ``Age (years)``."""
    return category.partition(" (")[0].lower()


def _where(locations: Iterable[str]) -> str:
    names = list(map(place_words, locations))
    return f" in {listed(names)}" if 1 <= len(names) <= MOST_NAMED else ""


def _whose(about: About) -> str:
    """Return the group of people that all figures are about; "" for everybody."""
    if len(about.strata) == 1:
        return f", {about.strata[0][1]}"
    return f", all groups of {_lower(about.category)}" if about.category else ""


TITLES: Mapping[str, Callable[[Any, About], str]] = {
    "estimate": _estimate,
    "rank": _rank,
    "trend": _trend,
    "trends": _trends,
    "compare": _compare,
    "compare_all": _compare_all,
    "disparity": _disparity,
    "correlate": _correlate,
    "states_mean": _means,
    "state_mean": _means,
    "best5": _first_means("best"),
    "best": _first_means("best"),
    "worst5": _first_means("worst"),
    "worst": _first_means("worst"),
    "global_mean": _one_mean,
    "diff_from_mean": _differences,
    "state_diff_from_mean": _differences,
    "mean_by_category": _means_by_group,
    "state_mean_by_category": _means_by_group,
}
