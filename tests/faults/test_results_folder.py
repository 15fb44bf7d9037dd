"""Results that are deleted or damaged while the server runs are computed again."""

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
    """Delete every file, those of the kept tables too."""
    for path in folder.rglob("*"):
        if not path.is_dir():
            path.unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Delete the folder with its content."""
    shutil.rmtree(folder, ignore_errors=True)


def damage(folder: Path) -> None:
    """Truncate some results and overwrite others, in place."""
    chance = random.Random(3)
    for path in folder.glob("job_id_*.json"):
        whole = path.read_bytes()
        path.write_bytes(chance.choice([b"", b"garbage", whole[: len(whole) // 2], whole[:-1] + b"]"]))


@pytest.mark.parametrize("harm", [empty, remove, damage])
def test_results_stay_right_while_files_are_damaged_under_load(harm: Harm) -> None:
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


def test_a_kill_after_the_journal_was_deleted_loses_nothing(tmp_path: Path) -> None:
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
