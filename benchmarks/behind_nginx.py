"""Measure what honest clients get through nginx while others hold idle and slow connections to it.

Usage from the project's root: ``PYTHONPATH=tests python -m benchmarks.behind_nginx``. Takes about a minute; needs
nginx and wrk.
Exit code 1: honest clients keep less than ``TARGET_SHARE`` of their rate.
"""

import asyncio
import multiprocessing
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from benchmarks.wrk_load import Contender, run_load
from support.nginx import NGINX, NO_NGINX, running_nginx
from support.real_server import running_server

IDLE, SLOW = 10_000, 2_000
TARGET_SHARE = 0.8
TURNS, TURN_SECONDS = 3, 6
SOURCES = 100  # addresses that the connections come from: nginx limits each of them
SECONDS_PER_BYTE = 1.0
OPENED_AT_A_TIME = 200
OPEN_SECONDS = 60.0
RETRY_SECONDS = 0.5
SPARE_FILES = 500
STATISTIC = "best5"
SLOW_REQUEST = b"POST /stats/api/best5 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"


class Crowd:
    """Connections that are opened again whenever nginx closes them."""

    def __init__(self, address: str, opened: "multiprocessing.sharedctypes.Synchronized[int]") -> None:
        parts = urlsplit(address)
        self._place = (parts.hostname, parts.port)
        self._opened = opened
        self._opening = asyncio.Semaphore(OPENED_AT_A_TIME)

    async def hold(self, number: int, request: bytes) -> None:
        """Hold one connection for ever; send its request and then spaces, a byte at a time, or nothing at all."""
        source = (f"127.0.1.{number % SOURCES + 1}", 0)
        while True:
            with suppress(OSError):
                async with self._opening:
                    reader, writer = await asyncio.open_connection(*self._place, local_addr=source)
                with self._opened.get_lock():
                    self._opened.value += 1
                try:
                    await asyncio.gather(self._send(writer, request), self._until_closed(reader))
                finally:
                    with self._opened.get_lock():
                        self._opened.value -= 1
                    writer.close()
            await asyncio.sleep(RETRY_SECONDS)

    @staticmethod
    async def _send(writer: asyncio.StreamWriter, request: bytes) -> None:
        writer.write(request)
        while request:
            await asyncio.sleep(SECONDS_PER_BYTE)
            writer.write(b" ")
            await writer.drain()

    @staticmethod
    async def _until_closed(reader: asyncio.StreamReader) -> None:
        await reader.read()
        raise ConnectionResetError


async def _gather(address: str, opened: "multiprocessing.sharedctypes.Synchronized[int]") -> None:
    crowd = Crowd(address, opened)
    requests = [b""] * IDLE + [SLOW_REQUEST] * SLOW
    await asyncio.gather(*(crowd.hold(number, request) for number, request in enumerate(requests)))


def _run_crowd(address: str, opened: "multiprocessing.sharedctypes.Synchronized[int]") -> None:
    asyncio.run(_gather(address, opened))


@contextmanager
def crowd(address: str) -> Iterator[int]:
    """Hold all connections, from a process of its own, until the block ends; give how many are open."""
    opened = multiprocessing.Value("i", 0)
    process = multiprocessing.Process(target=_run_crowd, args=(address, opened), daemon=True)
    process.start()
    try:
        for _ in range(int(OPEN_SECONDS / RETRY_SECONDS)):
            process.join(RETRY_SECONDS)
            if opened.value >= 0.98 * (IDLE + SLOW):
                break
        yield opened.value
    finally:
        process.kill()
        process.join()


def main() -> int:
    """Take turns with and without the crowd; print the medians and their ratio."""
    if NGINX is None:
        sys.stderr.write(f"{NO_NGINX}\n")
        return 2
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, IDLE + SLOW + SPARE_FILES), hard))
    alone, crowded, held = [], [], []
    settings = {"STATS_TRUSTED_PROXIES": "127.0.0.1", "STATS_ADMIN_TOKEN": "only-for-this-benchmark"}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(settings) as server,
        running_nginx(Path(folder), server.address) as address,
    ):
        honest = Contender("through nginx", address, "?wait=10")
        for _ in range(TURNS):
            alone.append(run_load(honest, STATISTIC, TURN_SECONDS).jobs_per_second)
            with crowd(address) as open_connections:
                held.append(open_connections)
                crowded.append(run_load(honest, STATISTIC, TURN_SECONDS).jobs_per_second)
    share = median(crowded) / median(alone)
    sys.stdout.write(
        f"{median(held):.0f} of {IDLE:,} idle and {SLOW:,} slow connections open\n"
        f"{median(alone):.0f} jobs/s without them, {median(crowded):.0f} jobs/s with them: {share:.2f}\n"
    )
    return 0 if share >= TARGET_SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
