"""The number of HTTP threads follows the limits of the system."""

import resource
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from app.process import limits
from app.process.limits import HTTP_THREADS, LEAST_HTTP_THREADS, OPEN_FILES, http_threads
from support.load import CASES
from support.real_server import entry_point_with, running_server, slow_prelude

WAIT_SECONDS = 30.0
FEW_FILES = 256
UNLIMITED = resource.RLIM_INFINITY

Allow = Callable[..., None]


@pytest.fixture
def allow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Allow:
    """A function that sets what the system seems to allow a user who is not root."""

    def allow(files: int = UNLIMITED, threads: int = UNLIMITED, pids: str = "max", around: str = "max") -> None:
        values = {resource.RLIMIT_NOFILE: files, resource.RLIMIT_NPROC: threads}
        monkeypatch.setattr(resource, "getrlimit", lambda which: (values[which], values[which]))
        monkeypatch.setattr("os.geteuid", lambda: 1000)
        inner = tmp_path / "system.slice" / "statistics.service"
        inner.mkdir(parents=True)
        (inner / "pids.max").write_text(f"{pids}\n")
        (inner.parent / "pids.max").write_text(f"{around}\n")
        (tmp_path / "own").write_text("4:memory:/elsewhere\n0::/system.slice/statistics.service\n")
        monkeypatch.setattr(limits, "CGROUPS", tmp_path)
        monkeypatch.setattr(limits, "OWN_CGROUPS", tmp_path / "own")

    return allow


@pytest.mark.parametrize("allowed", [{}, {"files": OPEN_FILES, "threads": 96_365, "pids": "8192"}])
def test_limits_that_leave_room_change_nothing(allow: Allow, allowed: dict[str, int | str]) -> None:
    allow(**allowed)
    assert http_threads() == (HTTP_THREADS, "")


@pytest.mark.parametrize(
    ("allowed", "threads", "limit"),
    [
        ({"files": 1024}, 492, "1024 open files (ulimit -n)"),
        ({"threads": 1000}, 500, "1000 threads of this user (ulimit -u)"),
        ({"pids": "512"}, 256, "512 threads of this control group (pids.max)"),
        ({"around": "200"}, 100, "200 threads of this control group (pids.max)"),
        ({"files": 1024, "pids": "100"}, 50, "100 threads of this control group (pids.max)"),
        ({"files": 20}, LEAST_HTTP_THREADS, "20 open files (ulimit -n)"),
    ],
)
def test_the_lowest_limit_counts(allow: Allow, allowed: dict[str, int | str], threads: int, limit: str) -> None:
    allow(**allowed)
    assert http_threads() == (threads, limit)


def test_without_control_groups_nothing_is_read_of_them(allow: Allow, tmp_path: Path) -> None:
    allow()
    (tmp_path / "own").unlink()
    assert http_threads() == (HTTP_THREADS, "")


def few_files(tmp_path: Path, files: int, more: str = "") -> Path:
    """Return a script that runs the server with few descriptors."""
    prelude = f"import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}))\n{more}"
    return entry_point_with(tmp_path, prelude)


def test_with_few_threads_those_who_wait_for_jobs_leave_some_to_the_others(tmp_path: Path) -> None:
    entry_point = few_files(tmp_path, FEW_FILES, slow_prelude(WAIT_SECONDS))
    with running_server({"TP_NUM_OF_THREADS": "1"}, entry_point=entry_point) as server, ExitStack() as stack:
        for _ in range(2):  # the runner sleeps after the first job, so that the second one waits
            requests.post(f"{server.address}/api/best5", json={"question": "Q036"}, timeout=WAIT_SECONDS)
        parts = urlsplit(server.address)
        request = b"GET /api/get_results/job_id_2?wait=30 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        for _ in range(FEW_FILES):
            stack.enter_context(socket.create_connection((parts.hostname, parts.port), WAIT_SECONDS)).sendall(request)
        started = time.monotonic()
        assert requests.get(f"{server.address}/healthz", timeout=WAIT_SECONDS).ok
        assert time.monotonic() - started < WAIT_SECONDS / 2


@pytest.mark.parametrize(("files", "threads"), [(FEW_FILES, 108), (64, 12)])
def test_with_few_descriptors_the_server_says_so_and_a_crowd_of_idle_clients_costs_no_result(
    tmp_path: Path, files: int, threads: int
) -> None:
    with running_server(entry_point=few_files(tmp_path, files)) as server, ExitStack() as stack:
        line = f"{threads} HTTP threads instead of 4096, because the system allows {files} open files (ulimit -n)"
        assert line in server.output()
        session = stack.enter_context(requests.Session())
        parts = urlsplit(server.address)
        ids = []
        for number in range(2 * files):
            stack.enter_context(socket.create_connection((parts.hostname, parts.port), WAIT_SECONDS))
            if number % 8 == 0:
                case = CASES[number // 8]  # jobs with different results: each one opens files
                answer = session.post(f"{server.address}/api/{case.statistic}", json=case.body, timeout=WAIT_SECONDS)
                ids.append(answer.json()["job_id"])
        states = [
            session.get(f"{server.address}/api/get_results/{job_id}?wait=10", timeout=WAIT_SECONDS).json()["status"]
            for job_id in ids
        ]
    assert states == ["done"] * len(ids)
