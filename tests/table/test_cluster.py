"""Reading on a Dask cluster: its own or a running one, dying workers, memory, tasks, and the choice of the engine."""

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
from app.table.engines.pandas_reader import read_table
from app.table.engines.reader_process import read_in_new_process
from app.table.sources.addresses import Source
from app.table.sources.blocks import Block
from app.table.sources.files import find_files
from app.table.sources.progress import Progress, ignore_progress
from support.held_source import WAIT_SECONDS, table_of_two_files
from support.real_server import PROJECT_ROOT
from support.survey_files import csv_text, row, write, write_csv
from support.two_readers import (
    WORKER_BYTES,
    CoreRecorder,
    OrderRecorder,
    ProgressRecorder,
    assert_same_table,
    cluster_of,
    read_in_small_blocks,
    task_of,
)

pytest.importorskip("distributed", reason="Dask is not installed: make dask")

needs_two_cores = pytest.mark.skipif(len(CORES) < 2, reason="needs two cores")

BUNDLED = PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv"


def test_load_table_starts_a_cluster_and_ends_it(tmp_path: Path) -> None:
    progress = ProgressRecorder()
    settings = Settings(data=BUNDLED, engine="dask", dask_workers=1)
    assert_same_table(load_table(settings, progress), read_table(BUNDLED))
    assert progress.reports[-1].share == 1.0
    assert multiprocessing.active_children() == []


def test_a_cluster_gives_the_same_error_as_pandas(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\n1,2\n")
    with pytest.raises(SourceError) as here:
        read_table(path)
    with pytest.raises(SourceError) as apart:
        read_in_new_process(task_of(path, workers=1), ignore_progress)
    assert apart.value.reason == here.value.reason


def test_a_worker_killed_half_way_loses_no_cell() -> None:
    with cluster_of(2) as client:
        killed: list[int] = []

        def kill_half_way(progress: Progress) -> None:
            if not killed and (progress.share or 0) > 0.5:
                killed.append(min(client.run(os.getpid).values()))
                os.kill(killed[0], signal.SIGKILL)

        assert_same_table(read_in_small_blocks(client, BUNDLED, kill_half_way), read_table(BUNDLED))
    assert killed


def test_a_running_scheduler_reads_the_table() -> None:
    from distributed import LocalCluster  # noqa: PLC0415 - Dask may be absent

    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        table = read_in_new_process(task_of(BUNDLED, scheduler=cluster.scheduler_address), ignore_progress)
    assert_same_table(table, read_table(BUNDLED))


@needs_two_cores
def test_workers_use_all_cores_when_the_server_is_pinned_to_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # so that workers can import CoreRecorder
    table, notes = table_of_two_files(tmp_path), tmp_path / "notes"
    notes.mkdir()
    try:
        use_cores(ONE_CORE)
        assert len(os.sched_getaffinity(0)) == 1
        read_in_new_process(replace(task_of(table), kind=CoreRecorder(folder=notes)), ignore_progress)
    finally:
        use_cores(CORES)
    noted = {path.name: frozenset(json.loads(path.read_text())) for path in notes.iterdir()}
    assert str(os.getpid()) not in noted
    assert set(noted.values()) == {CORES}


kept: list[bytes] = []


def fill_memory(share: float) -> None:
    """Fill a share of this worker's memory limit."""
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    kept.append(b"x" * (int(share * WORKER_BYTES) - resident))


async def check_memory(dask_worker: Any) -> None:
    """Run the worker's periodic memory check now."""
    await dask_worker.memory_manager.memory_monitor(dask_worker)


def test_a_worker_near_its_memory_limit_does_not_pause() -> None:
    import dask  # noqa: PLC0415 - it may be absent

    from app.table.engines.cluster_main import CLUSTER_CONFIG  # noqa: PLC0415 - Dask may be absent

    with dask.config.set(CLUSTER_CONFIG), cluster_of(1) as client:
        client.run(fill_memory, 0.88)  # by default a worker pauses at 0.8
        client.run(check_memory)
        assert client.submit(os.getpid, pure=False).result(timeout=WAIT_SECONDS) in client.run(os.getpid).values()


def test_blocks_are_read_in_the_order_of_the_source(tmp_path: Path) -> None:
    from app.table.engines.dask_reader import read_with_dask  # noqa: PLC0415 - Dask may be absent

    table, note = tmp_path / "table", tmp_path / "note"
    table.mkdir()
    for rows in range(1, 41):
        write(table, csv_text([row()] * rows), f"{rows:02}.csv")
    with cluster_of(1) as client:
        busy = client.submit(time.sleep, 0.5)  # tasks queue up meanwhile, so Dask chooses their order
        read_with_dask(client, Source(str(table)), OrderRecorder(note=note), ignore_progress)
        busy.result()
    assert [int(rows) for rows in note.read_text().split()] == list(range(1, 41))


def test_the_error_for_a_missing_engine_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.table.engines.find_spec", lambda name: None)
    check_engine(Settings())
    with pytest.raises(SettingsError, match="make dask"):
        check_engine(Settings(engine="dask"))


@pytest.mark.parametrize(
    ("share", "chosen", "engine"),
    [
        (0.25, {}, "pandas"),
        (1e-12, {}, "dask"),
        (1e-12, {"engine": "auto"}, "dask"),
        (1e-12, {"engine": "pandas"}, "pandas"),
        (0.25, {"engine": "dask"}, "dask"),
    ],
)
def test_auto_chooses_dask_for_tables_that_are_large_compared_with_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, chosen: dict[str, Any], engine: str
) -> None:
    monkeypatch.setattr("app.table.engines.PANDAS_MEMORY_SHARE", share)
    source = Source(str(write_csv(tmp_path, [row()])))
    assert engine_for(Settings(**chosen), source) == engine


def test_a_large_table_without_dask_is_refused_with_two_suggestions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.table.engines.find_spec", lambda name: None)
    monkeypatch.setattr("app.table.engines.PANDAS_MEMORY_SHARE", 1e-12)
    with pytest.raises(SourceError, match=r"make dask.*STATS_ENGINE=pandas"):
        engine_for(Settings(), Source(str(write_csv(tmp_path, [row()]))))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_tasks_keep_the_order_of_blocks_and_shrink_towards_the_end(tmp_path: Path, workers: int) -> None:
    from app.table.engines.dask_reader import BLOCKS_PER_TASK, tasks  # noqa: PLC0415 - Dask may be absent

    (file,) = find_files(Source(str(write_csv(tmp_path, [row()]))))
    blocks = [Block(file, 10, (start, start + 10)) for start in range(0, 400, 10)]
    found = list(tasks(iter(blocks), 400, workers))
    assert [block for task in found for block in task] == blocks
    sizes = [len(task) for task in found]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (BLOCKS_PER_TASK, 1)


def test_each_block_of_unknown_size_is_a_task(tmp_path: Path) -> None:
    from app.table.engines.dask_reader import tasks  # noqa: PLC0415 - Dask may be absent

    (file,) = find_files(Source(str(write_csv(tmp_path, [row()]))))
    blocks = [Block(file, 0), Block(file, 0)]
    assert list(tasks(iter(blocks), 0, 2)) == [[blocks[0]], [blocks[1]]]
