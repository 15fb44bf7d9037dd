"""What stands over and under a chart: titles, question, selection, source."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from app.charts.context import ChartContext
from app.statistics import STATISTICS

# A line of a title fits into a page of 360 pixels; the small print has more characters in a line.
TITLE_CHARS = 44
QUESTION_CHARS = 58
FOOTER_CHARS = 64
MOST_NAMED = 4


def title_lines(statistic: str, data: Any) -> list[str]:
    """Return the title: what the chart shows."""
    known = STATISTICS.get(statistic)
    return wrapped(known.heading_of(data) if known else statistic, TITLE_CHARS)


def subtitle_lines(document: Mapping[str, Any], about: ChartContext, findings: Sequence[str]) -> list[str]:
    """Return the question, what the rows were restricted to, and what was found, each wrapped."""
    lines = [about.question, *about.selection, *_stratum(document), *_filters(document), *findings]
    return [part for line in lines for part in wrapped(line, QUESTION_CHARS)]


def footer_lines(document: Mapping[str, Any], about: ChartContext) -> list[str]:
    """Return source, years, and whether the data is modelled."""
    years = span(_provenance(document).get("years") or about.years)
    told = [f"Source: {about.source}", years, "modelled data, not survey data" if about.modelled else ""]
    return _filled([part for part in told if part])


def wrapped(text: str, chars: int) -> list[str]:
    """Return a text in lines of so many characters at most, but for longer words."""
    return textwrap.wrap(text, chars, break_on_hyphens=False, break_long_words=False)


def span(years: Sequence[int]) -> str:
    """Return years in words: from the first to the last where none between is missing, otherwise one by one."""
    if not years:
        return ""
    first, last = min(years), max(years)
    if first == last:
        return f"year {first}"
    whole = len(set(years)) == last - first + 1
    return f"years {first}-{last}" if whole else "years " + ", ".join(str(year) for year in sorted(set(years)))


def limits(found: Mapping[str, Any], value: str = "value", decimals: int = 1) -> str:
    """Return a figure with its confidence limits where it has them, such as ``1.2 (0.1 to 2.3)``."""
    if found.get(value) is None:
        return "unknown"
    text = f"{found[value]:.{decimals}f}"
    low, high = found.get("low"), found.get("high")
    return text if low is None or high is None else f"{text} ({low:.{decimals}f} to {high:.{decimals}f})"


def probability(p_value: float | None) -> str:
    """Return a p-value as it is printed."""
    if p_value is None:
        return "p unknown"
    return "p\u00a0<\u00a00.001" if p_value < 0.001 else f"p\u00a0=\u00a0{p_value:.3f}"


def stratum_words(keys: Mapping[str, Any]) -> str:
    """Return category and stratum in words, nothing where they are of everybody or missing."""
    if "stratum" not in keys or keys.get("category") == "Total":
        return ""
    return f"{keys.get('category', 'Stratum')}: {keys['stratum']}"


def _filled(parts: Sequence[str]) -> list[str]:
    """Return parts in lines, as many in each as fit."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) + 3 > FOOTER_CHARS:
            lines[-1] += ";"
            lines.append(part)
        else:
            lines[-1] += f"; {part}"
    return [short for line in lines for short in wrapped(line, FOOTER_CHARS)]


def _provenance(document: Mapping[str, Any]) -> Mapping[str, Any]:
    filters: Mapping[str, Any] = (document.get("provenance") or {}).get("filters") or {}
    return filters


def _stratum(document: Mapping[str, Any]) -> list[str]:
    """Return the stratum that the whole answer is of, where it is not everybody."""
    data = document["data"]
    words = stratum_words(data) if isinstance(data, Mapping) else ""
    return [words] if words else []


def _filters(document: Mapping[str, Any]) -> list[str]:
    """Return what the rows were restricted to but for years, which the footer tells, and the stratum of everybody."""
    if _stratum(document):
        return []
    told = {name: value for name, value in _provenance(document).items() if name != "years" and value != "Total"}
    return [f"{name.replace('_', ' ').capitalize()}: {_listed(value)}" for name, value in told.items()]


def _listed(value: Any) -> str:
    """Return a filter's value in words, the first few of a long list."""
    if not isinstance(value, list):
        return str(value)
    more = f" and {len(value) - MOST_NAMED} more" if len(value) > MOST_NAMED else ""
    return ", ".join(str(item) for item in value[:MOST_NAMED]) + more
