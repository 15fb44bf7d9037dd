"""Reloads under load: each result comes from one table only, and an invalid file changes nothing."""

import gzip
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from support.load import result_of, scaled
from support.real_server import RealServer, ServerStartError, running_server
from support.reloading import reload
from support.survey_files import CDC_COLUMNS, WALKING, csv_text, row

RELOADS = scaled(5, 100)
CLIENTS = 4
DEADLINE_SECONDS = 30.0
STATES = [f"State {number}" for number in range(40)]
STATISTICS = ("states_mean", "mean_by_category", "state_mean_by_category")
Replace = Callable[[str], None]


def table_of(value: int) -> str:
    """Return a table in which every row has the same value."""
    strata = [f"stratum {number}" for number in range(10)]
    rows = [
        row(LocationDesc=state, LocationAbbr="", Data_Value=value, Stratification1=stratum)
        for state in STATES
        for stratum in strata
    ]
    return csv_text(rows, CDC_COLUMNS)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The file that the server reads: a table of tens."""
    path = tmp_path / "table.csv"
    path.write_text(table_of(10))
    return path


def replace(source: Path, content: str) -> None:
    """Replace the source atomically."""
    other = source.with_suffix(".new")
    other.write_text(content)
    other.replace(source)


def values_in(data: Any) -> set[float]:
    """Return every number in the data of a result."""
    if isinstance(data, dict):
        return set().union(*map(values_in, data.values()))
    return {data}


class Readers:
    """Clients that submit repeatedly, and count the sets of values in their results."""

    def __init__(self, server: RealServer) -> None:
        self._server = server
        self._ended = threading.Event()
        self._lock = threading.Lock()  # guards found
        self.found: Counter[frozenset[float]] = Counter()

    def ask(self, statistic: str) -> None:
        """Ask until told to end."""
        body = {"question": WALKING, **({"state": STATES[7]} if statistic.startswith("state_") else {})}
        with requests.Session() as session:
            while not self._ended.is_set():
                url = f"{self._server.address}/api/{statistic}"
                job_id = session.post(url, json=body, timeout=20).json()["job_id"]
                answer = result_of(session, self._server.address, job_id)
                with self._lock:
                    self.found[frozenset(values_in(answer["data"]))] += 1

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Ask on some threads until the block ends."""
        threads = [
            threading.Thread(target=self.ask, args=(STATISTICS[number % len(STATISTICS)],)) for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()


def mean_now(server: RealServer) -> float:
    """Return the mean that a new job computes."""
    with requests.Session() as session:
        url = f"{server.address}/api/global_mean"
        job_id = session.post(url, json={"question": WALKING}, timeout=20).json()["job_id"]
        return float(result_of(session, server.address, job_id)["data"]["global_mean"])


def test_no_result_mixes_two_tables_while_reloads_repeat_under_load(source: Path) -> None:
    tables = {10: table_of(10), 20: table_of(20)}
    with running_server({"STATS_DATA": str(source)}) as server:
        readers = Readers(server)
        with readers.at_work():
            for number in range(RELOADS):
                value = (20, 10)[number % 2]
                replace(source, tables[value])
                assert reload(server)["status"] == "done"
                assert mean_now(server) == value
        assert server.stop() == 0
    print(f"\n{RELOADS} reloads, answers by the values in them: {[(*found, n) for found, n in readers.found.items()]}")
    assert set(readers.found) == {frozenset({10.0}), frozenset({20.0})}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "empty"),
        ("a,b\n1,2\n", "LocationDesc"),
        ("\0\0\0\0", "missing needed columns"),
        (None, "no such file"),
    ],
)
def test_an_invalid_file_is_reported_and_the_old_table_stays(source: Path, content: str | None, why: str) -> None:
    with running_server({"STATS_DATA": str(source)}) as server:
        if content is None:
            source.unlink()
        else:
            replace(source, content)
        report = reload(server)
        assert report["status"] == "error"
        assert why in report["reason"]
        assert mean_now(server) == 10
        replace(source, table_of(20))
        assert reload(server)["status"] == "done"
        assert mean_now(server) == 20
        assert server.stop() == 0


def bomb() -> bytes:
    """Return 2 MB of gzip that unpack to 2 GiB of zeros."""
    return gzip.compress(bytes(32 * 1024 * 1024)) * 64


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process at its peak."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def test_a_reload_of_a_file_that_unpacks_to_gigabytes_leaves_the_server_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text(table_of(10))
    with running_server({"STATS_DATA": str(tmp_path)}) as server:
        before = resident_mib(server.worker())
        (tmp_path / "2.csv.gz").write_bytes(bomb())
        report = reload(server)
        assert report["status"] == "error"
        assert "2.csv.gz: it unpacks to more than 256 MiB" in report["reason"]
        grown = resident_mib(server.worker()) - before
        print(f"\nthe server's resident memory has grown by {grown:.1f} MiB at most")
        assert grown < 50
        assert mean_now(server) == 10
        assert server.stop() == 0


def test_a_start_with_a_file_that_unpacks_to_gigabytes_ends_in_one_line(source: Path) -> None:
    source.write_bytes(bomb())
    with pytest.raises(ServerStartError) as caught, running_server({"STATS_DATA": str(source)}):
        pass
    assert "exit code 2" in str(caught.value)
    last = str(caught.value).splitlines()[-1]
    assert last.startswith(f"cannot start: {source}: it unpacks to more than 256 MiB")
    assert last.endswith("which Dask can read in blocks")


@pytest.mark.parametrize(("content", "mean"), [(table_of(20), 20), ("no table", 10)])
def test_the_replacement_of_a_dead_worker_loads_the_source_again(source: Path, content: str, mean: int) -> None:
    with running_server({"STATS_DATA": str(source)}) as server:
        replace(source, content)
        os.kill(server.worker(), signal.SIGKILL)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                assert mean_now(server) == mean
                break
            except requests.RequestException:
                assert time.monotonic() < deadline, server.output()
                time.sleep(0.05)
        assert server.stop() == 0
        assert ("serving the table read at the start" in server.output()) is (mean == 10)
