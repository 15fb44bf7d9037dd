"""Complete and correct the names in requests: "obesity" becomes the full text of the question, "ohoi" becomes Ohio.

Both the input and the names are split into words. A name matches if each word of the input matches one of its words.
The matchers are tried from the strictest to the loosest; the first one that matches any name decides.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from health_statistics.client import Client
from health_statistics.errors import UsageError

COMMAND = "health-statistics"
PREVIOUS = "previous"  # the version of the table that was served before the current one
LIST_COMMANDS = {"statistic": "statistics", "question": "questions", "state": "states"}
NAMES_LISTED = 12
CLOSEST_LISTED = 3
CHARS_PER_TYPO = 4  # a typo: a letter too many, too few, wrong, or two letters swapped
MAX_TYPOS = 2

Matcher = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Name:
    """A full name, and the short one that may replace it, such as the id of a question."""

    text: str
    short: str | None = None

    def equals(self, text: str) -> bool:
        """Return whether a text is one of the two, ignoring case."""
        wanted = text.strip().casefold()
        return wanted == self.text.casefold() or (self.short is not None and wanted == self.short.casefold())

    def __str__(self) -> str:
        """Return both."""
        return f"{self.short:<6}{self.text}" if self.short else self.text


def complete(noun: str, text: str, names: Sequence[Name], list_command: str) -> str:
    """Return the full name that a text stands for.

    Parameters
    ----------
    noun: what is named, such as "state"
    list_command: the command that lists all names

    Raises
    ------
    UsageError: the text matches no name, or several; the message lists the candidates
    """
    matching = matches(text, names)
    if len(matching) == 1:
        return matching[0].text
    if matching:
        raise UsageError(f"{noun} {text!r} matches {len(matching)}; be more specific:\n{_listed(matching)}")
    closest = sorted(names, key=lambda name: _similarity(text, name.text), reverse=True)[:CLOSEST_LISTED]
    raise UsageError(f"unknown {noun} {text!r}; the closest are:\n{_listed(closest)}\n`{list_command}` lists them all")


def matches(text: str, names: Sequence[Name]) -> list[Name]:
    """Return the names that a text may stand for, by the strictest matcher that matches any."""
    equal = [name for name in names if name.equals(text)]
    wanted = _words(text)
    if equal or not wanted:
        return equal[:1]
    candidates = ([name for name in names if _match(wanted, _words(name.text), matcher)] for matcher in MATCHERS)
    return next(filter(None, candidates), [])


def _match(wanted: Sequence[str], words: Sequence[str], matcher: Matcher) -> bool:
    return all(any(matcher(part, word) for word in words) for part in wanted)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _is_prefix(part: str, word: str) -> bool:
    return word.startswith(part)


def _is_substring(part: str, word: str) -> bool:
    return part in word


def _is_misspelt(part: str, word: str) -> bool:
    """Return whether a word is meant: at most one typo in four letters, two in eight or more."""
    typos = min(len(part) // CHARS_PER_TYPO, MAX_TYPOS)
    return abs(len(part) - len(word)) <= typos and typo_count(part, word) <= typos


MATCHERS: tuple[Matcher, ...] = (_is_prefix, _is_substring, _is_misspelt)


def typo_count(first: str, second: str) -> int:
    """Return the optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.

    Source: https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance
    """
    before: list[int] = []
    previous = list(range(len(second) + 1))
    for row, letter in enumerate(first, start=1):
        current = [row]
        for column, other in enumerate(second, start=1):
            cost = min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == second[column - 2] and first[row - 2] == other:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, previous = previous, current
    return previous[-1]


def _similarity(text: str, name: str) -> float:
    """Return how similar a name is, from 0 to 1: as a whole, or its words on average."""
    words = _words(name)
    best = [max(difflib.SequenceMatcher(None, part, word).ratio() for word in words) for part in _words(text) if words]
    whole = difflib.SequenceMatcher(None, text.casefold(), name.casefold()).ratio()
    return max(whole, sum(best) / len(best)) if best else whole


def _listed(names: Iterable[Name]) -> str:
    lines = [f"  {name}" for name in names]
    more = len(lines) - NAMES_LISTED
    return "\n".join(lines[:NAMES_LISTED] + ([f"  … and {more} more"] if more > 0 else []))


class Completer:
    """Completes the names in requests. It fetches the known names from the server once.

    Parameters
    ----------
    client: fetches the names
    report: receives a message, once for each name that was not given in full
    """

    def __init__(self, client: Client, report: Callable[[str], None]) -> None:
        self._client = client
        self._report = report
        self._reported: set[str] = set()

    def statistic(self, text: str) -> str:
        """Return the full name of a statistic; unchanged if the server does not list its statistics."""
        return self._completed("statistic", text, self._statistics) if self._statistics else text

    def question(self, text: str) -> str:
        """Return the full text of a question."""
        return self._completed("question", text, self._questions)

    def state(self, text: str) -> str:
        """Return the full name of a location."""
        return self._completed("state", text, self._states)

    def check_state_field(self, statistic: str, fields: Mapping[str, Any]) -> None:
        """Check that a statistic does not get one state if it needs a list of locations.

        Raises
        ------
        UsageError: it does
        """
        accepted = self._fields.get(statistic, ())
        if "state" in fields and "state" not in accepted and "locations" in accepted:
            raise UsageError(f"{statistic} does not accept --state; use --locations {fields['state']!r}")

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a request with full names; values of unknown types stay for the server to check."""
        completed = dict(fields)
        for field, complete_one in self._single_names.items():
            if isinstance(completed.get(field), str):
                completed[field] = complete_one(completed[field])
        if completed.get("table") == PREVIOUS:
            completed["table"] = self._previous_table()
        for field in ("locations", "exclude"):
            if field in completed:
                completed[field] = self._each(completed[field], self.state)
        stratification, between = completed.get("stratification"), completed.get("between")
        if isinstance(stratification, dict) and self._strata:
            completed["stratification"] = self._stratification(stratification)
        if isinstance(between, dict):
            completed["between"] = self._between(between, completed.get("stratification"))
        return completed

    def _previous_table(self) -> str:
        """Return the id of the version of the table that was served before the current one.

        Raises
        ------
        UsageError: the server keeps no other
        """
        earlier = [version for version in self._client.tables() if not version["current"]]
        if not earlier:
            raise UsageError(f"{self._client.address} keeps no earlier version of its table")
        self._report(f"table {PREVIOUS!r}: {earlier[0]['id'][:12]}, read from {earlier[0]['source']}")
        return str(earlier[0]["id"])

    @property
    def _single_names(self) -> dict[str, Callable[[str], str]]:
        return {"question": self.question, "other_question": self.question, "state": self.state}

    def _stratification(self, stratification: Mapping[str, Any]) -> dict[str, Any]:
        completed = dict(stratification)
        # The category comes first, because it decides which strata the value can name.
        if isinstance(completed.get("category"), str):
            completed["category"] = self._completed("category", completed["category"], list(map(Name, self._strata)))
        if isinstance(completed.get("value"), str):
            completed["value"] = self._completed("stratum", completed["value"], self._strata_of(completed))
        return completed

    def _between(self, between: Mapping[str, Any], stratification: Any) -> dict[str, Any]:
        """Return a comparison with its two locations or strata in full."""
        completed = dict(between)
        if "location" in between:
            completed["location"] = self._each(between["location"], self.state)
        if "stratum" in between and self._strata:
            strata = self._strata_of(stratification)
            completed["stratum"] = self._each(between["stratum"], lambda one: self._completed("stratum", one, strata))
        return completed

    def _strata_of(self, stratification: Any) -> list[Name]:
        """Return the strata of a stratification's category; those of all categories if it names none."""
        category = stratification.get("category") if isinstance(stratification, dict) else None
        known = self._strata.get(category) if isinstance(category, str) else None
        return list(map(Name, chain.from_iterable(self._strata.values()) if known is None else known))

    @staticmethod
    def _each(names: Any, complete_one: Callable[[str], str]) -> Any:
        if not isinstance(names, list):
            return names
        return [complete_one(name) if isinstance(name, str) else name for name in names]

    def _completed(self, noun: str, text: str, names: list[Name]) -> str:
        full = complete(noun, text, names, f"{COMMAND} {LIST_COMMANDS.get(noun, 'dataset')}")
        if not any(name.equals(text) for name in names) and text not in self._reported:
            self._reported.add(text)
            self._report(f"{noun} {text!r}: {full}")
        return full

    @cached_property
    def _statistics(self) -> list[Name]:
        return [Name(name) for name in self._fields]

    @cached_property
    def _fields(self) -> dict[str, tuple[str, ...]]:
        """The fields that each statistic accepts; none if the server does not list its statistics."""
        return {known.name: known.needed + known.optional for known in self._client.statistics()}

    @cached_property
    def _strata(self) -> dict[str, list[str]]:
        """The strata of each category; none if the server does not list them."""
        return dict(self._client.dataset().get("stratifications", {}))

    @cached_property
    def _questions(self) -> list[Name]:
        # A question with several value types is listed once for each.
        return list(dict.fromkeys(Name(question["question"], question["id"]) for question in self._client.questions()))

    @cached_property
    def _states(self) -> list[Name]:
        return [Name(state["name"], state["abbreviation"]) for state in self._client.states()]
