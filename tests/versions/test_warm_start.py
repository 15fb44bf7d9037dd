"""A warm start uses the kept table only if source, code and settings are what they were."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from app.settings import Settings
from app.table.engines import load_table
from app.versions.files import FOLDER
from app.versions.kept_tables import KeptTables
from app.versions.warm_start import FILE_NAME, kept_table, remember_load, unchanged_load
from support.real_server import running_server
from support.versioned_table import REQUESTS, expected_data, table_text, write_table

KEPT = "using the kept table"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose table was read and kept."""
    source = tmp_path / "table.csv"
    write_table(source, 0)
    settings = Settings(data=str(source), results_dir=tmp_path / "results")
    table = load_table(settings)
    remember_load(settings, KeptTables(settings.results_dir, 20).serve(table).id, table.report)
    return settings


def change_in_place(source: Path) -> None:
    """Change one digit; size and time of modification stay as they are."""
    times = source.stat()
    source.write_text(table_text(0).replace("10.0", "10.1"))
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert source.stat().st_size == times.st_size


def test_an_unchanged_source_gives_the_kept_table(settings: Settings) -> None:
    load, table = unchanged_load(settings), load_table(settings)
    assert load is not None
    kept = kept_table(settings, load)
    assert kept.id == table.id
    assert kept.report.sha256 == table.report.sha256


@pytest.mark.parametrize(
    "change",
    [
        lambda settings: write_table(Path(settings.data), 1),
        lambda settings: change_in_place(Path(settings.data)),
        lambda settings: os.utime(settings.data, (1, 1)),
        lambda settings: Path(settings.data).unlink(),
        lambda settings: (settings.results_dir / FOLDER / FILE_NAME).write_text("{"),
        lambda settings: (settings.results_dir / FOLDER / FILE_NAME).unlink(),
    ],
)
def test_a_changed_source_or_a_lost_record_does_not(settings: Settings, change: Callable[[Settings], object]) -> None:
    change(settings)
    assert unchanged_load(settings) is None


def test_other_settings_or_code_do_not(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert unchanged_load(settings.model_copy(update={"min_respondents": 7})) is None
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "reader.py").write_text("changed")
    monkeypatch.setattr("app.versions.warm_start.READING_CODE", tmp_path / "code")
    assert unchanged_load(settings) is None


def test_a_server_starts_warm_and_answers_as_before(tmp_path: Path) -> None:
    source, results = tmp_path / "table.csv", tmp_path / "results"
    write_table(source, 0)
    environment = {"STATS_DATA": str(source), "STATS_RESULTS_DIR": str(results)}
    statistic, body = REQUESTS[1]
    for damage, is_warm, version in ((None, False, 0), (None, True, 0), ("table", False, 0), ("source", False, 1)):
        if damage == "table":
            (path,) = (results / FOLDER).glob("*.parquet")
            path.write_bytes(path.read_bytes()[:-9])
        if damage == "source":
            write_table(source, 1)
        with running_server(environment) as server:
            assert (KEPT in server.output()) is is_warm, damage
            assert server.ask(statistic, **body)["data"] == expected_data(version, 1)
            assert requests.get(f"{server.address}/api/dataset", timeout=20).json()["data"]["rows_read"] == 12
            assert server.stop() == 0
