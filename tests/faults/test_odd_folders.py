"""Results folders with odd entries, and disks that take the journal but no results."""

import collections
import itertools
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE

import pytest

from support.acknowledged import assert_answered, finished_jobs
from support.harm import TABLES
from support.real_server import running_server

DEADLINE_SECONDS = 20.0
INODES = 300
JOBS = 100


def test_odd_entries_of_a_results_folder_do_not_stop_the_start(tmp_path: Path) -> None:
    places = {"STATS_RESULTS_DIR": str(tmp_path / "results")}
    with running_server(places) as server:
        accepted = finished_jobs(server, 20)
        assert server.stop() == 0
    results = server.results_dir
    (results / "job_id_70.json").mkdir()
    (results / "job_id_71.json").symlink_to("nowhere")
    (results / "job_id_72.json").symlink_to("job_id_72.json")
    (results / "job_id_73.1.partial").mkdir()
    (results / "job_id_74.json").write_bytes(b"")
    for _ in range(2):
        with running_server(places) as server:
            accepted |= finished_jobs(server, 5)
            assert_answered(server, accepted)
            assert server.stop() == 0
            assert "Traceback" not in server.output()
            assert "job_id_70" in server.log_file.read_text(encoding="utf-8")


def modes(folder: Path) -> tuple[int, set[int]]:
    """Return the mode of a folder, and those of its files, also in the folder within it, which is the server's own."""
    (inner,) = (path for path in folder.iterdir() if path.is_dir())
    assert S_IMODE(inner.stat().st_mode) == 0o750
    files = (path for path in folder.rglob("*") if path.is_file())
    return S_IMODE(folder.stat().st_mode), {S_IMODE(path.stat().st_mode) for path in files}


def test_results_are_for_the_servers_user_and_group_alone() -> None:
    with running_server() as server:
        finished_jobs(server, 2)
        assert modes(server.results_dir) == (0o750, {0o640})
        server.remove_results()
        finished_jobs(server, 2)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not list((server.results_dir / TABLES).glob("*.json")):  # the last file that it writes
            assert time.monotonic() < deadline
        assert modes(server.results_dir) == (0o750, {0o640})


@pytest.mark.parametrize("mode", [0o700, 0o770, 0o755])
def test_a_folder_that_exists_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with running_server({"STATS_RESULTS_DIR": str(tmp_path)}) as server:
        finished_jobs(server, 2)
    assert modes(tmp_path) == (mode, {0o640})


@pytest.fixture
def few_inodes(tmp_path: Path) -> Iterator[Path]:
    """A disk on which few files can be made; the test is skipped if none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["/usr/bin/env", "mount", "-t", "tmpfs", "-o", f"size=16m,nr_inodes={INODES}", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a disk with few inodes can be mounted by the superuser only")
    yield folder
    subprocess.run(["/usr/bin/env", "umount", "-l", str(folder)], check=True)


def test_results_that_cannot_be_written_are_served_from_memory_and_written_later(few_inodes: Path) -> None:
    results, fillers = few_inodes / "results", few_inodes / "fillers"
    fillers.mkdir()
    places = {"STATS_RESULTS_DIR": str(results)}
    with running_server(places) as server:
        accepted = finished_jobs(server, 5)
        _use_up_inodes(fillers)
        accepted |= finished_jobs(server, JOBS)
        assert len(list(results.glob("job_id_*.json"))) < JOBS
        assert_answered(server, accepted)
        for path in fillers.iterdir():
            path.unlink()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(list(results.glob("job_id_*.json"))) < len(accepted):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        server.kill()
    with running_server(places) as server:
        assert_answered(server, accepted)


def _use_up_inodes(folder: Path) -> None:
    """Make empty files until the disk has no more inodes."""
    paths = (folder / str(number) for number in itertools.count())
    with pytest.raises(OSError, match="No space left"):
        collections.deque(map(Path.touch, paths), maxlen=0)
