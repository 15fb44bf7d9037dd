"""Requests whose names are completed: from what the server says that it knows, which is fetched once."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from app.client.client import Client
from app.client.names import Name, complete

COMMAND = "python -m app.client"


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

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a request with its names in full; what is no name, or of no known form, stays."""
        completed = dict(fields)
        for field, complete_one in self._single.items():
            if isinstance(completed.get(field), str):
                completed[field] = complete_one(completed[field])
        for field in ("locations", "exclude"):
            if field in completed:
                completed[field] = self._places(completed[field])
        between = completed.get("between")
        if isinstance(between, dict) and "location" in between:
            completed["between"] = {**between, "location": self._places(between["location"])}
        return completed

    @property
    def _single(self) -> dict[str, Callable[[str], str]]:
        return {"question": self.question, "other_question": self.question, "state": self.state}

    def _places(self, given: Any) -> Any:
        if not isinstance(given, list):
            return given
        return [self.state(place) if isinstance(place, str) else place for place in given]

    def _completed(self, kind: str, given: str, names: list[Name]) -> str:
        full = complete(kind, given, names, f"{COMMAND} {kind}s")
        if not any(name.is_called(given) for name in names) and given not in self._told:
            self._told.add(given)
            self._tell(f"{kind} {given!r}: {full}")
        return full

    @cached_property
    def _statistics(self) -> list[Name]:
        return [Name(statistic.name) for statistic in self._client.statistics()]

    @cached_property
    def _questions(self) -> list[Name]:
        return [Name(question["question"], question["id"]) for question in self._client.questions()]

    @cached_property
    def _states(self) -> list[Name]:
        return [Name(state["name"], state["abbreviation"]) for state in self._client.states()]
