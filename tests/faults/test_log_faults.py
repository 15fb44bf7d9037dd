"""The log when its disk is full, and when somebody renames or deletes its file while the server runs."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from app.log_batches import MOST_QUEUED_LINES
from support.real_server import RealServer, entry_point_with, running_server

DEADLINE_SECONDS = 20.0
BATCHES, BATCH_JOBS = 15, 1000
DROPPED = "stats_log_lines_dropped_total"
FILE_BYTES = 4096

OUTPUT_ON_DISK = """
import os
output = os.open({path!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.dup2(output, 1)
os.dup2(output, 2)
"""


def fill(filler: Path) -> None:
    """Write to a file until the disk is full."""
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(FILE_BYTES))


def resident_mib(server: RealServer) -> float:
    """Return the resident memory of the worker."""
    status = Path(f"/proc/{server.worker()}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def submit_many(server: RealServer) -> int:
    """Submit batches, whose jobs log two lines each, and return how many jobs are done."""
    jobs = [{"statistic": "global_mean", "question": "Q036"}] * BATCH_JOBS
    for _ in range(BATCHES):
        requests.post(f"{server.address}/api/batch", json=jobs, timeout=60).raise_for_status()
        while requests.get(f"{server.address}/api/num_jobs", timeout=20).json()["num_jobs"]:
            time.sleep(0.02)
    return BATCHES * BATCH_JOBS


def lines_dropped(server: RealServer) -> float:
    """Return the count of dropped lines that the metrics report."""
    text = requests.get(f"{server.address}/metrics", timeout=20).text
    return next((float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{DROPPED} ")), -1.0)


def request_id(server: RealServer) -> str:
    """Send a request and return its id, which its lines in the log have."""
    return requests.get(f"{server.address}/healthz", timeout=20).headers["X-Request-Id"]


def wait_for(true: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def in_file(path: Path, text: str) -> bool:
    """Return whether a file exists and holds a text."""
    return path.exists() and text in path.read_text(encoding="utf-8")


def test_the_log_recovers_with_its_disk_and_says_how_many_lines_it_dropped(small_disk: Path, tmp_path: Path) -> None:
    log_file, filler = small_disk / "webserver.log", small_disk / "filler"
    entry_point = entry_point_with(tmp_path, OUTPUT_ON_DISK.format(path=str(small_disk / "output")))
    with running_server({"STATS_LOG_FILE": str(log_file)}, entry_point=entry_point) as server:
        before = request_id(server)
        wait_for(lambda: in_file(log_file, before), "the log is written")
        fill(filler)
        memory = resident_mib(server)
        jobs = submit_many(server)
        grown = resident_mib(server) - memory
        filler.unlink()
        wait_for(lambda: in_file(log_file, "lines of the log were dropped here"), "the log says what is missing")
        after = request_id(server)
        wait_for(lambda: in_file(log_file, after), "the log is written again")
        dropped = lines_dropped(server)
        print(f"\nlog and errors on a full disk, {jobs} jobs: {dropped:.0f} lines dropped, {grown:.0f} MiB more")
        assert server.stop() == 0
    text = log_file.read_text(encoding="utf-8")
    said = [int(line.split()[-8]) for line in text.splitlines() if line.endswith("lines of the log were dropped here")]
    assert sum(said) == dropped > jobs
    assert text.count("accepted: global_mean") >= MOST_QUEUED_LINES // 4  # what was queued is there


@pytest.mark.parametrize("deleted", [False, True])
def test_a_log_that_is_renamed_or_deleted_is_opened_again(tmp_path: Path, deleted: bool) -> None:
    log_file = tmp_path / "log" / "webserver.log"
    with running_server({"STATS_LOG_FILE": str(log_file)}) as server:
        first = request_id(server)
        wait_for(lambda: in_file(log_file, first), "the log is written")
        if deleted:
            log_file.unlink()
            log_file.parent.rmdir()
        else:
            log_file.rename(tmp_path / "rotated")
        second = request_id(server)
        wait_for(lambda: in_file(log_file, second), "the log is opened again")
        assert server.stop() == 0
    assert first not in log_file.read_text(encoding="utf-8")
    assert deleted or in_file(tmp_path / "rotated", first)
