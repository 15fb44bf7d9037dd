"""Without STATS_DATA the downloaded table takes precedence over the bundled one, at starts and reloads."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from app import settings as settings_module
from app.settings import Settings, settings_from_environment
from support.real_server import BUNDLED_TABLE, PROJECT_ROOT, entry_point_with, running_server
from support.survey_files import CDC_COLUMNS, csv_text, row

END_SECONDS = 30.0
UNNAMED = f"""
import os, sys
from pathlib import Path
sys.path.insert(0, {str(PROJECT_ROOT)!r})
import app.settings
del os.environ["STATS_DATA"]
app.settings.DOWNLOADED_TABLE = Path("{{downloaded}}")
"""


def download(place: Path, rows: int = 1) -> None:
    """Write a table to the path of the downloaded one."""
    place.parent.mkdir(exist_ok=True)
    place.write_text(csv_text([row()] * rows, CDC_COLUMNS))


@pytest.fixture
def downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The path of the downloaded table, in the test's folder; the file does not exist yet."""
    place = tmp_path / "data" / "brfss.csv"
    monkeypatch.setattr(settings_module, "DOWNLOADED_TABLE", place)
    return place


def source_of(client: FlaskClient) -> tuple[str, int]:
    """Return the served table's name and number of rows."""
    told = client.get("/api/dataset").json["data"]  # type: ignore[index]
    return told["source"], told["rows_read"]


def reload(client: FlaskClient) -> None:
    """Reload the table and wait until it ends."""
    assert client.post("/api/dataset/reload").status_code == 200
    for thread in threading.enumerate():
        if thread.name == "Reload":
            thread.join(END_SECONDS)


def test_the_downloaded_table_takes_precedence_while_it_exists(downloaded: Path) -> None:
    settings = settings_from_environment({})
    assert settings.source() == str(BUNDLED_TABLE)
    download(downloaded)
    assert settings.source() == str(downloaded)
    downloaded.unlink()
    assert settings.source() == str(BUNDLED_TABLE)


@pytest.mark.parametrize("named", ["survey.csv", str(BUNDLED_TABLE)])
def test_a_configured_table_takes_precedence_over_both(downloaded: Path, named: str) -> None:
    download(downloaded)
    assert settings_from_environment({"STATS_DATA": named}).source() == named


def test_a_folder_at_the_downloaded_tables_path_is_ignored(downloaded: Path) -> None:
    downloaded.mkdir(parents=True)
    assert settings_from_environment({}).source() == str(BUNDLED_TABLE)


def test_a_downloaded_table_in_an_unreadable_folder_is_still_selected(
    downloaded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "is_file", refuse)
    assert settings_from_environment({}).source() == str(downloaded)


def test_a_reload_uses_a_table_downloaded_since(
    downloaded: Path, tmp_path: Path, start_app: Callable[[Settings], Flask]
) -> None:
    settings = Settings(results_dir=tmp_path / "results", log_file=tmp_path / "log", threads=1)
    client = start_app(settings).test_client()
    assert source_of(client)[0] == BUNDLED_TABLE.name
    download(downloaded, rows=7)
    reload(client)
    assert source_of(client) == ("brfss.csv", 7)


def test_a_reload_keeps_a_configured_table(downloaded: Path, settings: Settings, client: FlaskClient) -> None:
    before = source_of(client)
    assert before[0] == Path(settings.data).name
    download(downloaded)
    reload(client)
    assert source_of(client) == before


def test_a_start_uses_the_downloaded_table(tmp_path: Path) -> None:
    place = tmp_path / "brfss.csv"
    download(place, rows=11)
    entry_point = entry_point_with(tmp_path, UNNAMED.format(downloaded=place))
    with running_server(entry_point=entry_point) as server:
        assert "Read 11 rows from brfss.csv" in server.output()
        told = requests.get(f"{server.address}/api/dataset", timeout=10).json()["data"]
        assert (told["source"], told["rows_read"]) == ("brfss.csv", 11)
