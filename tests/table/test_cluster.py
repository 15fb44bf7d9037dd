"""Reading on a cluster of processes, seen from the server; with workers that die; by a scheduler that runs already."""

import json
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.errors import SettingsError, SourceError
from app.process.cores import CORES, ONE_CORE, use_cores
from app.settings import Settings
from app.table.engines import check_engine, engine_for, load_table
from app.table.engines.cluster import read_on_cluster
from app.table.engines.pandas_reader import read_table
from app.table.sources.blocks import Block
from app.table.sources.files import find_files
from app.table.sources.progress import Progress, tell_nobody
from support.held_source import WAIT_SECONDS, table_of_two_files
from support.real_server import PROJECT_ROOT
from support.survey_files import csv_text, row, write, write_csv
from support.two_readers import (
    WORKER_BYTES,
    CoresNoted,
    OrderNoted,
    Told,
    assert_same_table,
    cluster_of,
    read_in_small_blocks,
    task_of,
)

pytest.importorskip("distributed", reason="Dask is not installed: make dask")

needs_two_cores = pytest.mark.skipif(len(CORES) < 2, reason="with one core there is no difference")

BUNDLED = PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv"


def test_the_table_comes_from_a_cluster_of_its_own(tmp_path: Path) -> None:
    told = Told()
    settings = Settings(data=BUNDLED, engine="dask", dask_workers=1)
    assert_same_table(load_table(settings, told), read_table(BUNDLED))
    assert told.news[-1].share == 1.0
    assert multiprocessing.active_children() == []


def test_what_is_no_table_is_told_in_the_same_words(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\n1,2\n")
    with pytest.raises(SourceError) as here:
        read_table(path)
    with pytest.raises(SourceError) as apart:
        read_on_cluster(task_of(path, workers=1), tell_nobody)
    assert apart.value.reason == here.value.reason


def test_a_worker_that_is_killed_half_way_costs_no_cell() -> None:
    with cluster_of(2) as client:
        killed: list[int] = []

        def kill_half_way(progress: Progress) -> None:
            if not killed and (progress.share or 0) > 0.5:
                killed.append(min(client.run(os.getpid).values()))
                os.kill(killed[0], signal.SIGKILL)

        assert_same_table(read_in_small_blocks(client, BUNDLED, kill_half_way), read_table(BUNDLED))
    assert killed


def test_a_running_scheduler_does_the_work() -> None:
    from distributed import LocalCluster  # noqa: PLC0415 - Dask may be absent

    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        table = read_on_cluster(task_of(BUNDLED, scheduler=cluster.scheduler_address), tell_nobody)
    assert_same_table(table, read_table(BUNDLED))


@needs_two_cores
def test_the_workers_of_a_server_that_stays_on_one_core_use_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # where the workers find what notes their cores
    table, notes = table_of_two_files(tmp_path), tmp_path / "notes"
    notes.mkdir()
    try:
        use_cores(ONE_CORE)
        assert len(os.sched_getaffinity(0)) == 1
        read_on_cluster(replace(task_of(table), kind=CoresNoted(folder=notes)), tell_nobody)
    finally:
        use_cores(CORES)
    noted = {path.name: frozenset(json.loads(path.read_text())) for path in notes.iterdir()}
    assert str(os.getpid()) not in noted
    assert set(noted.values()) == {CORES}


kept: list[bytes] = []


def keep_memory(share: float) -> None:
    """Have this process, a worker, keep a share of the memory that it may take."""
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    kept.append(b"x" * (int(share * WORKER_BYTES) - resident))


async def look_at_memory(dask_worker: Any) -> None:
    """Have a worker do at once what it does ten times a second."""
    await dask_worker.memory_manager.memory_monitor(dask_worker)


def test_a_worker_that_keeps_much_memory_goes_on() -> None:
    import dask  # noqa: PLC0415 - it may be absent

    from app.table.engines.cluster_main import CLUSTER_CONFIG  # noqa: PLC0415 - Dask may be absent

    with dask.config.set(CLUSTER_CONFIG), cluster_of(1) as client:
        client.run(keep_memory, 0.88)  # from 0.8 on a worker of Dask would pause
        client.run(look_at_memory)
        assert client.submit(os.getpid, pure=False).result(timeout=WAIT_SECONDS) in client.run(os.getpid).values()


def test_blocks_are_read_in_the_order_of_the_source(tmp_path: Path) -> None:
    from app.table.engines.dask_reader import read_with_dask  # noqa: PLC0415 - Dask may be absent

    table, note = tmp_path / "table", tmp_path / "note"
    table.mkdir()
    for rows in range(1, 41):
        write(table, csv_text([row()] * rows), f"{rows:02}.csv")
    with cluster_of(1) as client:
        busy = client.submit(time.sleep, 0.5)  # so that tasks wait for the worker, which is then free to choose
        read_with_dask(client, str(table), OrderNoted(note=note), tell_nobody)
        busy.result()
    assert [int(rows) for rows in note.read_text().split()] == list(range(1, 41))


def test_an_engine_that_is_not_installed_is_told_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.table.engines.find_spec", lambda name: None)
    check_engine(Settings())
    with pytest.raises(SettingsError, match="make dask"):
        check_engine(Settings(engine="dask"))


@pytest.mark.parametrize(
    ("chosen", "engine"),
    [({}, "pandas"), ({"dask_share": 1e-12}, "dask"), ({"dask_share": 1e-12, "engine": "pandas"}, "pandas")],
)
def test_a_table_that_is_large_beside_the_memory_is_read_by_dask_where_no_engine_is_named(
    tmp_path: Path, chosen: dict[str, Any], engine: str
) -> None:
    path = str(write_csv(tmp_path, [row()]))
    assert engine_for(Settings(**chosen), path) == engine


def test_a_large_table_without_dask_is_refused_with_both_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.table.engines.find_spec", lambda name: None)
    with pytest.raises(SourceError, match=r"make dask.*STATS_ENGINE=pandas"):
        engine_for(Settings(dask_share=1e-12), str(write_csv(tmp_path, [row()])))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_tasks_hold_every_block_in_order_and_get_smaller_towards_the_end(tmp_path: Path, workers: int) -> None:
    from app.table.engines.dask_reader import BLOCKS_PER_TASK, tasks  # noqa: PLC0415 - Dask may be absent

    (file,) = find_files(str(write_csv(tmp_path, [row()])))
    blocks = [Block(file, 10, (start, start + 10)) for start in range(0, 400, 10)]
    found = list(tasks(iter(blocks), 400, workers))
    assert [block for task in found for block in task] == blocks
    sizes = [len(task) for task in found]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (BLOCKS_PER_TASK, 1)


def test_blocks_of_files_of_unknown_size_are_tasks_of_their_own(tmp_path: Path) -> None:
    from app.table.engines.dask_reader import tasks  # noqa: PLC0415 - Dask may be absent

    (file,) = find_files(str(write_csv(tmp_path, [row()])))
    blocks = [Block(file, 0), Block(file, 0)]
    assert list(tasks(iter(blocks), 0, 2)) == [[blocks[0]], [blocks[1]]]
