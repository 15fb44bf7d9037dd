"""Memory and disk use do not grow with the number of past jobs."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from support.load import CASES, Case, check_acknowledged, load, scaled
from support.raw_http import RawConnection, get_bytes, post_bytes
from support.real_server import RealServer, running_server

pytestmark = pytest.mark.alone

JOBS = scaled(8_000, 500_000)
KEPT_JOBS = scaled(500, 5_000)
CLIENTS = 4
PARTS = 10
MOST_GROWTH = 0.1
SPARE_JOURNAL_LINES = 10_000
JOURNAL_LINES_PER_JOB = 4
MOST_JOURNAL_LINES = SPARE_JOURNAL_LINES + JOURNAL_LINES_PER_JOB * (KEPT_JOBS + 2 * CLIENTS)
COMPACTED_SECONDS = 20.0


def history(server: RealServer) -> Iterator[int]:
    """Run jobs in ten parts; yield the worker's resident memory in KiB after each part."""
    worker = server.worker()
    for _ in range(PARTS):
        threads = [
            threading.Thread(target=do_jobs, args=(server, CASES[number::CLIENTS], JOBS // PARTS // CLIENTS))
            for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        status = Path(f"/proc/{worker}/status").read_text(encoding="ascii")
        yield int(status.split("VmRSS:")[1].split()[0])


def do_jobs(server: RealServer, cases: list[Case], jobs: int) -> None:
    """Submit jobs one after another and wait for each."""
    submissions = [post_bytes(f"/api/{case.statistic}", json.dumps(case.body).encode()) for case in cases]
    with RawConnection(server.address) as connection:
        for number in range(jobs):
            accepted = connection.ask(submissions[number % len(submissions)])
            assert accepted is not None
            job_id = json.loads(accepted.body)["job_id"]
            answer = connection.ask(get_bytes(f"/api/get_results/{job_id}?wait=30"))
            assert answer is not None
            assert answer.body.startswith(b'{"status":"done"'), answer.body


def journal_lines(server: RealServer) -> int:
    """Return the number of lines in the journal, once files of removed jobs are deleted and it has been compacted."""
    deadline = time.monotonic() + COMPACTED_SECONDS
    while True:
        requests.get(f"{server.address}/readyz", timeout=20).raise_for_status()  # writes the journal out
        lines = (server.results_dir / "journal.jsonl").read_bytes().count(b"\n")
        if lines < MOST_JOURNAL_LINES or time.monotonic() > deadline:
            return lines
        time.sleep(0.2)


def test_memory_and_disk_stay_within_the_retention_limit() -> None:
    with running_server({"STATS_RETENTION_JOBS": str(KEPT_JOBS)}) as server:
        sizes = list(history(server))
        oldest = requests.get(f"{server.address}/api/get_results/job_id_1", timeout=10)
        lines = journal_lines(server)
        files = len(list(server.results_dir.glob("job_id_*.json")))
        with load(server.address, read_back=True) as seen:
            time.sleep(0.5)
        assert seen.wrong == []
        assert check_acknowledged(server.address, seen.acknowledged) == []
        assert server.stop() == 0
    first, most = sizes[0], max(sizes[1:])
    print(f"\n{JOBS} jobs, {KEPT_JOBS} kept: {first} KiB after the first tenth, then at most {most} KiB", end="")
    print(f" ({most / first - 1:+.1%}); {files} files, {lines} lines in the journal")
    assert (oldest.status_code, oldest.json()["status"]) == (410, "error")
    assert files == KEPT_JOBS
    assert lines < MOST_JOURNAL_LINES
    assert most < first * (1 + MOST_GROWTH)


def test_batches_larger_than_the_retention_leave_no_file_and_no_false_warning() -> None:
    with running_server({"STATS_RETENTION_JOBS": "100"}) as server:
        for _ in range(scaled(3, 10)):
            answer = requests.post(
                f"{server.address}/api/batch",
                json=[{"statistic": "global_mean", "question": "Q036"}] * 1000,
                headers={"Prefer": "wait=30"},
                timeout=60,
            )
            assert answer.status_code == 200
        assert server.stop() == 0
        files = len(list(server.results_dir.glob("job_id_*")))
        log = server.log_file.read_text(encoding="utf-8")
    assert files == 100
    assert "lost or damaged" not in log
