"""One client with a full queue delays nobody else, and cannot take all the room."""

import time
from collections.abc import Iterator
from itertools import combinations, islice
from statistics import quantiles

import pytest
import requests

from support.load import scaled
from support.real_server import running_server

pytestmark = pytest.mark.alone

WAITING = scaled(2_000, 10_000)
BATCH = 500
QUESTIONS = ("Q036", "Q047")
TWO_CLIENTS = {"STATS_TRUSTED_PROXIES": "127.0.0.1", "STATS_QUEUE_SIZE": "30000", "TP_NUM_OF_THREADS": "1"}
GREEDY, MODEST = {"X-Forwarded-For": "203.0.113.1"}, {"X-Forwarded-For": "203.0.113.2"}


def test_a_client_with_ten_thousand_waiting_jobs_delays_another_by_less_than_a_job_of_its_own() -> None:
    """The proxy's header stands for two addresses. Without turns, the modest client waits for all of the others."""
    seconds: list[float] = []
    with running_server(TWO_CLIENTS) as server, requests.Session() as greedy, requests.Session() as modest:
        bodies = correlations(server.address)
        while (waiting := metric(server.address, "stats_queue_length")) < WAITING:  # some are done meanwhile
            batch = list(islice(bodies, BATCH))
            accepted = greedy.post(f"{server.address}/api/batch", json=batch, headers=GREEDY, timeout=60)
            assert accepted.status_code == 200, accepted.text
        for _ in range(scaled(20, 200)):
            started = time.monotonic()
            answer = modest.post(
                f"{server.address}/api/global_mean",
                json={"question": QUESTIONS[0]},
                headers={**MODEST, "Prefer": "wait=30"},
                timeout=60,
            )
            seconds.append(time.monotonic() - started)
            assert answer.json()["status"] == "done"
        left = metric(server.address, "stats_queue_length")
        server.kill()
    slowest = quantiles(seconds, n=100)[-1] * 1000
    print(f"\nwhile {waiting:.0f} to {left:.0f} jobs waited: 99th percentile {slowest:.1f} ms")
    assert left > 0  # the others waited all the time
    assert sorted(seconds)[len(seconds) // 2] < 1.0  # first in, first out: several seconds


def test_a_client_beyond_its_share_gets_429_and_another_is_served() -> None:
    with running_server({**TWO_CLIENTS, "STATS_QUEUE_SIZE": "200"}) as server:
        bodies = correlations(server.address)
        statuses: list[int] = []
        while 429 not in statuses:
            answer = requests.post(
                f"{server.address}/api/batch", json=list(islice(bodies, 50)), headers=GREEDY, timeout=60
            )
            statuses.append(answer.status_code)
            assert len(statuses) < 200
        assert set(statuses) == {200, 429}
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json()["status"] == "error"
        url = f"{server.address}/api/global_mean?wait=30"
        other = requests.post(url, json={"question": QUESTIONS[0]}, headers=MODEST, timeout=60)
        assert other.status_code == 200
        assert server.stop() == 0


def correlations(address: str) -> Iterator[dict[str, object]]:
    """Yield requests of a costly statistic, each one different, so that none is answered from a cache."""
    places = requests.get(f"{address}/api/states", timeout=60).json()["data"]
    for without in combinations(places, 4):
        yield {
            "statistic": "correlate",
            "question": QUESTIONS[0],
            "other_question": QUESTIONS[1],
            "exclude": [place["name"] for place in without],
        }


def metric(address: str, name: str) -> float:
    """Return the value of a metric."""
    lines = requests.get(f"{address}/metrics", timeout=60).text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))
