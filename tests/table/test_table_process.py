"""Reading in a process of its own: the same table, the same errors, and nothing of it stays behind."""

import multiprocessing
import os
from pathlib import Path

import pytest

from app.errors import SourceError
from app.queries.query import Query
from app.statistics.means import mean_by_category, states_mean
from app.table.engines import pandas_reader
from app.table.engines.pandas_reader import read_table, read_table_apart, receive_table
from app.table.sources.progress import NOTHING_READ, Progress
from support.real_server import PROJECT_ROOT
from support.survey_files import row, write, write_csv

BUNDLED = PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv"


def test_the_table_is_the_one_that_is_read_here() -> None:
    apart, here = read_table_apart(BUNDLED), read_table(BUNDLED)
    assert apart.locations == here.locations
    assert apart.report.sha256 == here.report.sha256
    assert [data.question for data in apart.questions] == [data.question for data in here.questions]
    for code in range(len(here.questions)):
        assert states_mean(apart, Query(code)) == states_mean(here, Query(code))
        assert mean_by_category(apart, Query(code)) == mean_by_category(here, Query(code))
    assert multiprocessing.active_children() == []


def test_its_arrays_are_read_only_too(tmp_path: Path) -> None:
    (data,) = read_table_apart(write_csv(tmp_path, [row()])).questions
    with pytest.raises(ValueError, match="read-only"):
        data.means.by_location.means[:] = 0


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n"])
def test_what_is_no_table_is_told_in_the_same_words(tmp_path: Path, content: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(SourceError) as here:
        read_table(path)
    with pytest.raises(SourceError) as apart:
        read_table_apart(path)
    assert apart.value.reason == here.value.reason


def test_who_waits_is_told_again_where_there_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pandas_reader, "SECONDS_BETWEEN_NEWS", 0.0)
    receiving, sending = multiprocessing.Pipe(duplex=False)
    half_way, told = Progress(3, 30, 0.5, 1.0), []

    def tell(progress: Progress) -> None:
        told.append(progress)
        answers = {2: half_way, 5: SourceError("the end")}
        if len(told) in answers:
            sending.send(answers[len(told)])

    with receiving, sending, pytest.raises(SourceError, match="the end"):
        receive_table(receiving, "", tell)
    assert told == [NOTHING_READ, NOTHING_READ, half_way, half_way, half_way]


def test_a_process_that_dies_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pandas_reader, "read_table", lambda *_: os._exit(9))
    with pytest.raises(SourceError, match="died"):
        read_table_apart(tmp_path)
    assert multiprocessing.active_children() == []
