"""Results that vanish or are damaged while the server works are answered all the same."""

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.load import check_acknowledged, load, scaled
from support.real_server import running_server

Harm = Callable[[Path], None]


def empty(folder: Path) -> None:
    """Delete every file."""
    for path in folder.glob("*"):
        path.unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Delete the folder with all that is in it."""
    shutil.rmtree(folder, ignore_errors=True)


def damage(folder: Path) -> None:
    """Cut some results off and overwrite others, in place."""
    chance = random.Random(3)
    for path in folder.glob("job_id_*.json"):
        whole = path.read_bytes()
        path.write_bytes(chance.choice([b"", b"garbage", whole[: len(whole) // 2], whole[:-1] + b"]"]))


@pytest.mark.parametrize("harm", [empty, remove, damage])
def test_harmed_again_and_again_under_load_the_results_stay_right(harm: Harm) -> None:
    with running_server() as server:
        times = 0
        with load(server.address, read_back=True) as seen:
            deadline = time.monotonic() + scaled(3, 30)
            while time.monotonic() < deadline:
                harm(server.results_dir)
                times += 1
                time.sleep(0.02)
        problems = check_acknowledged(server.address, seen.acknowledged)
        assert server.stop() == 0
    faults = {status: count for status, count in seen.statuses.items() if status >= 500}
    print(f"\n{harm.__name__}: {times} times, {len(seen.acknowledged)} jobs, {len(seen.wrong)} wrong, {faults} faults")
    assert (seen.wrong, problems, faults, seen.broken) == ([], [], {}, 0)
    assert seen.statuses[200] > times


def test_after_the_journal_was_deleted_a_kill_loses_nothing_either(tmp_path: Path) -> None:
    places = {"STATS_RESULTS_DIR": str(tmp_path / "results")}
    with running_server(places) as server:
        with load(server.address) as seen:
            time.sleep(0.5)
            empty(server.results_dir)
            time.sleep(0.5)
        deadline = time.monotonic() + 10
        while not (server.results_dir / "journal.jsonl").exists():
            assert time.monotonic() < deadline
        server.kill()
    with running_server(places) as server:
        assert check_acknowledged(server.address, seen.acknowledged) == []
