"""Figures, durations and headings as the pages print them."""

from app.charts.rows import flag_words
from app.findings.words import year_span
from app.formats import LIST_SEPARATOR

SECOND, MINUTE, HOUR, DAY = 1, 60, 3600, 86_400
UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"))
DECIMALS = 1  # CDC publishes tenths of a percent
FINE_DECIMALS = 3
SMALLEST_P = 0.001
YEAR_COLUMNS = ("year", "years")
MILLISECOND = 0.001
FINE_COLUMNS = (
    "p_value",
    "p_adjusted",
    "standard_error",
    "pearson",
    "spearman",
    "slope",
    "lack_of_fit",
    "relative_gap",
    "_z",
)

# Where the name in the API does not say it.
HEADINGS = {
    "best": "Best",
    "cell": "Side",
    "chance_best": "Chance to be among the best",
    "chance_worst": "Chance to be among the worst",
    "comparisons": "Comparisons in this answer",
    "dimension": "Compared",
    "equality": "Test that all are equal",
    "lack_of_fit": "Test of the straight line",
    "n": "How many count as the best or the worst",
    "p_adjusted": "p, adjusted",
    "p_value": "p",
    "reliability_x": "Reliability of x",
    "reliability_y": "Reliability of y",
    "rows": "Rows of the table in each",
    "stratification": "Groups of people",
    "stratum": "Group",
}
ENDINGS = {
    "_degrees_of_freedom": "degrees of freedom",
    "_q": "Q",
    "_p_value": "p",
    "_scale": "scale",
    "_low": "low",
    "_high": "high",
    "_flags": "notes",
}


def duration(seconds: float) -> str:
    """Return a duration in its largest unit, such as ``3 min``; in milliseconds below a second."""
    if seconds < MILLISECOND:
        return "under 1 ms"
    if seconds < SECOND:
        return f"{seconds * 1000:.0f} ms"
    size, unit = next(pair for pair in UNITS if seconds >= pair[0])
    return f"{int(seconds // size)} {unit}"


def age(seconds: float) -> str:
    """Return how long ago something happened."""
    return "now" if seconds < SECOND else f"{duration(seconds)} ago"


def figure(column: str, value: str | float | None) -> str:
    """Return a value as text for a cell: figures to a tenth, p-values and the like finer."""
    if value is None:
        return "\N{EM DASH}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and not column.endswith(YEAR_COLUMNS):
        return f"{value:,}"
    if not isinstance(value, float):
        return _text(column, str(value))
    fine = any(name in column for name in FINE_COLUMNS)
    if column.endswith(("p_value", "p_adjusted")) and value < SMALLEST_P:
        return f"< {SMALLEST_P}"
    return f"{value:,.{FINE_DECIMALS if fine else DECIMALS}f}"


def _text(column: str, value: str) -> str:
    """Return a text for a cell; lists as words."""
    if column == "years":
        return year_span(value.split(LIST_SEPARATOR))
    if column.endswith("flags"):
        return flag_words(filter(None, value.split(LIST_SEPARATOR)))
    return value.replace(LIST_SEPARATOR, ", ")


def heading(column: str) -> str:
    """Return the heading of a column or a field."""
    if column in HEADINGS:
        return HEADINGS[column]
    for ending, words in ENDINGS.items():
        stem = column.removesuffix(ending)
        if stem != column:
            return f"{heading(stem)}: {words}"
    text = column.replace("_", " ").strip()
    return text[:1].upper() + text[1:]
