"""What a client was told to be removed or cancelled stays so, also after ``kill -9``."""

import random
import subprocess
from pathlib import Path

import pytest
import requests

from support.acknowledged import assert_answered, delete, finished_jobs, statuses
from support.harm import flip_bit_of_line, read_lines, record_of, result_path
from support.load import CASES, Case, Load, submit
from support.real_server import RealServer, running_server, slow_entry_point

REMOVED, CANCELLED = 40, 20


def test_removed_jobs_stay_removed_and_cancelled_ones_cancelled_after_a_kill(tmp_path: Path) -> None:
    places = {"STATS_RESULTS_DIR": str(tmp_path / "results"), "TP_NUM_OF_THREADS": "1"}
    with running_server(places) as server:
        ended = finished_jobs(server)
        assert server.stop() == 0
    with running_server(places, entry_point=slow_entry_point(tmp_path, seconds=2.0)) as server:
        waiting = _submit(server, CASES[: CANCELLED + 5])[5:]
        cancelled = [job_id for job_id in waiting if delete(server, job_id) == "cancelled"]
        removed = list(ended)[:REMOVED]
        assert {delete(server, job_id) for job_id in removed} == {"removed"}
        server.kill()
    for _ in range(2):
        with running_server(places) as server:
            assert statuses(server, removed) == [410] * REMOVED
            assert _reasons(server, cancelled) == ["cancelled"] * CANCELLED
            assert_answered(server, dict(list(ended.items())[REMOVED:]))
            server.kill()


def _submit(server: RealServer, cases: list[Case]) -> list[str]:
    seen = Load()
    with requests.Session() as session:
        return [submit(session, server.address, case, seen) or "" for case in cases]


def _reasons(server: RealServer, job_ids: list[str]) -> list[str | None]:
    urls = [f"{server.address}/api/get_results/{job_id}?wait=20" for job_id in job_ids]
    return [requests.get(url, timeout=40).json().get("reason") for url in urls]


def test_a_removed_job_whose_file_cannot_be_deleted_stays_removed(tmp_path: Path) -> None:
    places = {"STATS_RESULTS_DIR": str(tmp_path / "results")}
    with running_server(places) as server:
        accepted = finished_jobs(server, 5)
        path = result_path(server.results_dir, 2)
        command = ["/usr/bin/env", "mount", "--bind", str(path), str(path)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a file can be made undeletable by the superuser only")
        try:
            assert delete(server, "job_id_2") == "removed"
            server.kill()
            with running_server(places) as successor:
                assert statuses(successor, list(accepted)) == [200, 410, 200, 200, 200]
                assert successor.stop() == 0
        finally:
            subprocess.run(["/usr/bin/env", "umount", str(path)], check=True)
    with running_server(places) as server:
        assert statuses(server, list(accepted)) == [200, 410, 200, 200, 200]
        assert server.stop() == 0
    assert not path.exists()


def test_a_removed_job_whose_acceptance_is_damaged_in_the_journal_stays_removed(tmp_path: Path) -> None:
    places = {"STATS_RESULTS_DIR": str(tmp_path / "results")}
    with running_server(places) as server:
        accepted = finished_jobs(server, 5)
        assert delete(server, "job_id_2") == "removed"
        assert server.stop() == 0
    line = [record_of(each) for each in read_lines(server.results_dir)].index(("accepted", 2))
    flip_bit_of_line(server.results_dir, line, random.Random(2))
    for _ in range(2):
        with running_server(places) as server:
            assert statuses(server, list(accepted)) == [200, 410, 200, 200, 200]
            assert server.stop() == 0
