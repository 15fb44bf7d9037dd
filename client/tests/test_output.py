"""Tables of JSON of every shape, and texts that are safe for a terminal."""

import io
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from health_statistics.__main__ import main
from health_statistics.output import format_value, printable, progress, render, sections_of
from support.stub_server import Response, StubServer

CSV = {"Content-Type": "text/csv"}
CELL = {"location": "Ohio", "year": 2019, "value": 34.8, "low": 33.5, "high": 36.1, "sample_size": 11000, "flags": []}
HIDDEN = {**CELL, "location": "Guam", "value": None, "low": None, "high": None, "flags": ["suppressed", "no_limits"]}
YEARS = [
    {"year": 2011, "value": 29.7, "fitted": 29.9, "flags": []},
    {"year": 2012, "value": None, "fitted": 30.4, "flags": ["suppressed"]},
]


def table(data: Any, width: int = 200) -> list[str]:
    """Return the lines of the tables, with one blank between columns."""
    return [" ".join(line.split()) for line in render(list(sections_of(data)), width).splitlines()]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ({"Colorado": 24.0885, "Hawaii": 25.0}, ["Colorado 24.09", "Hawaii 25.00"]),
        ({"global_mean": 0.01234}, ["global_mean 0.012"]),
        (
            {"('Ohio', 'Age (years)', '18 - 24')": 1.0, "('Utah', \"Women's\", 'x')": 2.5},
            ["location category stratum value", "Ohio Age (years) 18 - 24 1.00", "Utah Women's x 2.50"],
        ),
        ({"Ohio": {"('Total', 'Total')": 31.0}}, ["Ohio", "category stratum value", "Total Total 31.00"]),
        (
            [CELL, HIDDEN],
            [
                "location year value low high sample_size flags",
                "Ohio 2019 34.80 33.50 36.10 11000 -",
                "Guam 2019 - - - 11000 suppressed, no_limits",
            ],
        ),
        (
            {"location": "Ohio", "slope": {"value": 0.5, "low": -0.3, "p_value": 0.00031}, "years": YEARS},
            [
                "location Ohio",
                "",
                "value low p_value",
                "slope 0.50 -0.30 0.00031",
                "",
                "years",
                "year value fitted flags",
                "2011 29.70 29.90 -",
                "2012 - 30.40 suppressed",
            ],
        ),
        (
            {
                "of": "year",
                "a": {"year": 2011, "rows": 1},
                "b": {"year": 2019, "rows": 2},
                "difference": {"z": 2.1},
            },
            ["of year", "", "year rows", "a 2011 1", "b 2019 2", "", "z", "difference 2.10"],
        ),
        ({}, []),
        ([], []),
        ({"rows_skipped": {}, "reload": None, "modelled": True}, ["rows_skipped -", "reload -", "modelled yes"]),
        (7, ["7"]),
    ],
)
def test_json_is_shown_as_tables(data: Any, lines: list[str]) -> None:
    assert table(data) == lines


def test_numbers_are_aligned_to_the_right() -> None:
    text = render(list(sections_of([{"name": "a", "value": 1.0}, {"name": "bcd", "value": 100.0}])), 80)
    assert text == "name   value\na       1.00\nbcd   100.00\n"


def test_long_texts_wrap_at_the_width_of_the_terminal() -> None:
    words = [f"word{number}" for number in range(30)]
    text = render(list(sections_of([{"id": "Q1", "text": " ".join(words)}])), 40)
    assert max(map(len, text.splitlines())) <= 40
    assert [word for word in text.split() if word.startswith("word")] == words


def test_markup_is_not_interpreted() -> None:
    data = {"[red]Ohio[/red] :smile:": 1.0, "('not closed": 2.0}
    assert table(data) == ["[red]Ohio[/red] :smile: 1.00", "('not closed 2.00"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00"),
        (-0.5, "-0.50"),
        (0.1, "0.10"),
        (0.0999, "0.1"),
        (1e-9, "1e-09"),
        (2019, "2019"),
        (False, "no"),
        ([2011, 2012, 2013], "2011-2013"),
        ([2011, 2013, 2015], "2011, 2013, 2015"),
        ([2011, 2012], "2011, 2012"),
        ({"from": 2015}, "from 2015"),
    ],
)
def test_values_are_formatted_for_reading(value: object, text: str) -> None:
    assert format_value(value) == text


# Escape sequences of a server

ESCAPES = "\x1b]0;title\x07\x9b31m\x7f\r\x08"
ESCAPED = r"\u001b]0;title\u0007\u009b31m\u007f\u000d\u0008"


def test_control_characters_become_visible_and_lines_stay() -> None:
    assert printable(f"a\tb\r\n{ESCAPES}\ud800é") == "a\tb\n" + ESCAPED + r"\ud800é"


class Terminal(io.TextIOWrapper):
    """A text stream that claims to be a terminal."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="")

    def isatty(self) -> bool:
        """Return True."""
        return True

    def text(self) -> str:
        """Return the output so far."""
        self.flush()
        content = self.buffer.getvalue()  # type: ignore[attr-defined]
        return str(content.decode())


@pytest.fixture
def hostile_stub(stub: StubServer) -> StubServer:
    """A stub that sends escape sequences in names, results, job ids, states and reasons."""
    job_id, result = f"{ESCAPES}_1", {"status": "done", "data": {f"Ohio{ESCAPES}": 1.0, "note": ESCAPES}}
    question = {"id": f"Q{ESCAPES}", "question": f"obesity {ESCAPES}", "best": "min", "years": [2019]}
    stub.on("GET /api/questions", {"status": "done", "data": [question]})
    stub.on("GET /api/dataset", {"status": "done", "data": {"notice": ESCAPES, f"name{ESCAPES}": [{ESCAPES: ESCAPES}]}})
    stub.on("POST /api/best5", {"job_id": job_id, **result})
    stub.on("POST /api/worst5", Response({"status": "error", "reason": f"no {ESCAPES}"}, 400))
    stub.on("GET /api/get_results/" + quote(job_id), Response(f"a,{ESCAPES}\r\n".encode(), headers=CSV))
    stub.on("GET /api/get_results/job_id_1", {"status": "error", "reason": ESCAPES})
    stub.on("GET /api/jobs", {"status": "done", "data": [{job_id: ESCAPES}]})
    stub.on("DELETE /api/jobs/job_id_1", {"status": "done", "data": {"job_id_1": ESCAPES}})
    stub.on("GET /api/states", Response(b"<html>" + ESCAPES.encode()))
    return stub


@pytest.mark.parametrize(
    "command",
    [
        "ask best5 -q obesity",
        "ask best5 -q obesity -f json",
        "ask best5 -q obesity -f csv",
        "ask worst5 -q obesity",
        "ask best5 -q nothing",
        "questions",
        "questions -f json",
        "dataset",
        "jobs",
        "watch job_id_1",
        "cancel job_id_1",
        "states",
    ],
)
def test_escape_sequences_of_a_server_do_not_reach_the_terminal(
    hostile_stub: StubServer, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "dumb")  # so that rich sends no control sequences of its own
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setattr("sys.stderr", terminal)
    main(["-a", hostile_stub.address, *command.split()])
    output = terminal.text()
    assert re.search(r"(u00|x)1b]0;title", output)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", output)


def test_escape_sequences_do_not_reach_progress_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", terminal)
    with progress(f"[red]job{ESCAPES}"):
        pass
    assert f"[red]job{ESCAPED}" in terminal.text()
    assert "\x1b]0;" not in terminal.text()


def test_files_keep_the_bytes_of_the_server(hostile_stub: StubServer, tmp_path: Path) -> None:
    target = tmp_path / "result.csv"
    assert main(["-a", hostile_stub.address, "ask", "best5", "-q", "obesity", "-o", str(target)]) == 0
    assert target.read_bytes() == f"a,{ESCAPES}\r\n".encode()
