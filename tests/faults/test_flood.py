"""Overload: floods of submissions, and many waiting readers."""

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from support.load import CASES, Case, check_acknowledged
from support.raw_http import RawConnection, get_bytes, post_bytes
from support.real_server import RealServer, running_server, slow_entry_point

pytestmark = pytest.mark.alone

SUBMISSIONS, ROOM = 10_000, 1_000
CLIENTS = 8
READERS = 1_200
QUESTION = b'{"question": "Q036"}'


class Flood:
    """Clients that submit as fast as they can, and the responses they got."""

    def __init__(self, server: RealServer) -> None:
        self._server = server
        self._lock = threading.Lock()  # guards the fields below
        self.acknowledged: dict[str, Case] = {}
        self.statuses: Counter[int] = Counter()
        self.retry_after: set[int] = set()

    def submit(self, cases: list[Case]) -> None:
        """Submit cases one after another and record each response."""
        with RawConnection(self._server.address) as connection:
            for case in cases:
                answer = connection.ask(post_bytes(f"/api/{case.statistic}", json.dumps(case.body).encode()))
                assert answer is not None
                content = json.loads(answer.body)
                with self._lock:
                    self.statuses[answer.status] += 1
                    if answer.status == 200:
                        assert content["job_id"] not in self.acknowledged
                        self.acknowledged[content["job_id"]] = case
                    else:
                        assert "queue is full" in content["reason"]
                        self.retry_after.add(int(answer.headers["retry-after"]))


def test_submissions_to_a_small_queue_are_computed_or_rejected_with_retry_after(tmp_path: Path) -> None:
    settings = {"STATS_QUEUE_SIZE": str(ROOM), "STATS_CLIENT_SHARE": "1", "TP_NUM_OF_THREADS": "1"}
    cases = [CASES[number % len(CASES)] for number in range(SUBMISSIONS)]
    with running_server(settings, entry_point=slow_entry_point(tmp_path, seconds=0.005)) as server:
        flood = Flood(server)
        with ThreadPoolExecutor(CLIENTS) as clients:
            for client in [clients.submit(flood.submit, cases[number::CLIENTS]) for number in range(CLIENTS)]:
                client.result()
        problems = check_acknowledged(server.address, flood.acknowledged)
        assert server.stop() == 0
    print(f"\n{SUBMISSIONS} submissions into a queue of {ROOM}: {dict(flood.statuses)} by status, ", end="")
    print(f"Retry-After {sorted(flood.retry_after)} s, {len(problems)} lost or wrong")
    assert set(flood.statuses) == {200, 503}
    assert flood.statuses.total() == SUBMISSIONS
    assert len(flood.acknowledged) >= ROOM
    assert problems == []
    assert flood.retry_after <= set(range(1, 61))


def test_many_waiting_readers_do_not_block_other_requests(tmp_path: Path) -> None:
    settings = {"TP_NUM_OF_THREADS": "1", "STATS_DRAIN_SECONDS": "0"}
    with running_server(settings, entry_point=slow_entry_point(tmp_path, seconds=0.5)) as server:
        with requests.Session() as session, ExitStack() as crowd:
            url, body = f"{server.address}/api/global_mean", json.loads(QUESTION)
            ids = [session.post(url, json=body, timeout=30).json()["job_id"] for _ in range(100)]
            for _ in range(READERS):
                reader = crowd.enter_context(RawConnection(server.address))
                reader.send(get_bytes(f"/api/get_results/{ids[-1]}?wait=30"))
            started = time.monotonic()
            assert session.get(f"{server.address}/healthz", timeout=20).status_code == 200
            assert session.post(url, json=body, timeout=20).status_code == 200
            took = time.monotonic() - started
        assert server.stop() == 0
    print(f"\n{READERS} waiting readers: two requests of somebody else took {took:.2f} s")
    assert took < 15  # blocked, they would wait as long as the readers, 30 s
