"""Completing names: a part is enough where it is unambiguous, and a slip of the hand is put right.

What is given is split into words. A name fits if each of those words is like one of its own; the ways to be alike are
tried from the strictest to the loosest, and the first by which any name fits decides.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process, utils
from rapidfuzz.distance import OSA

from app.client.errors import UsageError

NAMES_SHOWN = 12
CLOSEST_SHOWN = 3
CHARS_PER_SLIP = 4  # a slip: a letter too many, too few, wrong, or two that have changed places

Alike = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Name:
    """A name in full, and the short one that may stand for it, such as a question's id."""

    text: str
    short: str | None = None

    def is_called(self, given: str) -> bool:
        """Tell whether what is given is the one or the other, whatever the case of its letters."""
        wanted = given.strip().casefold()
        return wanted == self.text.casefold() or (self.short is not None and wanted == self.short.casefold())

    def __str__(self) -> str:
        """Return both."""
        return f"{self.short:<6}{self.text}" if self.short else self.text


def complete(kind: str, given: str, names: Sequence[Name], listed_by: str) -> str:
    """Return the one full name that is meant.

    Parameters
    ----------
    kind: what the names are names of, such as state
    listed_by: the command that lists them all

    Raises
    ------
    UsageError: it fits no name, or several; the message lists what it could mean
    """
    fitting = matches(given, names)
    if len(fitting) == 1:
        return fitting[0].text
    if fitting:
        raise UsageError(f"{kind} {given!r} could mean any of {len(fitting)}:\n{_listed(fitting)}")
    closest = process.extract(
        given, [name.text for name in names], scorer=fuzz.WRatio, processor=utils.default_process, limit=CLOSEST_SHOWN
    )
    like = _listed(Name(text) for text, _, _ in closest)
    raise UsageError(f"no {kind} is known by {given!r}; the closest are:\n{like}\n`{listed_by}` lists them all")


def matches(given: str, names: Sequence[Name]) -> list[Name]:
    """Return the names that may be meant, those of the strictest way by which there is any."""
    exact = [name for name in names if name.is_called(given)]
    wanted = _words(given)
    if exact or not wanted:
        return exact[:1]
    ways = ([name for name in names if _fits(wanted, _words(name.text), alike)] for alike in WAYS)
    return next(filter(None, ways), [])


def _fits(wanted: Sequence[str], words: Sequence[str], alike: Alike) -> bool:
    return all(any(alike(part, word) for word in words) for part in wanted)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _begins(part: str, word: str) -> bool:
    return word.startswith(part)


def _within(part: str, word: str) -> bool:
    return part in word


def _slipped(part: str, word: str) -> bool:
    """Tell whether a word was meant: one slip in four letters at most, two in eight or more."""
    slips = min(len(part) // CHARS_PER_SLIP, 2)
    return OSA.distance(part, word, score_cutoff=slips) <= slips


WAYS: tuple[Alike, ...] = (_begins, _within, _slipped)


def _listed(names: Iterable[Name]) -> str:
    lines = [f"  {name}" for name in names]
    more = len(lines) - NAMES_SHOWN
    return "\n".join(lines[:NAMES_SHOWN] + ([f"  … and {more} more"] if more > 0 else []))
