"""The natural order of strata: ages by their first number, incomes by amount, education by level, everybody first."""

import re

from app.table.stratification import EVERYBODY, split_stratum

# Education by level. The newer names of CDC's tables begin alike.
LEVELS = ("less than high school", "high school", "some college", "college")
LAST = ("data not reported", "unknown", "other", "2 or more races")  # after all others, also where names are sorted
BELOW = ("less than", "under", "<")
FIRST_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")

Order = tuple[tuple[bool, int, float, bool, str], ...]


def stratum_order(category: str, stratum: str) -> Order:
    """Return the sort key of a stratum among those of its category; of joint categories, that of each part."""
    return tuple(_order(part) for _, part in split_stratum(category, stratum))


def category_order(category: str) -> tuple[bool, str]:
    """Return the sort key of a category: everybody, then by name."""
    return category not in EVERYBODY, category


def _order(stratum: str) -> tuple[bool, int, float, bool, str]:
    name = stratum.lower()
    level = next((place for place, level in enumerate(LEVELS) if name.startswith(level)), 0)
    number = FIRST_NUMBER.search(name)
    amount = float(number[0].replace(",", "")) if number else 0.0
    # "Less than $15,000" comes before "$15,000 - $24,999".
    return name in LAST, level, amount, not name.startswith(BELOW), stratum
