"""A server whose table is replaced: three versions of a small table, and reloads that are waited for."""

import time
from pathlib import Path

from flask.testing import FlaskClient

from app.services import Services
from support.survey_files import CDC_COLUMNS, Row, csv_text, row

RELOAD_SECONDS = 60.0
PAUSE_SECONDS = 0.02

CYCLING = {"Question": "Percent of adults who cycle", "QuestionID": "Q901"}
FORMULA = "=1+1"
FIRST: list[Row] = [row(), row(LocationDesc="Utah", Data_Value=20), row(**CYCLING)]
SECOND: list[Row] = [
    row(Data_Value=31.5),
    row(LocationDesc="Utah", Data_Value=17),
    row(LocationDesc=FORMULA, YearStart=2020, YearEnd=2020),
    row(LocationDesc="Maine", YearStart=2020, YearEnd=2020),
]
THIRD: list[Row] = [*SECOND, row(LocationDesc="Iowa")]


def write_rows(path: Path, rows: list[Row]) -> None:
    """Replace a file atomically by a table of rows."""
    partial = path.with_suffix(".partial")
    partial.write_text(csv_text(rows, CDC_COLUMNS))
    partial.replace(path)


def served_version(client: FlaskClient, path: Path, rows: list[Row]) -> str:
    """Replace the table of a server by other rows, reload it, and return the id of the version that is served then."""
    write_rows(path, rows)
    return reloaded_version(client)


def reloaded_version(client: FlaskClient) -> str:
    """Reload the table of a server, wait for it, and return the id of the version that is served then."""
    assert client.post("/api/dataset/reload").status_code == 200
    services: Services = client.application.extensions["services"]
    deadline = time.monotonic() + RELOAD_SECONDS
    while services.ingestor.last_reload is None or services.ingestor.last_reload.status == "running":
        assert time.monotonic() < deadline
        time.sleep(PAUSE_SECONDS)
    assert services.ingestor.last_reload.status == "done", services.ingestor.last_reload.reason
    return services.ingestor.table.id
