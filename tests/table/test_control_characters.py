"""Control characters in a table's names are replaced where the names enter the table."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from app.errors import SourceError
from app.table.respondents import read_mapping
from app.table.sources.addresses import read_failure
from app.table.sources.controls import replace_controls
from support.real_server import RealServer, running_server
from support.survey_files import CDC_COLUMNS, Row, csv_text, frame_of, row, write, write_parquet
from support.two_readers import Read, cluster_of

CLEAR_SCREEN = "\x1b[2J\x1b]0;title\x07"
ROWS: list[Row] = [
    row(LocationDesc=f"Ohio{CLEAR_SCREEN}", LocationAbbr="O\x9bH", Datasource="a\x00b", Class="Walk\x7fing"),
    row(LocationDesc="Utah", LocationAbbr="UT", Question="Who\u202ewalks\u2066?", QuestionID="Q\x08"),
    row(LocationDesc="Guam", LocationAbbr="GU", Stratification1="Two\nlines", StratificationCategory1="G\x85H"),
    row(LocationDesc="Guam", LocationAbbr="GU", Data_Value="", Data_Value_Footnote_Symbol="\x1b~"),
]
NOTE = "names with control characters, each replaced by a space or U+FFFD: 9"
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")  # without the line end


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A client of a cluster, for the reader of Dask."""
    pytest.importorskip("distributed", reason="Dask is not installed: make dask")
    with cluster_of(1) as client:
        yield client


@pytest.fixture(params=["csv", "parquet"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A table with control characters in all its names."""
    if request.param == "csv":
        return write(tmp_path, csv_text(ROWS, CDC_COLUMNS))
    return write_parquet(tmp_path, frame_of(ROWS, CDC_COLUMNS))


def test_names_enter_the_table_without_control_characters(path: Path, read: Read) -> None:
    table = read(path)
    assert [(location.name, location.abbreviation) for location in table.locations] == [
        ("Guam", "GU"),
        ("Ohio\ufffd[2J\ufffd]0;title\ufffd", "O\ufffdH"),
        ("Utah", "UT"),
    ]
    assert {(stratum.category, stratum.name) for stratum in table.strata} == {
        ("Gender", "Female"),
        ("G H", "Two lines"),
    }
    questions = {data.question.text: data.question for data in table.questions}
    assert questions["Who\ufffdwalks\ufffd?"].id == "Q\ufffd"
    assert table.report.datasources[-1] == "a\ufffdb"
    assert NOTE in table.report.notes
    assert table.report.rows_used == 3
    assert table.report.rows_suppressed == 1


def test_names_that_agree_after_the_replacement_are_one(tmp_path: Path, read: Read) -> None:
    table = read(write(tmp_path, csv_text([row(LocationDesc="Ohio\x1b"), row(LocationDesc="Ohio\x07")])))
    assert [location.name for location in table.locations] == ["Ohio\ufffd"]
    assert table.questions[0].question.rows == 2


@pytest.mark.parametrize("text", ["Ohio", "Québec", "U.S. - \u2265 25", "العربية", "a\u00a0b", ""])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert replace_controls(text) == text


def test_excerpts_of_a_file_in_messages_have_none(tmp_path: Path, read: Read) -> None:
    assert read_failure(ValueError(f"got: Ohio{CLEAR_SCREEN}")) == "got: Ohio\ufffd[2J\ufffd]0;title\ufffd"
    path = write(tmp_path, csv_text(ROWS) + f"Ohio{CLEAR_SCREEN},Why\n")
    with pytest.raises(SourceError) as caught:
        read(path)
    assert CONTROLS.search(caught.value.reason) is None


def texts_of(server: RealServer) -> list[str]:
    """Ask for names, a result and its pictures; return the bodies, the server's output and its log."""
    address = server.address
    job = requests.post(f"{address}/api/states_mean?wait=20", json={"question": "Q900"}, timeout=20).json()["job_id"]
    paths = ("states", "questions", "dataset", f"get_results/{job}", f"get_results/{job}/chart?format=svg")
    bodies = [requests.get(f"{address}/api/{path}", timeout=60) for path in paths]
    assert [body.status_code for body in bodies] == [200] * len(paths)
    assert NOTE in bodies[2].json()["data"]["notes"]
    unknown = requests.post(f"{address}/api/state_mean", json={"question": "Q900", "state": "Ohip"}, timeout=20)
    assert server.stop() == 0
    return [unknown.text, *(body.text for body in bodies), server.output(), server.log_file.read_text("utf-8")]


def test_a_server_sends_and_logs_none(path: Path) -> None:
    with running_server({"STATS_DATA": str(path)}) as server:
        texts = texts_of(server)
    assert [found for text in texts if (found := CONTROLS.search(text) or re.search(r"\\u001b|\\x1b", text))] == []
    assert "[2J" in texts[5]


def test_a_mapping_with_one_is_refused(tmp_path: Path) -> None:
    mapping = Path(__file__).parents[2] / "app/table/respondents/generated.toml"
    text = mapping.read_text("utf-8")
    found = re.search(r'^text = "', text, re.MULTILINE)
    assert found
    path = write(tmp_path, text[: found.end()] + r"\u001b" + text[found.end() :], "mapping.toml")
    with pytest.raises(SourceError, match=r"questions\.0\.text: .* has a control character; remove it"):
        read_mapping(path)
