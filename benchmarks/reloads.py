"""Have a running server read its table again, once or again and again, and take the times that it tells."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from benchmarks.comparison import VoidRunError
from benchmarks.processes import REQUEST_SECONDS

PAUSE_SECONDS = 0.05
LONGEST_READING_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Reading:
    """From when to when a table was read, by the server's own clock."""

    started_at: datetime
    ended_at: datetime

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Window:
    """Some time in which something else was done, by the same clock."""

    began_at: datetime
    ended_at: datetime

    def whole(self, readings: Sequence[Reading]) -> list[Reading]:
        """Return the readings that began and ended in it."""
        return [r for r in readings if r.started_at >= self.began_at and r.ended_at <= self.ended_at]

    def part_read(self, readings: Sequence[Reading]) -> float:
        """Return the part of it in which a reading went on, from 0 to 1."""
        overlaps = (min(r.ended_at, self.ended_at) - max(r.started_at, self.began_at) for r in readings)
        read = sum(max(0.0, overlap.total_seconds()) for overlap in overlaps)
        return read / (self.ended_at - self.began_at).total_seconds()


def read_again(address: str) -> Reading:
    """Have a server read its table again, and wait for the end of that. Blocks.

    Raises
    ------
    VoidRunError: it could not, or takes too long
    """
    deadline = time.monotonic() + LONGEST_READING_SECONDS
    with requests.Session() as session:
        session.trust_env = False  # a proxy does not know the loopback address of this machine
        session.post(f"{address}/api/dataset/reload", timeout=REQUEST_SECONDS).raise_for_status()
        while (report := _report(session, address))["status"] == "running":
            if time.monotonic() > deadline:
                raise VoidRunError(f"a reading takes longer than {LONGEST_READING_SECONDS:g} s")
            time.sleep(PAUSE_SECONDS)
    if report["status"] != "done":
        raise VoidRunError(f"the table could not be read again: {report['reason']}")
    return Reading(datetime.fromisoformat(report["started_at"]), datetime.fromisoformat(report["ended_at"]))


def _report(session: requests.Session, address: str) -> dict[str, Any]:
    report: dict[str, Any] = session.get(f"{address}/api/dataset", timeout=REQUEST_SECONDS).json()["data"]["reload"]
    return report


@contextmanager
def reloading(address: str) -> Iterator[list[Reading]]:
    """Have a server read its table again and again until the block ends; give the readings that have ended until now.

    The one that goes on when the block ends is waited for, and given too.

    Raises
    ------
    VoidRunError: one of them failed
    """
    readings: list[Reading] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            readings.append(read_again(address))

    with ThreadPoolExecutor(1) as aside:
        reading = aside.submit(read)
        try:
            yield readings
        finally:
            ended.set()
        reading.result()


def now() -> datetime:
    """Return the time of the clock that the server tells its times by."""
    return datetime.now(UTC)
