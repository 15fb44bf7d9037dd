"""Time calls in turns, so that other load on the machine affects all of them alike."""

import time
from collections.abc import Callable, Mapping
from statistics import median

Call = Callable[[], object]


def seconds_of(call: Call) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def median_seconds(calls: Mapping[str, Call], rounds: int, batch_seconds: float = 0.0) -> dict[str, float]:
    """Return the median time of each call over the rounds; each round times every call once.

    Parameters
    ----------
    batch_seconds: how long a turn takes at least; a fast call is repeated within its turn
    """
    repeats = {name: _repeats(call, batch_seconds) for name, call in calls.items()}
    turns: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            turns[name].append(_batch_seconds(call, repeats[name]) / repeats[name])
    return {name: median(seconds) for name, seconds in turns.items()}


def _repeats(call: Call, batch_seconds: float) -> int:
    """Return how many calls fill a turn of the given length; without a length, one call without a trial."""
    repeats = 1
    while batch_seconds and _batch_seconds(call, repeats) < batch_seconds:
        repeats *= 2
    return repeats


def _batch_seconds(call: Call, repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    return time.perf_counter() - started
