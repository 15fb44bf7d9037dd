"""A client that retries after a kill of the server creates neither a duplicate job nor half a batch."""

import threading
import time
from pathlib import Path

import requests

from support.load import CASES, Case, check_acknowledged, scaled
from support.real_server import running_server

CLIENTS = 4
RUN_SECONDS = 0.5
BATCH_RUN_SECONDS = 0.15  # in which come about as many jobs
BATCH = [CASES[number % len(CASES)] for number in range(50)]


def send(session: requests.Session, address: str, key: str, case: Case) -> str:
    """Submit a case under a key and return its id."""
    headers = {"Idempotency-Key": key}
    answer = session.post(f"{address}/api/{case.statistic}", json=case.body, headers=headers, timeout=30)
    answer.raise_for_status()
    return str(answer.json()["job_id"])


def send_until_it_breaks(address: str, name: str, sent: dict[str, Case], acknowledged: dict[str, str]) -> None:
    """Submit cases one after another, each with a new key."""
    with requests.Session() as session:
        session.trust_env = False
        for number in range(1_000_000):
            key, case = f"{name}-{number}", CASES[number % len(CASES)]
            sent[key] = case
            try:
                acknowledged[key] = send(session, address, key, case)
            except requests.RequestException:
                return


def test_keys_survive_kills(tmp_path: Path) -> None:
    places = {"STATS_RESULTS_DIR": str(tmp_path / "results")}
    sent: dict[str, Case] = {}
    acknowledged: dict[str, str] = {}
    kills = scaled(2, 20)
    for kill in range(kills):
        with running_server(places) as server:
            names = [f"{kill}-{client}" for client in range(CLIENTS)]
            threads = [
                threading.Thread(target=send_until_it_breaks, args=(server.address, name, sent, acknowledged))
                for name in names
            ]
            for thread in threads:
                thread.start()
            time.sleep(RUN_SECONDS)
            server.kill()
            for thread in threads:
                thread.join()
    with running_server(places) as server, requests.Session() as session:
        again = {key: send(session, server.address, key, case) for key, case in sent.items()}
        listed = session.get(f"{server.address}/api/jobs", timeout=30).json()["data"]
        problems = check_acknowledged(server.address, {again[key]: case for key, case in sent.items()})
    print(f"\n{kills} kills, {len(sent)} keys sent, {len(acknowledged)} acknowledged")
    assert len(acknowledged) > kills * CLIENTS
    assert {key: again[key] for key in acknowledged} == acknowledged
    assert len(set(again.values())) == len(listed) == len(sent)
    assert problems == []


def test_a_batch_survives_kills_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    places = {"STATS_RESULTS_DIR": str(tmp_path / "results")}
    acknowledged: list[list[str]] = []
    kills = scaled(2, 20)
    for _ in range(kills):
        with running_server(places) as server:
            sender = threading.Thread(target=send_batches_until_it_breaks, args=(server.address, acknowledged))
            sender.start()
            time.sleep(BATCH_RUN_SECONDS)
            server.kill()
            sender.join()
    expected = {job_id: case for job_ids in acknowledged for job_id, case in zip(job_ids, BATCH, strict=True)}
    with running_server(places) as server, requests.Session() as session:
        listed = session.get(f"{server.address}/api/jobs", timeout=30).json()["data"]
        problems = check_acknowledged(server.address, expected)
    print(f"\n{kills} kills, {len(acknowledged)} batches acknowledged, {len(listed)} jobs")
    assert len(acknowledged) > kills
    assert len(listed) % len(BATCH) == 0
    assert problems == []


def send_batches_until_it_breaks(address: str, acknowledged: list[list[str]]) -> None:
    """Submit batches one after another and record their ids."""
    content = [{"statistic": case.statistic, **case.body} for case in BATCH]
    with requests.Session() as session:
        session.trust_env = False
        while True:
            try:
                answer = session.post(f"{address}/api/batch", json=content, timeout=30)
            except requests.RequestException:
                return
            if answer.ok:  # it is not where the queue is full
                acknowledged.append(answer.json()["job_ids"])
