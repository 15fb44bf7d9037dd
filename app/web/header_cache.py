"""Caches of what headers and arguments mean, bounded in bytes however long the texts are that clients send."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar, TypeVarTuple

LONGEST_TEXT = 256

Meaning = TypeVar("Meaning")
Rest = TypeVarTuple("Rest")


def cached_by_text(most: int) -> Callable[[Callable[[str, *Rest], Meaning]], Callable[[str, *Rest], Meaning]]:
    """Cache a function of a client's text; texts above 256 characters are parsed each time.

    Parameters
    ----------
    most: number of texts that are kept
    """

    def decorate(parse: Callable[[str, *Rest], Meaning]) -> Callable[[str, *Rest], Meaning]:
        cached = lru_cache(most)(parse)

        @wraps(parse)
        def parse_or_recall(text: str, /, *rest: *Rest) -> Meaning:
            return parse(text, *rest) if len(text) > LONGEST_TEXT else cached(text, *rest)

        return parse_or_recall

    return decorate
