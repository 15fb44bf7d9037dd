"""Reload the table of a running server, once or repeatedly, and collect the times that it reports."""

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
    """Start and end of a reload, by the server's clock."""

    started_at: datetime
    ended_at: datetime

    @property
    def seconds(self) -> float:
        """Duration of the reload."""
        return (self.ended_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Window:
    """A time window of another measurement, by the same clock."""

    began_at: datetime
    ended_at: datetime

    def whole(self, readings: Sequence[Reading]) -> list[Reading]:
        """Return the reloads that lie completely within the window."""
        return [r for r in readings if r.started_at >= self.began_at and r.ended_at <= self.ended_at]

    def part_read(self, readings: Sequence[Reading]) -> float:
        """Return the share of the window during which a reload ran, from 0 to 1."""
        overlaps = (min(r.ended_at, self.ended_at) - max(r.started_at, self.began_at) for r in readings)
        read = sum(max(0.0, overlap.total_seconds()) for overlap in overlaps)
        return read / (self.ended_at - self.began_at).total_seconds()


def read_again(address: str) -> Reading:
    """Reload a server's table. Blocks until the reload ends.

    Raises
    ------
    VoidRunError: the reload failed, or takes too long
    """
    deadline = time.monotonic() + LONGEST_READING_SECONDS
    with requests.Session() as session:
        session.trust_env = False  # a proxy cannot reach the loopback address
        session.post(f"{address}/api/dataset/reload", timeout=REQUEST_SECONDS).raise_for_status()
        while (report := _report(session, address))["status"] == "running":
            if time.monotonic() > deadline:
                raise VoidRunError(f"the reload takes longer than {LONGEST_READING_SECONDS:g} s")
            time.sleep(PAUSE_SECONDS)
    if report["status"] != "done":
        raise VoidRunError(f"the reload failed: {report['reason']}")
    return Reading(datetime.fromisoformat(report["started_at"]), datetime.fromisoformat(report["ended_at"]))


def _report(session: requests.Session, address: str) -> dict[str, Any]:
    report: dict[str, Any] = session.get(f"{address}/api/dataset", timeout=REQUEST_SECONDS).json()["data"]["reload"]
    return report


@contextmanager
def reloading(address: str) -> Iterator[list[Reading]]:
    """Reload a server's table repeatedly until the block ends; yield the list of finished reloads.

    The reload that is running when the block ends is awaited and added too.

    Raises
    ------
    VoidRunError: a reload failed
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
    """Return the current time, comparable with the server's timestamps."""
    return datetime.now(UTC)
