"""Nothing acknowledged is lost when processes are killed."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
import requests

from support.load import Case, check_acknowledged, load, scaled
from support.real_server import RealServer, free_port, running_server

DEADLINE_SECONDS = 30.0


def until_answered(server: RealServer) -> None:
    """Wait until the server responds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            requests.get(f"{server.address}/healthz", timeout=5).raise_for_status()
        except requests.RequestException:
            assert time.monotonic() < deadline, server.output()
            time.sleep(0.05)
        else:
            return


def test_repeated_kills_under_load_lose_no_acknowledged_job(tmp_path: Path) -> None:
    results, chance = tmp_path / "results", random.Random(7)
    acknowledged: dict[str, Case] = {}
    kills = scaled(5, 50)
    for kill in range(kills):
        with running_server({"STATS_RESULTS_DIR": str(results)}) as server:
            with load(server.address, seed=kill * 10) as seen:
                time.sleep(chance.uniform(0.05, 1.0))
                server.kill()
            given_twice = seen.acknowledged.keys() & acknowledged.keys()
            assert not given_twice
            acknowledged |= seen.acknowledged
        if kill % 2:
            with (results / "journal.jsonl").open("ab") as journal:
                journal.write(b'{"accepted":99999,"statist')
    with running_server({"STATS_RESULTS_DIR": str(results)}) as server:
        problems = check_acknowledged(server.address, acknowledged)
    print(f"\n{kills} kills, {len(acknowledged)} ids acknowledged, {len(problems)} lost, torn or wrong")
    assert len(acknowledged) > kills
    assert problems == []


def test_if_the_parent_is_killed_its_worker_exits_and_frees_port_and_folder(tmp_path: Path) -> None:
    places = {"STATS_RESULTS_DIR": str(tmp_path / "results"), "STATS_PORT": str(free_port())}
    with running_server(places) as server:
        with load(server.address) as seen:
            time.sleep(0.5)
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait()
        with running_server(places) as successor:
            assert check_acknowledged(successor.address, seen.acknowledged) == []
    assert seen.acknowledged


@pytest.mark.parametrize("deaths", [scaled(1, 5)])
def test_a_killed_worker_is_replaced(deaths: int) -> None:
    acknowledged: dict[str, Case] = {}
    with running_server() as server:
        for death in range(deaths):
            worker = server.worker()
            with load(server.address, seed=death * 10) as seen:
                time.sleep(0.5)
                os.kill(worker, signal.SIGKILL)
            acknowledged |= seen.acknowledged
            until_answered(server)
            assert server.worker() != worker
            assert check_acknowledged(server.address, acknowledged) == []
        with load(server.address, seed=99) as seen:
            time.sleep(0.3)
        assert seen.statuses[200]
        assert not seen.acknowledged.keys() & acknowledged.keys()
        assert check_acknowledged(server.address, seen.acknowledged) == []
        assert server.stop() == 0
