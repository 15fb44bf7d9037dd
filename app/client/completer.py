"""Requests whose names are completed: from what the server says that it knows, which is fetched once."""

from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import chain
from typing import Any

from app.client.client import Client
from app.client.errors import UsageError
from app.client.names import Name, complete

COMMAND = "python -m app.client"
LISTED_BY = {"statistic": "statistics", "question": "questions", "state": "states"}


class Completer:
    """Completes the names in requests.

    Parameters
    ----------
    client: asks the server for the names
    tell: is told, once for each, what was made of a name that was not given in full
    """

    def __init__(self, client: Client, tell: Callable[[str], None]) -> None:
        self._client = client
        self._tell = tell
        self._told: set[str] = set()

    def statistic(self, given: str) -> str:
        """Return the statistic that is meant; as given, where the server does not tell which ones it has."""
        return self._completed("statistic", given, self._statistics) if self._statistics else given

    def question(self, given: str) -> str:
        """Return the full text of the question that is meant."""
        return self._completed("question", given, self._questions)

    def state(self, given: str) -> str:
        """Return the full name of the location that is meant."""
        return self._completed("state", given, self._states)

    def check_place(self, statistic: str, fields: Mapping[str, Any]) -> None:
        """Check that a statistic is about one location, where one is named as if it were.

        Raises
        ------
        UsageError: it takes a list of locations in its place
        """
        taken = self._taken.get(statistic, ())
        if "state" in fields and "state" not in taken and "locations" in taken:
            raise UsageError(f"{statistic} takes no --state; name one or more by --locations {fields['state']!r}")

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a request with its names in full; what is no name, or of no known form, stays."""
        completed = dict(fields)
        for field, complete_one in self._single.items():
            if isinstance(completed.get(field), str):
                completed[field] = complete_one(completed[field])
        for field in ("locations", "exclude"):
            if field in completed:
                completed[field] = self._places(completed[field])
        stratification, between = completed.get("stratification"), completed.get("between")
        if isinstance(stratification, dict) and self._strata:
            completed["stratification"] = self._stratification(stratification)
        if isinstance(between, dict):
            completed["between"] = self._between(between, completed.get("stratification"))
        return completed

    @property
    def _single(self) -> dict[str, Callable[[str], str]]:
        return {"question": self.question, "other_question": self.question, "state": self.state}

    def _places(self, given: Any) -> Any:
        return self._each(given, self.state)

    def _stratification(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return a stratification with its category and, within that, its value in full."""
        completed = dict(given)
        if isinstance(given.get("category"), str):
            completed["category"] = self._completed("category", given["category"], list(map(Name, self._strata)))
        if isinstance(given.get("value"), str):
            completed["value"] = self._completed("stratum", given["value"], self._strata_of(completed))
        return completed

    def _between(self, given: Mapping[str, Any], stratification: Any) -> dict[str, Any]:
        """Return the two that are compared in full, where they are locations or strata."""
        completed = dict(given)
        if "location" in given:
            completed["location"] = self._places(given["location"])
        if "stratum" in given and self._strata:
            strata = self._strata_of(stratification)
            completed["stratum"] = self._each(given["stratum"], lambda one: self._completed("stratum", one, strata))
        return completed

    def _strata_of(self, stratification: Any) -> list[Name]:
        """Return the strata of the category that a stratification names, of all categories where it names none."""
        category = stratification.get("category") if isinstance(stratification, dict) else None
        known = self._strata.get(category) if isinstance(category, str) else None
        listed = known if known is not None else chain.from_iterable(self._strata.values())
        return list(map(Name, listed))

    @staticmethod
    def _each(given: Any, complete_one: Callable[[str], str]) -> Any:
        """Return the names of a list in full; what is no list, or no name, stays."""
        if not isinstance(given, list):
            return given
        return [complete_one(name) if isinstance(name, str) else name for name in given]

    def _completed(self, kind: str, given: str, names: list[Name]) -> str:
        full = complete(kind, given, names, f"{COMMAND} {LISTED_BY.get(kind, 'dataset')}")
        if not any(name.is_called(given) for name in names) and given not in self._told:
            self._told.add(given)
            self._tell(f"{kind} {given!r}: {full}")
        return full

    @cached_property
    def _statistics(self) -> list[Name]:
        return [Name(name) for name in self._taken]

    @cached_property
    def _taken(self) -> dict[str, tuple[str, ...]]:
        """The fields that a request for each statistic takes, none where the server does not tell."""
        return {known.name: known.needed + known.optional for known in self._client.statistics()}

    @cached_property
    def _strata(self) -> dict[str, list[str]]:
        """The strata of each category, none where the server does not tell."""
        return dict(self._client.dataset().get("stratifications", {}))

    @cached_property
    def _questions(self) -> list[Name]:
        return [Name(question["question"], question["id"]) for question in self._client.questions()]

    @cached_property
    def _states(self) -> list[Name]:
        return [Name(state["name"], state["abbreviation"]) for state in self._client.states()]
