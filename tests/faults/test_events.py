"""Live events over HTTP on a real server: order, filters, the bound, slow and leaving clients, and the end."""

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from support.real_server import PROJECT_ROOT, RealServer, entry_point_with, running_server, slow_prelude
from support.small_survey import ERROR_FIELDS

EVENTS = "/api/events"
TIMEOUT_SECONDS = 30.0
OBESITY = {"question": "Q036"}
FEW_LISTENERS = (
    f"import sys\nsys.path.insert(0, {str(PROJECT_ROOT)!r})\n"
    "from app import events\nevents.LISTENERS_SHARE = 10**9\n"  # one listener
)
SLOW_SECONDS = 0.3

Event = tuple[str, dict[str, object]]


class Stream:
    """An open event stream of a server."""

    def __init__(self, address: str, **parameters: str) -> None:
        self.response = requests.get(address + EVENTS, params=parameters, stream=True, timeout=TIMEOUT_SECONDS)
        self._lines = self.response.iter_lines(chunk_size=1)

    def __iter__(self) -> Iterator[Event]:
        """Yield the events until the server ends the stream."""
        name = ""
        for line in self._lines:
            kind, _, text = line.decode().partition(": ")
            if kind == "event":
                name = text
            elif kind == "data":
                yield name, json.loads(text)

    def close(self) -> None:
        """Disconnect."""
        self.response.close()


@pytest.fixture(scope="module")
def server() -> Iterator[RealServer]:
    """An ordinary server."""
    with running_server() as running:
        yield running


def submit(server: RealServer) -> str:
    """Submit a job and return its id."""
    answer = requests.post(f"{server.address}/api/best5", json=OBESITY, timeout=TIMEOUT_SECONDS)
    return str(answer.json()["job_id"])


def states_of(events: Iterator[Event], job: str) -> Iterator[str]:
    """Yield the states of one job as they come."""
    return (str(content["state"]) for name, content in events if name == "job" and content["job_id"] == job)


def test_a_stream_begins_with_queue_and_table_and_goes_on_with_the_jobs_in_order(server: RealServer) -> None:
    with closing(Stream(server.address)) as stream:
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        assert stream.response.headers["X-Accel-Buffering"] == "no"
        assert stream.response.headers["Cache-Control"] == "no-store"
        events = iter(stream)
        names, contents = zip(*[next(events), next(events)], strict=True)
        assert names == ("queue", "reload")
        assert contents[0]["open"] is True
        assert contents[1]["reload"] is None
        job = submit(server)
        states = states_of(events, job)
        assert [next(states), next(states), next(states)] == ["waiting", "running", "done"]
        requests.delete(f"{server.address}/api/jobs/{job}", timeout=TIMEOUT_SECONDS)
        assert next(states) == "removed"


def test_a_stream_of_named_jobs_begins_with_their_states_and_ends_with_them(server: RealServer) -> None:
    jobs = [submit(server), submit(server)]
    followed = list(Stream(server.address, jobs=",".join(jobs)))
    assert {name for name, _ in followed} == {"job"}
    for job in jobs:
        states = list(states_of(iter(followed), job))
        assert states[-1] == "done"
        assert states == sorted(states, key=["waiting", "running", "done"].index)
        assert len(states) == len(set(states))
    again = list(Stream(server.address, jobs=jobs[0]))  # as after a connection that broke
    assert again == [("job", {"job_id": jobs[0], "statistic": "best5", "state": "done"})]


def test_a_stream_ends_after_the_seconds_that_were_asked_for(server: RealServer) -> None:
    begun = time.monotonic()
    assert [name for name, _ in Stream(server.address, seconds="1")] == ["queue", "reload"]
    assert 1 <= time.monotonic() - begun < TIMEOUT_SECONDS / 2


def test_unknown_jobs_and_malformed_arguments_are_errors(server: RealServer) -> None:
    for query, status in (("jobs=job_id_999999", 404), ("jobs=", 400), ("seconds=soon", 400)):
        answer = requests.get(f"{server.address}{EVENTS}?{query}", timeout=TIMEOUT_SECONDS)
        assert answer.status_code == status
        assert list(answer.json()) in ERROR_FIELDS


def test_a_reload_is_an_event(server: RealServer) -> None:
    with closing(Stream(server.address)) as stream:
        reloads = (content["reload"] for name, content in stream if name == "reload")
        assert next(reloads) is None
        assert requests.post(f"{server.address}/api/dataset/reload", timeout=TIMEOUT_SECONDS).ok
        while (status := next(reloads)) != "done":
            assert status == "running"


def test_beyond_the_bound_listeners_are_refused_until_one_leaves(tmp_path: Path) -> None:
    entry_point = entry_point_with(tmp_path, FEW_LISTENERS)
    with running_server(entry_point=entry_point) as server:
        first = Stream(server.address)
        next(iter(first))
        refused = requests.get(server.address + EVENTS, timeout=TIMEOUT_SECONDS)
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert "listen already" in refused.json()["reason"]
        first.close()
        deadline = time.monotonic() + TIMEOUT_SECONDS  # the next heartbeat finds that the client has left
        while Stream(server.address, seconds="0").response.status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_clients_that_read_nothing_hold_up_neither_jobs_nor_other_listeners(server: RealServer) -> None:
    place = urlsplit(server.address)
    with ExitStack() as opened:
        for _ in range(20):
            silent = opened.enter_context(socket.socket())
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            silent.connect((place.hostname, place.port))
            silent.sendall(f"GET {EVENTS} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        stream = opened.enter_context(closing(Stream(server.address)))
        next(iter(stream))
        batch = [{"statistic": "best5", **OBESITY}] * 1000
        begun = time.monotonic()
        answer = requests.post(f"{server.address}/api/batch", json=batch, timeout=TIMEOUT_SECONDS)
        last = answer.json()["job_ids"][-1]
        assert "done" in states_of(iter(stream), last)
        assert time.monotonic() - begun < TIMEOUT_SECONDS


def test_streams_end_with_the_server_after_the_last_job(tmp_path: Path) -> None:
    entry_point = entry_point_with(tmp_path, slow_prelude(SLOW_SECONDS))
    with running_server({"TP_NUM_OF_THREADS": "1"}, entry_point=entry_point) as server:
        stream = Stream(server.address)
        jobs = [submit(server) for _ in range(3)]
        begun = time.monotonic()
        stopping = threading.Thread(target=server.stop, args=(signal.SIGTERM,))
        stopping.start()
        events = list(stream)  # ends without an error
        stopping.join()
        assert all("done" in states_of(iter(events), job) for job in jobs)
        assert ("queue", False) in [(name, content.get("open")) for name, content in events]
        assert server.process.returncode == 0
        assert time.monotonic() - begun < TIMEOUT_SECONDS / 2
