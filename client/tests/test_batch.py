"""The command batch."""

import json
from pathlib import Path

import pytest

from health_statistics.__main__ import main
from support.small_survey import OBESITY
from support.stub_server import Response, StubServer

DONE = {"status": "done", "data": {"global_mean": 30.0}}
FAILED = {"status": "error", "reason": "cancelled"}

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def batch_stub(stub: StubServer) -> StubServer:
    """A stub that accepts two requests, of which the second fails."""
    stub.on("GET /api/questions", {"status": "done", "data": [{"id": "Q036", "question": OBESITY}]})
    stub.on("GET /api/states", {"status": "done", "data": [{"name": "Ohio", "abbreviation": "OH"}]})
    stub.on("POST /api/batch", {"job_ids": ["job_id_1", "job_id_2"]})
    documents = {"job_id_1": DONE, "job_id_2": FAILED}
    stub.on("GET /api/get_results", {"status": "done", "data": documents})
    return stub


@pytest.fixture
def requests_file(tmp_path: Path) -> Path:
    """A file with two requests, shortened names, and an empty line."""
    path = tmp_path / "requests.jsonl"
    path.write_text(
        '{"statistic": "global_mean", "question": "obesity"}\n\n'
        '{"statistic": "state_mean", "question": "obesity", "state": "ohi", "years": [2019]}\n'
    )
    return path


REQUESTS = [
    {"statistic": "global_mean", "question": OBESITY},
    {"statistic": "state_mean", "question": OBESITY, "state": "Ohio", "years": [2019]},
]
RECORDS = [
    {"job_id": "job_id_1", "request": REQUESTS[0], **DONE},
    {"job_id": "job_id_2", "request": REQUESTS[1], **FAILED},
]


@pytest.mark.parametrize("to_file", [True, False])
def test_results_are_written_as_json_lines(
    batch_stub: StubServer, requests_file: Path, tmp_path: Path, capsys: Printed, *, to_file: bool
) -> None:
    target = tmp_path / "results.jsonl"
    output = ["--output", str(target)] if to_file else []
    assert main(["-a", batch_stub.address, "batch", str(requests_file), *output]) == 1
    printed = capsys.readouterr()
    lines = target.read_text(encoding="utf-8") if to_file else printed.out
    assert [json.loads(line) for line in lines.splitlines()] == RECORDS
    assert "2 requests: 1 done, 1 failed" in printed.err
    assert batch_stub.bodies("POST /api/batch") == [REQUESTS]


def test_results_are_written_to_a_folder(batch_stub: StubServer, requests_file: Path, tmp_path: Path) -> None:
    batch_stub.on("GET /api/get_results/job_id_1", Response(b"mean\n30\n", headers={"Content-Type": "text/csv"}))
    folder = tmp_path / "new" / "results"
    arguments = ["-a", batch_stub.address, "batch", str(requests_file), "--folder", str(folder)]
    assert main([*arguments, "--format", "csv"]) == 1
    assert main(arguments) == 1
    written = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert written["000001-global_mean.csv"] == b"mean\n30\n"
    assert json.loads(written["000001-global_mean.json"]) == RECORDS[0]
    assert json.loads(written["000002-state_mean.error.json"]) == RECORDS[1]
    assert len(written) == 3


def test_files_of_citations_have_the_endings_that_other_programs_look_for(
    batch_stub: StubServer, requests_file: Path, tmp_path: Path
) -> None:
    for format, ending, content_type in (
        ("bibtex", "bib", "application/x-bibtex"),
        ("csljson", "csl.json", "application/vnd.citationstyles.csl+json"),
    ):
        batch_stub.on("GET /api/get_results/job_id_1", Response(b"cited", headers={"Content-Type": content_type}))
        arguments = ["-a", batch_stub.address, "batch", str(requests_file), "--folder", str(tmp_path / format)]
        assert main([*arguments, "--format", format]) == 1
        assert (tmp_path / format / f"000001-global_mean.{ending}").read_bytes() == b"cited"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"statistic": "best5"}\n{"statistic"\n', "line 2 is not valid JSON"),
        ("[1]\n", "line 1 must be an object with a statistic"),
        ('{"question": "obesity"}\n', "line 1 must be an object with a statistic"),
        ('\n{"statistic": "best5", "question": "zebra"}\n', "line 2: unknown question 'zebra'"),
        ("\n\n", "contains no requests"),
    ],
)
def test_an_invalid_line_is_named_and_nothing_is_sent(
    batch_stub: StubServer, tmp_path: Path, capsys: Printed, content: str, message: str
) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(content)
    assert main(["-a", batch_stub.address, "batch", str(path)]) == 2
    assert message in capsys.readouterr().err
    assert "POST /api/batch" not in batch_stub.routes()


@pytest.mark.parametrize("options", [["--folder", "a", "--output", "b"], ["--format", "csv"], ["--output", "a.csv"]])
def test_conflicting_options_are_reported(
    batch_stub: StubServer, requests_file: Path, options: list[str], capsys: Printed
) -> None:
    assert main(["-a", batch_stub.address, "batch", str(requests_file), *options]) == 2
    error = capsys.readouterr().err
    assert "--folder" in error or "use .jsonl, .ndjson, .json" in error


def test_a_batch_runs_on_the_application(address: str, tmp_path: Path, capsys: Printed) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text('{"statistic": "state_mean", "question": "obesity", "state": "ohio"}\n' * 3)
    assert main(["-a", address, "batch", str(path)]) == 0
    results = [json.loads(line)["data"] for line in capsys.readouterr().out.splitlines()]
    assert results == [{"Ohio": 31.0}] * 3


def test_the_name_of_a_statistic_cannot_lead_out_of_the_folder(
    stub: StubServer, tmp_path: Path, capsys: Printed
) -> None:
    name = "../../escaped"
    stub.on(
        "GET /api/statistics",
        {"status": "done", "data": [{"name": name, "summary": "", "needed": [], "optional": []}]},
    )
    stub.on("POST /api/batch", {"job_ids": ["job_id_1"]})
    stub.on("GET /api/get_results", {"status": "done", "data": {"job_id_1": DONE}})
    (tmp_path / "requests.jsonl").write_text('{"statistic": "escaped"}\n')
    folder = tmp_path / "a" / "b"
    assert main(["-a", stub.address, "batch", str(tmp_path / "requests.jsonl"), "--folder", str(folder)]) == 0
    assert [path.name for path in folder.iterdir()] == ["000001-______escaped.json"]
    assert "statistic 'escaped': ../../escaped" in capsys.readouterr().err
