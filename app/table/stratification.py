"""Strata of one stratification category, and of several at once, such as the women of one age group.

A stratum of several categories has their names and those of its strata, joined: the category ``Gender + Age Group`` has
the stratum ``Female + 65 years or older``.
"""

from collections.abc import Iterable, Mapping

Pair = tuple[str, str]  # a category and one of its strata

TOTAL = "Total"  # both the category of all respondents and its only stratum
NOT_A_GROUP = "Data not reported"  # a stratum of those who did not answer, not of people who have something in common
EVERYBODY = frozenset({TOTAL, "Overall"})  # strata of any category that restrict nothing
NEWER_CATEGORIES: Mapping[str, str] = {"Gender": "Sex"}  # newer versions of CDC's table have the second name
JOINT = " + "


def join_strata(pairs: Iterable[Pair]) -> Pair:
    """Return the stratum of those who belong to all of some strata; ``TOTAL`` if none of these restricts anything."""
    restricting = [pair for pair in pairs if pair[1] not in EVERYBODY]
    if not restricting:
        return TOTAL, TOTAL
    return JOINT.join(category for category, _ in restricting), JOINT.join(name for _, name in restricting)


def split_stratum(category: str, name: str) -> list[Pair]:
    """Return the strata that ``join_strata`` has joined."""
    categories, names = category.split(JOINT), name.split(JOINT)
    return list(zip(categories, names, strict=True)) if len(categories) == len(names) else [(category, name)]


def is_joint(category: str) -> bool:
    """Return whether a category is made of several."""
    return JOINT in category


def newer_name(category: str) -> str:
    """Return a category by the newer name of each of its parts."""
    return JOINT.join(NEWER_CATEGORIES.get(part, part) for part in category.split(JOINT))


def category_key(category: str) -> frozenset[str]:
    """Return what the names of a category have in common, whatever its version and the order of its parts."""
    return frozenset(TOTAL if part in EVERYBODY else newer_name(part) for part in category.split(JOINT))
