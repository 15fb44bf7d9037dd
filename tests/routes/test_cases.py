"""The checker script against a real server: the project's own cases, and the official ones."""

import subprocess
import sys

import pytest

from support.real_server import PROJECT_ROOT, running_server

SHARED_DATA = PROJECT_ROOT.parent / "shared" / "data"


def run_checker(*arguments: str) -> tuple[int, str]:
    """Run the checker as a user would; return its exit code and what it printed."""
    command = [sys.executable, "tests/checker.py", *arguments]
    ended = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=300, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def test_the_projects_own_cases_pass() -> None:
    code, output = run_checker()
    assert "114 of 114 cases passed" in output
    assert code == 0


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the official cases and their table lie in ../shared/data")
def test_the_official_cases_pass() -> None:
    cases, table = SHARED_DATA / "official_cases", SHARED_DATA / "course_subset_key_columns.csv"
    code, output = run_checker("--cases", str(cases), "--data", str(table))
    assert "114 of 114 cases passed" in output
    assert code == 0


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the official cases and their table lie in ../shared/data")
def test_the_official_cases_fail_on_another_table() -> None:
    code, output = run_checker("--cases", str(SHARED_DATA / "official_cases"))
    assert "0 of 114 cases passed" in output
    assert code == 1


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the official cases and their table lie in ../shared/data")
def test_the_official_cases_pass_over_a_table_that_dask_has_read() -> None:
    table = SHARED_DATA / "course_subset_key_columns.csv"
    with running_server({"STATS_ENGINE": "dask", "STATS_DATA": str(table)}) as server:
        code, output = run_checker("--cases", str(SHARED_DATA / "official_cases"), "--address", server.address)
    assert "114 of 114 cases passed" in output
    assert code == 0
