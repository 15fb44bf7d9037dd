"""A full disk or an unwritable folder, repaired while the server runs."""

import shutil
import time
from pathlib import Path

import pytest
import requests

from support.load import CASES, Load, compare, load, result_of, submit
from support.real_server import RealServer, entry_point_with, running_server

DEADLINE_SECONDS = 20.0
FILE_SIZE_LIMIT_BYTES = 40_000

LIMITED_START = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({FILE_SIZE_LIMIT_BYTES}, resource.RLIM_INFINITY))
"""


def wait_until(server: RealServer, status: int) -> requests.Response:
    """Wait until /readyz returns the status: 200 (ready) or 503 (not ready)."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (answer := requests.get(f"{server.address}/readyz", timeout=10)).status_code != status:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)
    return answer


def check_after_the_fault(server: RealServer, seen: Load) -> tuple[int, int]:
    """Check that every acknowledged job has the right result or a reason; return the counts of both."""
    right = failed = 0
    with requests.Session() as session:
        for job_id, case in seen.acknowledged.items():
            answer = result_of(session, server.address, job_id)
            if answer["status"] == "error":
                assert "could not be written" in answer["reason"]
                failed += 1
            else:
                assert compare(answer, case) is None
                right += 1
        for case in CASES[:20]:
            job_id = submit(session, server.address, case, Load()) or ""
            assert compare(result_of(session, server.address, job_id), case) is None
    return right, failed


def fill(filler: Path) -> None:
    """Write to a file until the disk is full.

    Raises
    ------
    OSError: the disk is full
    """
    with filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_the_server_reports_a_full_disk_and_recovers_without_a_restart(small_disk: Path) -> None:
    filler = small_disk / "filler"
    with running_server({"STATS_RESULTS_DIR": str(small_disk / "results")}) as server:
        with load(server.address) as seen:
            time.sleep(0.3)
            with pytest.raises(OSError, match="No space left"):
                fill(filler)
            not_ready = wait_until(server, 503)
            time.sleep(0.5)
            filler.unlink()
        wait_until(server, 200)
        right, failed = check_after_the_fault(server, seen)
        assert server.stop() == 0
    print(f"\nfull disk: {dict(seen.statuses)} by status; {right} jobs right, {failed} failed with a reason")
    assert "No space left on device" in not_ready.json()["reason"]
    assert set(seen.statuses) <= {200, 503}
    assert seen.statuses[503]
    assert right


def test_jobs_are_rejected_with_a_reason_if_the_journal_cannot_grow(tmp_path: Path) -> None:
    entry_point = entry_point_with(tmp_path, LIMITED_START)
    places = {"STATS_DATA": str(small_table(tmp_path)), "STATS_LOG_FILE": "/dev/null"}
    with running_server(places, entry_point=entry_point) as server, requests.Session() as session:
        url, body = f"{server.address}/api/global_mean", {"question": "q"}
        accepted = 0
        while (answer := session.post(url, json=body, timeout=10)).status_code == 200:
            accepted += 1
            assert accepted * 10 < FILE_SIZE_LIMIT_BYTES
        assert answer.status_code == 503
        assert "File too large" in answer.json()["reason"]
        assert int(answer.headers["Retry-After"]) > 0
        # What an acceptance has no room for may still take a shorter line.
        for _ in range(FILE_SIZE_LIMIT_BYTES):
            if session.get(f"{server.address}/readyz", timeout=10).status_code == 503:
                break
            # A journal that is written anew is shorter, and may have room once more.
            assert any(
                session.post(url, json=body, timeout=10).status_code == 503 for _ in range(FILE_SIZE_LIMIT_BYTES)
            )
        else:
            pytest.fail("the server counts as ready though it refuses every job")
        last = session.get(f"{server.address}/api/get_results/job_id_{accepted}?wait=10", timeout=20).json()
        assert last == {"status": "done", "data": {"global_mean": 5.0}}
        assert server.stop() == 0


def small_table(folder: Path) -> Path:
    """Write a table of one row."""
    path = folder / "table.csv"
    path.write_text("LocationDesc,Question,Data_Value,StratificationCategory1,Stratification1\nOhio,q,5,,\n")
    return path


def test_the_server_reports_a_folder_replaced_by_a_file_and_recovers_without_a_restart() -> None:
    with running_server() as server:
        with load(server.address) as seen:
            time.sleep(0.3)
            shutil.rmtree(server.results_dir, ignore_errors=True)
            while not server.results_dir.is_file():
                shutil.rmtree(server.results_dir, ignore_errors=True)
                try:
                    server.results_dir.write_text("in the way")
                except IsADirectoryError:
                    continue
            wait_until(server, 503)
            time.sleep(0.3)
            server.results_dir.unlink()
        wait_until(server, 200)
        check_after_the_fault(server, seen)
        assert server.stop() == 0
    assert set(seen.statuses) == {200, 503}
