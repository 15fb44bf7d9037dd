"""The text around a chart, in lines that fit: title, subtitle, footer, and the figures in them."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from app.charts.context import ChartContext
from app.findings import title_of
from app.findings.words import year_span
from app.table.stratification import TOTAL

# Lines that fit a page of 360 pixels, each in the font size of its place.
TITLE_CHARS = 44
SUBTITLE_CHARS = 58
FOOTER_CHARS = 64
WIDE_TITLE_CHARS, WIDE_SUBTITLE_CHARS = 78, 104  # lines that fit a picture


def line_chars(context: ChartContext) -> tuple[int, int]:
    """Return the longest line of the title, and of the subtitle."""
    return (WIDE_TITLE_CHARS, WIDE_SUBTITLE_CHARS) if context.width == "wide" else (TITLE_CHARS, SUBTITLE_CHARS)


def title_of_chart(statistic: str, data: Any, context: ChartContext) -> str:
    """Return the title: what the chart shows."""
    return context.title or title_of(statistic, data, {}) or statistic


def subtitle_parts(context: ChartContext, findings: Sequence[str]) -> list[str]:
    """Return what a page says above its chart and a picture says in its subtitle: the finding and the question.

    Parameters
    ----------
    findings: those of the drawing, for a context without one
    """
    return [part for part in (*([context.finding] if context.finding else findings), context.question) if part]


def note_parts(title: str, document: Mapping[str, Any], context: ChartContext, notes: Sequence[str]) -> list[str]:
    """Return what the rows were restricted to, unless the title says it, and how to read the drawing."""
    data = document["data"]
    stratum = stratum_words(data) if isinstance(data, Mapping) else ""
    return [part for part in dict.fromkeys((*context.restrictions, stratum, *notes)) if part and part not in title]


def wrapped_parts(parts: Sequence[str], chars: int) -> list[str]:
    """Break each part into lines of its own."""
    return [line for part in parts for line in wrapped(part, chars)]


def footer_lines(context: ChartContext) -> list[str]:
    """Return the source, its years, and whether it is modelled data."""
    notice = "modelled data, not survey data" if context.modelled else ""
    parts = filter(None, [f"Source: {context.source}", year_span(context.years), notice])
    return wrapped("; ".join(parts), FOOTER_CHARS)


def wrapped(text: str, chars: int) -> list[str]:
    """Break a text into lines of at most ``chars`` characters; longer words and spaces that do not break stay whole."""
    return textwrap.wrap(text, chars, break_on_hyphens=False, break_long_words=False)


def with_limits(figures: Mapping[str, Any], name: str = "value", decimals: int = 1) -> str:
    """Return a figure and its confidence limits, if it has any: ``1.2 (0.1 to 2.3)``."""
    if figures.get(name) is None:
        return "unknown"
    text = f"{figures[name]:.{decimals}f}"
    low, high = figures.get("low"), figures.get("high")
    return text if low is None or high is None else f"{text} ({low:.{decimals}f} to {high:.{decimals}f})"


def p_value_text(p_value: float | None) -> str:
    """Return a p-value as journals print it."""
    if p_value is None:
        return "p unknown"
    return "p\u00a0<\u00a00.001" if p_value < 0.001 else f"p\u00a0=\u00a0{p_value:.3f}"


def stratum_words(keys: Mapping[str, Any]) -> str:
    """Return category and stratum in words, an empty text for everybody."""
    if "stratum" not in keys or keys.get("category") == TOTAL:
        return ""
    return f"{keys.get('category', 'Stratum')}: {keys['stratum']}"
