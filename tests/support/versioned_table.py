"""A small table in versions that no statistic answers alike, and the results of an undisturbed computation."""

import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from app.planner import Planner
from app.settings import Settings
from app.table.engines import load_table
from support.survey_files import CDC_COLUMNS, WALKING, csv_text, row

STATES = ("Ohio", "Utah", "Texas", "Maine", "Iowa", "Idaho")
STRATA = ("Female", "Male")
GROWTH = 1 / 50  # of every value from one version to the next: a shift would leave differences between means alike

Body = Mapping[str, str]
REQUESTS: tuple[tuple[str, Body], ...] = (
    ("global_mean", {"question": WALKING}),
    ("states_mean", {"question": WALKING}),
    ("best5", {"question": WALKING, "best": "max"}),
    ("diff_from_mean", {"question": WALKING}),
    ("mean_by_category", {"question": WALKING}),
    *(("state_mean", {"question": WALKING, "state": state}) for state in STATES[:3]),
    ("state_mean_by_category", {"question": WALKING, "state": "Ohio"}),
)


def table_text(version: int) -> str:
    """Return a version of the table as CSV."""
    rows = [
        row(LocationDesc=state, LocationAbbr="", Stratification1=stratum, Data_Value=_value(version, place))
        for place, (state, stratum) in enumerate((state, stratum) for state in STATES for stratum in STRATA)
    ]
    return csv_text(rows, CDC_COLUMNS)


def _value(version: int, place: int) -> float:
    return round((10 + place * 1.7) * (1 + version * GROWTH), 4)


def write_table(path: Path, version: int) -> None:
    """Replace a file atomically by a version of the table."""
    partial = path.with_suffix(".partial")
    partial.write_text(table_text(version))
    partial.replace(path)


@lru_cache(maxsize=64)
def _planner(version: int) -> Planner:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        write_table(path, version)
        return Planner(load_table(Settings(data=str(path))))


@lru_cache(maxsize=4096)
def expected_data(version: int, request: int) -> Any:
    """Return the data of the result of a request, given by its place in ``REQUESTS``, over a version of the table."""
    statistic, body = REQUESTS[request]
    return orjson.loads(_planner(version).plan(statistic, orjson.dumps(body)).work().content)["data"]
