"""Figures, names and lists as titles and findings print them."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.errors import join_first
from app.findings.about import About
from app.table.facts import survey_facts
from app.table.question import PERCENT
from app.table.survey_table import NATION, NATIONS

Figures = Mapping[str, Any]

NO_BREAK = "\u00a0"
NAMES_LISTED = 3
WITH_ARTICLE = ("District of Columbia", "Virgin Islands")
CAUTIONS = {
    "unreliable": "large standard error",
    "small_sample": "small sample",
    "nchs": "below the NCHS standard",
    "nchs_review": "few degrees of freedom",
    "incomplete": "some rows or years are missing",
}


def year_span(years: Sequence[int | str]) -> str:
    """Describe years in words: ``2011 to 2021`` if none is missing in between, otherwise each of them."""
    labels = sorted({str(year) for year in years})
    numbers = [int(label) for label in labels if label.isdecimal()]
    consecutive = len(numbers) == len(labels) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1
    return f"{labels[0]} to {labels[-1]}" if consecutive else ", ".join(labels)


def place_words(name: str) -> str:
    """Return a location as it stands within a sentence, such as ``the District of Columbia``."""
    if is_nation(name):
        return "the nation"
    return f"the {name}" if name in WITH_ARTICLE else name


def is_nation(name: str) -> bool:
    """Return whether a location is the nation as a whole."""
    return name in NATIONS


def places_noun(names: Sequence[str]) -> str:
    """Return ``state`` if the locations are states, territories or the nation, otherwise ``place``."""
    return (
        "state" if names and all(name in survey_facts().abbreviations or name == NATION for name in names) else "place"
    )


def listed(names: Sequence[str]) -> str:
    """Return a few names with an ``and`` before the last; "" for none."""
    if not names:
        return ""
    if len(names) > NAMES_LISTED + 1:  # rather one more name than "and 1 more"
        return join_first(list(names), NAMES_LISTED)
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def named_or_counted(names: Sequence[str], noun: str) -> str:
    """Return a few names, or how many there are: ``Ohio and Utah``, ``12 places``, ``0 places``."""
    return listed(names) if 0 < len(names) <= NAMES_LISTED else counted(len(names), noun)


def counted(number: int, noun: str) -> str:
    """Return a number of things, such as ``1 place`` or ``12 places``."""
    return f"{number}{NO_BREAK}{noun}" + ("" if number == 1 else "s")


def number(value: float, decimals: int = 1) -> str:
    """Return a number with some decimals; what rounds to zero has no sign."""
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def quantity(value: float, about: About) -> str:
    """Return a value with its unit, to a tenth."""
    return f"{number(value)}{NO_BREAK}{'%' if about.unit == PERCENT else about.unit}"


def points(value: float, about: About) -> str:
    """Return a difference with its unit, to a tenth."""
    return f"{number(value)}{NO_BREAK}{'points' if about.unit == PERCENT else about.unit}"


def limits(low: float | None, high: float | None, decimals: int = 1) -> str:
    """Return limits such as ``38.9 to 42.4``; "" if one is unknown."""
    if low is None or high is None:
        return ""
    return f"{number(low, decimals)} to {number(high, decimals)}"


def in_brackets(*parts: str) -> str:
    """Return the parts that are not empty in brackets, with a space before them."""
    known = [part for part in parts if part]
    return f" ({'; '.join(known)})" if known else ""


def estimate_words(cell: Figures, about: About) -> str:
    """Return an estimate with its limits, and a word of caution if its flags ask for one."""
    if cell["value"] is None:
        return "no figure"
    within = limits(cell.get("low"), cell.get("high"))
    return quantity(cell["value"], about) + in_brackets(within, caution(cell))


def caution(cell: Figures) -> str:
    """Return why a figure must be interpreted with caution; "" if it need not be."""
    reasons = [words for flag, words in CAUTIONS.items() if flag in (cell.get("flags") or ())]
    return f"interpret with caution: {', '.join(reasons)}" if reasons else ""


def sentence(*clauses: str) -> str:
    """Return the clauses that are not empty as one sentence; a clause may be a whole sentence already."""
    text = "; ".join(clause for clause in clauses if clause)
    return f"{text[:1].upper()}{text[1:]}." if text else ""
