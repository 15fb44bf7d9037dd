"""Pictures: many large ones, ones that are too large, and a converter that hangs delay nobody else."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from support.real_server import PROJECT_ROOT, RealServer, entry_point_with, running_server

LARGE_PICTURES = 50
LARGE_JOBS = 13  # two themes and two formats of each give the large pictures
YEARS = ({"from": 2011, "to": 2022}, {"from": 2012, "to": 2022})
SMALL_SECONDS = 3.0
JOB_SECONDS = 2.0  # the longest that a job of another client may take; alone it takes 0.01 s
TIME_LIMIT_SECONDS = 6.0  # a new converter needs one or two until it is up
PAUSE_SECONDS = 0.05
FIND_SECONDS = 20.0
LARGE = ["location", "category", "stratum"]  # 1,500 marks
TOO_LARGE = [*LARGE, "year"]  # 3,400 marks


def finished_job(server: RealServer, statistic: str, body: Any) -> str:
    """Submit a request and return its job id once it is done."""
    job_id = str(requests.post(f"{server.address}/api/{statistic}", json=body, timeout=30).json()["job_id"])
    answer = requests.get(f"{server.address}/api/get_results/{job_id}?wait=30", timeout=40)
    assert answer.json()["status"] == "done"
    return job_id


def picture(server: RealServer, job_id: str, format: str = "svg", theme: str = "light") -> requests.Response:
    """Request a picture."""
    return requests.get(f"{server.address}/api/get_results/{job_id}?format={format}&theme={theme}", timeout=120)


def limited_server(folder: Path) -> Path:
    """Write a script that runs the server with a short time limit for pictures, and return its path."""
    prelude = f"import sys\nsys.path.insert(0, {str(PROJECT_ROOT)!r})\nfrom app.charts import converter\n"
    return entry_point_with(folder, f"{prelude}converter.TIMEOUT_SECONDS = {TIME_LIMIT_SECONDS}")


def converters(server: RealServer) -> list[int]:
    """Return the process ids of the server's converters."""
    worker = server.worker()
    lists = [path.read_text(encoding="ascii") for path in Path(f"/proc/{worker}/task").glob("*/children")]
    return [pid for pid in map(int, " ".join(lists).split()) if "converter_main" in command_line(pid)]


def command_line(pid: int) -> str:
    """Return the command line of a process, "" if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except OSError:
        return ""


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + FIND_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(PAUSE_SECONDS)


@contextmanager
def hanging_picture(server: RealServer) -> Iterator[tuple[int, "Future[requests.Response]"]]:
    """Request a picture from a converter that is stopped; yield the converter's process id and the response."""
    job_id = finished_job(server, "states_mean", {"question": "Q036"})
    assert picture(server, job_id).status_code == 200
    (pid,) = converters(server)
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor() as clients:
        yield pid, clients.submit(picture, server, job_id, "png")


class Crowd:
    """Clients that request large pictures, all at once and again, until they are stopped."""

    def __init__(self, server: RealServer) -> None:
        questions = requests.get(f"{server.address}/api/questions", timeout=30).json()["data"]
        bodies = [{"question": each["id"], "by": LARGE, "years": years} for each in questions for years in YEARS]
        self._jobs = [finished_job(server, "estimate", body) for body in bodies[:LARGE_JOBS]]
        self._server = server
        self._stop = threading.Event()
        self.answers: list[requests.Response] = []

    def ask(self, number: int) -> None:
        """Request one large picture."""
        theme, format = ("light", "dark")[number % 2], ("png", "svg")[number // 2 % 2]
        self.answers.append(picture(self._server, self._jobs[number // 4], format, theme))

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Request all pictures; on leaving, wait for the responses."""
        with ThreadPoolExecutor(LARGE_PICTURES) as clients:
            asked = [clients.submit(self.ask, number) for number in range(LARGE_PICTURES)]
            yield
            for each in asked:
                each.result()


def test_a_small_picture_and_jobs_go_on_beside_50_large_pictures() -> None:
    with running_server() as server:
        small = finished_job(server, "states_mean", {"question": "Q036"})
        crowd = Crowd(server)
        picture(server, small, theme="dark")  # imports Altair, and starts the converter
        jobs = []
        with crowd.asking():
            time.sleep(0.5)
            started = time.monotonic()
            answer = picture(server, small)
            took = time.monotonic() - started
            for _ in range(20):
                began = time.monotonic()
                finished_job(server, "global_mean", {"question": "Q036"})
                jobs.append(time.monotonic() - began)
        assert server.stop() == 0
    statuses = Counter(each.status_code for each in crowd.answers)
    print(f"\nsmall picture {answer.status_code} in {took:.2f} s, slowest job {max(jobs):.2f} s, large ", end="")
    print(dict(statuses))
    assert took < SMALL_SECONDS
    assert answer.status_code in {200, 503}
    assert max(jobs) < JOB_SECONDS
    assert set(statuses) == {200, 503}
    assert all(int(each.headers["Retry-After"]) > 0 for each in crowd.answers if each.status_code == 503)


@pytest.mark.parametrize("address", ["?format=png", "/chart"])
def test_a_chart_with_too_many_marks_is_rejected_at_once(address: str) -> None:
    with running_server() as server:
        job_id = finished_job(server, "estimate", {"question": "Q036", "by": TOO_LARGE})
        started = time.monotonic()
        answer = requests.get(f"{server.address}/api/get_results/{job_id}{address}", timeout=120)
        took = time.monotonic() - started
        page = requests.get(f"{server.address}/results/{job_id}", headers={"Accept": "text/html"}, timeout=60)
    print(f"\n{answer.status_code} in {took:.2f} s")
    assert answer.status_code == 422
    assert "marks" in answer.json()["reason"]
    assert "csv" in answer.json()["reason"]
    assert page.status_code == 200
    assert "data-spec" not in page.text


def test_a_converter_that_hangs_is_replaced_after_the_time_limit(tmp_path: Path) -> None:
    with running_server(entry_point=limited_server(tmp_path)) as server:
        started = time.monotonic()
        with hanging_picture(server) as (pid, response):
            answer = response.result()
        took = time.monotonic() - started
        job_id = finished_job(server, "states_mean", {"question": "Q036"})
        assert picture(server, job_id, "png").status_code == 200
        assert converters(server) not in ([], [pid])
    print(f"\n{answer.status_code} after {took:.2f} s with a time limit of {TIME_LIMIT_SECONDS:g} s")
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert took < TIME_LIMIT_SECONDS + 8


def test_a_stop_ends_a_converter_that_hangs() -> None:
    with running_server({"STATS_DRAIN_SECONDS": "5"}) as server, hanging_picture(server) as (pid, response):
        time.sleep(0.5)  # until the converter has the request
        started = time.monotonic()
        assert server.stop() == 0
        took = time.monotonic() - started
        wait_until(lambda: not command_line(pid))
        if response.exception() is None:  # the connection may end first
            assert response.result().status_code == 503
    print(f"\nended in {took:.2f} s")
    assert took < 8
