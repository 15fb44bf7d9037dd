"""Reading in a subprocess: the same table, the same errors, and no process left behind."""

import multiprocessing
import os
from pathlib import Path

import pytest

from app.errors import SourceError
from app.queries.query import Query
from app.statistics.means import mean_by_category, states_mean
from app.table.engines import pandas_reader
from app.table.engines.pandas_reader import read_in_subprocess, read_table, receive_table
from app.table.sources.addresses import Source
from app.table.sources.progress import NOTHING_READ, Progress, ignore_progress
from app.table.survey_rows.rows import SurveyRows
from app.table.survey_table import SurveyTable
from support.real_server import PROJECT_ROOT
from support.survey_files import row, write, write_csv

BUNDLED = PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv"


def in_subprocess(path: Path) -> SurveyTable:
    """Read a survey table in a subprocess."""
    return read_in_subprocess(Source(str(path)), SurveyRows(), ignore_progress)


def test_a_subprocess_reads_the_same_table() -> None:
    there, here = in_subprocess(BUNDLED), read_table(BUNDLED)
    assert there.locations == here.locations
    assert there.report.sha256 == here.report.sha256
    assert [data.question for data in there.questions] == [data.question for data in here.questions]
    for code in range(len(here.questions)):
        assert states_mean(there, Query(code)) == states_mean(here, Query(code))
        assert mean_by_category(there, Query(code)) == mean_by_category(here, Query(code))
    assert multiprocessing.active_children() == []


def test_arrays_from_a_subprocess_are_read_only(tmp_path: Path) -> None:
    (data,) = in_subprocess(write_csv(tmp_path, [row()])).questions
    with pytest.raises(ValueError, match="read-only"):
        data.means.by_location.means[:] = 0


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n"])
def test_a_subprocess_gives_the_same_error(tmp_path: Path, content: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(SourceError) as here:
        read_table(path)
    with pytest.raises(SourceError) as there:
        in_subprocess(path)
    assert there.value.reason == here.value.reason


def test_progress_is_reported_again_when_nothing_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pandas_reader, "SECONDS_BETWEEN_REPORTS", 0.0)
    receiving, sending = multiprocessing.Pipe(duplex=False)
    half_way, reports = Progress(3, 30, 0.5, 1.0), []

    def on_progress(progress: Progress) -> None:
        reports.append(progress)
        messages = {2: half_way, 5: SourceError("the end")}
        if len(reports) in messages:
            sending.send(messages[len(reports)])

    with receiving, sending, pytest.raises(SourceError, match="the end"):
        receive_table(receiving, Source(""), on_progress)
    assert reports == [NOTHING_READ, NOTHING_READ, half_way, half_way, half_way]


def test_a_subprocess_that_dies_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pandas_reader, "read_with_pandas", lambda *_: os._exit(9))
    with pytest.raises(SourceError, match="died"):
        in_subprocess(tmp_path)
    assert multiprocessing.active_children() == []
