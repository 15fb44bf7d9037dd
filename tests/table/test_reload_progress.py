"""Progress of a reload in the routes, on the data page and in the log."""

import logging
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from app.data_ingestor import DataIngestor
from app.table.engines import dask_reader
from app.table.engines.pandas_reader import read_table
from app.table.sources.blocks import Block, read_block
from app.table.sources.frame import SourceFrame
from app.table.sources.parser import Layout
from app.table.sources.progress import OnProgress, Progress
from app.table.survey_table import SurveyTable
from support.held_source import (
    FIRST,
    LAST,
    ROWS,
    WAIT_SECONDS,
    gated_entry_point,
    named_pipe,
    opened,
    table_of_two_files,
)
from support.real_server import HOST, RealServer, running_server

BROWSER = {"Accept": "text/html"}
HALF_WAY = f"{ROWS} rows read, 50% done, "


def ask(server: RealServer, path: str, **headers: str) -> requests.Response:
    """Ask a server."""
    return requests.get(f"{server.address}{path}", headers=headers, timeout=WAIT_SECONDS)


def reload_half_way(server: RealServer, gate: Path, size: int) -> None:
    """Reload the table; check the reported progress half-way and at the end."""
    assert ask(server, "/readyz").json() == {"status": "done"}
    named_pipe(gate)
    requests.post(f"{server.address}/api/dataset/reload", timeout=WAIT_SECONDS).raise_for_status()
    with opened(gate):
        gate.unlink()  # one reading is enough
        deadline = time.monotonic() + WAIT_SECONDS
        while (told := ask(server, "/readyz").json()["reload"])["progress"] is None or not told["progress"][
            "rows_read"
        ]:
            assert time.monotonic() < deadline  # progress from another process may arrive after the gate opens
        assert told["progress"].pop("seconds_left") >= 0
        assert told["progress"] == {"rows_read": ROWS, "bytes_read": size, "share": 0.5}
        dataset = ask(server, "/api/dataset").json()["data"]["reload"]
        dataset["progress"].pop("seconds_left")
        assert dataset == told
        assert f"<dd>running: {HALF_WAY}" in ask(server, "/data", **BROWSER).text
    while (report := ask(server, "/api/dataset").json()["data"]["reload"])["status"] == "running":
        assert time.monotonic() < deadline
    assert (report["status"], report["progress"]["share"]) == ("done", 1.0)
    assert ask(server, "/readyz").json() == {"status": "done"}
    assert "<dd>done</dd>" in ask(server, "/data", **BROWSER).text


def logged(server: RealServer) -> list[str]:
    """Stop a server, and return its log messages about reloads."""
    assert server.stop() == 0
    lines = server.log_file.read_text(encoding="utf-8").splitlines()
    return [line.partition("reload: ")[2] for line in lines if "reload: " in line]


def test_a_reload_by_pandas_reports_progress(tmp_path: Path) -> None:
    table, gate = table_of_two_files(tmp_path), tmp_path / "gate"
    with running_server({"STATS_DATA": str(table)}, entry_point=gated_entry_point(tmp_path, gate)) as server:
        reload_half_way(server, gate, (table / FIRST).stat().st_size)
        lines = logged(server)
    assert any(line.startswith(HALF_WAY) for line in lines)
    assert f"{2 * ROWS} rows read, 100% done, 0 s left" in lines


def read_at_the_gate(gate: Path, block: Block, layout: Layout, memory: int) -> SourceFrame:
    """Read a block on a worker; a block of the last file waits at the gate."""
    if block.file.name == LAST and gate.exists():
        gate.read_bytes()
    return read_block(block, layout, memory)


def put_up_a_gate(gate: Path) -> None:
    """Make this worker wait at a gate before it reads the last file."""
    vars(dask_reader)["read_block"] = partial(read_at_the_gate, gate)


def test_a_reload_by_dask_reports_progress(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: make dask")
    table, gate = table_of_two_files(tmp_path), tmp_path / "gate"
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=f"{HOST}:0") as cluster,
        distributed.Client(cluster) as client,
    ):
        client.run(put_up_a_gate, gate)
        chosen = {
            "STATS_DATA": str(table),
            "STATS_ENGINE": "dask",
            "STATS_DASK_SCHEDULER": cluster.scheduler_address,
        }
        with running_server(chosen, entry_point=gated_entry_point(tmp_path, gate)) as server:
            reload_half_way(server, gate, (table / FIRST).stat().st_size)
            lines = logged(server)
    assert any(line.startswith(HALF_WAY) for line in lines)
    assert f"{2 * ROWS} rows read, 100% done, 0 s left" in lines


@pytest.fixture
def table(survey_file: Path) -> SurveyTable:
    """A loaded table."""
    return read_table(survey_file)


def test_the_log_has_a_line_every_ten_seconds(
    table: SurveyTable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [100.0]
    monkeypatch.setattr("app.table.sources.progress.monotonic", lambda: now[0])

    def load(on_progress: OnProgress) -> SurveyTable:
        for part in range(1, 8):
            now[0] += 4.0
            on_progress(Progress(part, part))
        return table

    ingestor = DataIngestor(load, table)
    with caplog.at_level(logging.INFO, "app.data_ingestor"):
        assert ingestor.reload()
        for thread in threading.enumerate():
            if thread.name == "Reload":
                thread.join()
    messages: list[Any] = [record.getMessage() for record in caplog.records]
    assert messages[:-1] == ["reload: 3 rows read", "reload: 6 rows read"]
    report = ingestor.last_reload
    assert report is not None
    assert (report.status, report.progress) == ("done", Progress(7, 7))
