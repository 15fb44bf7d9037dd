"""Respondents' records from files to results, read by pandas and by Dask."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flask import Flask

from app.errors import SourceError
from app.settings import Settings
from app.table.engines import load_table
from support.real_server import PROJECT_ROOT
from support.respondent_records import figures_of
from support.small_survey import OBESITY
from tools.make_respondents import write_records

MAPPING = PROJECT_ROOT / "app" / "table" / "respondents" / "generated.toml"
ROWS = 30_000
CLOSE = 1e-9


@pytest.fixture
def records(tmp_path: Path) -> Path:
    folder = tmp_path / "records"
    assert len(write_records(folder, ROWS, seed=3, rows_per_group=1000)) > 2
    return folder


def test_both_readers_compute_the_same_cells(records: Path) -> None:
    rows_read: list[int] = []
    plain = load_table(Settings(data=str(records), mapping=MAPPING, min_respondents=1))
    settings = Settings(data=str(records), mapping=MAPPING, min_respondents=1, engine="dask", dask_workers=2)
    by_dask = load_table(settings, lambda progress: rows_read.append(progress.rows_read))
    assert plain.report.rows_read == by_dask.report.rows_read == rows_read[-1] == ROWS
    assert plain.report.sha256 == by_dask.report.sha256
    expected, found = figures_of(plain), figures_of(by_dask)
    assert found.keys() == expected.keys()
    for key, figures in expected.items():
        assert found[key] == pytest.approx(figures, rel=1e-9, nan_ok=True)


def test_the_server_answers_from_records(
    records: Path, settings: Settings, start_app: Callable[[Settings], Flask]
) -> None:
    client = start_app(settings.model_copy(update={"data": str(records), "mapping": MAPPING})).test_client()

    def read(route: str) -> Any:
        return client.get(route).json

    def ask(statistic: str, **body: Any) -> Any:
        posted = client.post(f"/api/{statistic}", json={"question": "Q036", **body})
        return read(f"{posted.headers['Location']}?wait=10")

    described = read("/api/dataset")["data"]
    assert (described["rows_read"], described["modelled"]) == (ROWS, True)
    (cell,) = ask("estimate", by=["location"], years=[2019], locations=["National"])["data"]
    assert cell["low"] < cell["value"] < cell["high"]
    assert cell["sample_size"] > ROWS / 20
    assert ask("best5")["status"] == ask("trend", state="National")["status"] == "done"
    assert ask("state_mean", state="OH")["data"].keys() == {"Ohio"}
    assert OBESITY in {question["question"] for question in read("/api/questions")["data"]}


CROSSING = """
name = "Units that cross locations"
[location]
column = "state"
names = {Ohio = [1], Utah = [2]}
nation = "National"
[year]
column = "year"
[design]
weight = "weight"
stratum = "stratum"
unit = "unit"
[[questions]]
text = "Percent of adults who walk to work"
id = "Q900"
column = "walks"
yes = [1]
no = [2]
"""


def crossing_records() -> pd.DataFrame:
    """Draw a sample of the nation whose units cross the border of two states."""
    draw, rows = np.random.default_rng(4), 600
    stratum, unit = draw.integers(1, 7, rows), draw.integers(1, 4, rows)
    effect = draw.normal(0, 1, (7, 4))[stratum, unit]
    state, weight = draw.integers(1, 3, rows), draw.uniform(1, 9, rows)
    walks = np.where(draw.random(rows) < 1 / (1 + np.exp(1 - effect)), 1, 2)
    frame = {"state": state, "year": 2018, "weight": weight, "stratum": stratum, "unit": unit, "walks": walks}
    return pd.DataFrame(frame)


def test_the_nations_limits_are_those_of_the_whole_design(
    tmp_path: Path, settings: Settings, start_app: Callable[[Settings], Flask]
) -> None:
    crossing_records().to_parquet(tmp_path / "records.parquet")
    mapping = tmp_path / "crossing.toml"
    mapping.write_text(CROSSING, encoding="utf-8")
    source = {"data": str(tmp_path / "records.parquet"), "mapping": mapping}
    client = start_app(settings.model_copy(update=source)).test_client()
    posted = client.post("/api/estimate", json={"question": "Q900", "by": [], "locations": ["National"]})
    (cell,) = client.get(f"{posted.headers['Location']}?wait=10").get_json()["data"]
    # By R's package survey; with the states as strata the limits would be 24.4 and 42.1, 7 points closer.
    assert [cell["low"], cell["high"]] == pytest.approx([21.468765593, 46.136118229], rel=CLOSE)
    notes = client.get("/api/dataset").get_json()["data"]["notes"]
    assert any(note.startswith("6 sampling strata have respondents in several locations") for note in notes)


def test_the_error_names_columns_of_the_mapping_that_the_source_lacks(survey_file: Path) -> None:
    with pytest.raises(
        SourceError, match=r"survey\.csv: missing needed columns location, year, weight, stratum, unit,"
    ):
        load_table(Settings(data=str(survey_file), mapping=MAPPING))
