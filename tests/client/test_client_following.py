"""The commands about jobs, and files of many requests."""

import io
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.client import Client
from app.client.command_line import main
from app.client.progress import progress
from app.client.watching import Follower
from support.small_survey import OBESITY
from support.stub_server import Answer, StubServer

RUNNING, DONE = {"status": "running"}, {"status": "done", "data": {"global_mean": 30.0}}
FAILED = {"status": "error", "reason": "cancelled"}

Printed = pytest.CaptureFixture[str]
Gate = Callable[[], None]


def submit(address: str, count: int) -> list[str]:
    """Submit some jobs and return their ids."""
    with Client(address) as client:
        return [client.submit("global_mean", question=OBESITY) for _ in range(count)]


def listed(*states: str) -> dict[str, Any]:
    """Return the answer that lists jobs with these states."""
    return {"status": "done", "data": [{f"job_id_{number}": state} for number, state in enumerate(states, start=1)]}


def test_jobs_are_listed_the_last_ones_or_those_in_a_state(address: str, capsys: Printed, open_gate: Gate) -> None:
    ids = submit(address, 3)
    assert main(["-a", address, "jobs", "--last", "2"]) == 0
    printed = capsys.readouterr()
    assert printed.out.split() == ["job", "state", ids[1], "running", ids[2], "running"]
    assert "… and 3 before these" in printed.err
    open_gate()
    for job_id in ["job_id_1", "job_id_2", *ids]:
        assert main(["-a", address, "watch", job_id]) == 0
    capsys.readouterr()
    assert main(["-a", address, "jobs", "--state", "running", "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["-a", address, "jobs", "--last", "0", "-f", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 5


def test_all_jobs_are_watched_until_none_is_left(address: str, capsys: Printed, open_gate: Gate) -> None:
    ids = submit(address, 3)
    opening = threading.Timer(0.05, open_gate)
    opening.start()
    assert main(["-a", address, "watch"]) == 0
    opening.join()
    printed = capsys.readouterr()
    assert sorted(printed.out.splitlines()) == sorted(f"{job_id} done" for job_id in ["job_id_1", "job_id_2", *ids])
    assert "5 jobs wait or are computed, 0 have ended" in printed.err


def test_watching_tells_of_a_job_that_fails(address: str, capsys: Printed, open_gate: Gate) -> None:
    (job_id,) = submit(address, 1)
    assert main(["-a", address, "cancel", job_id]) == 0
    assert capsys.readouterr().out == f"{job_id} cancelled\n"
    assert main(["-a", address, "watch", job_id]) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (f"{job_id} error\n", f"{job_id} failed: cancelled\n")
    open_gate()


def test_jobs_that_have_ended_are_not_asked_for_again_and_removed_ones_not_waited_for(stub: StubServer) -> None:
    stub.on(
        "GET /api/jobs",
        listed("done", "done", "running", "running", "running"),
        {"status": "done", "data": [{"job_id_3": "running"}, {"job_id_5": "error"}, {"job_id_6": "running"}]},
        {"status": "done", "data": [{"job_id_6": "done"}]},
    )
    stub.on("GET /api/get_results/job_id_3", RUNNING, Answer({"status": "error", "reason": "gone"}, 410))
    with Client(stub.address, pause=lambda seconds, reason: None) as client:
        follower = Follower(client)
        assert follower.changes() == {"job_id_4": "removed", "job_id_5": "error", "job_id_6": "running"}
        assert follower.unfinished() == ["job_id_3", "job_id_6"]
        assert follower.changes() == {"job_id_3": "removed", "job_id_6": "done"}
        assert follower.unfinished() == []
    assert [asked.query.get("after") for asked in stub.asked if asked.route == "GET /api/jobs"] == [
        None,
        "job_id_2",
        "job_id_2",
    ]


def test_watching_all_fails_where_a_job_fails(stub: StubServer) -> None:
    stub.on("GET /api/jobs", listed("running"), listed("error"))
    stub.on("GET /api/get_results/job_id_1", FAILED)
    assert main(["-a", stub.address, "watch"]) == 1


def test_an_unknown_job_is_told(address: str, capsys: Printed) -> None:
    for command in ("watch", "cancel", "result"):
        assert main(["-a", address, command, "job_id_9"]) == 1
        assert "Invalid job_id" in capsys.readouterr().err


def test_a_shutdown_needs_consent(address: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["-a", address, "shutdown"]) == 2
    assert "--yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin.readline", lambda: "n\n", raising=False)
    assert main(["-a", address, "shutdown"]) == 2
    assert "nothing was done" in capsys.readouterr().err
    assert submit(address, 1) == ["job_id_1"]
    monkeypatch.setattr("sys.stdin.readline", lambda: "y\n", raising=False)
    assert main(["-a", address, "shutdown"]) == 0


def test_a_shutdown_waits_until_no_job_is_left(address: str, capsys: Printed, open_gate: Gate) -> None:
    ids = submit(address, 2)
    assert main(["-a", address, "shutdown", "--yes", "--no-wait"]) == 0
    assert "jobs are left" in capsys.readouterr().out
    opening = threading.Timer(0.05, open_gate)
    opening.start()
    assert main(["-a", address, "shutdown", "--yes"]) == 0
    opening.join()
    assert capsys.readouterr().out == "done: no job is left\n"
    with Client(address) as client:
        assert {client.jobs()[job_id] for job_id in ids} == {"done"}


def test_the_operators_token_comes_from_the_environment(stub: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.on("DELETE /api/jobs/job_id_1", {"status": "done", "data": {"job_id_1": "cancelled"}})
    monkeypatch.setenv("STATS_ADMIN_TOKEN", "a-long-secret")
    assert main(["-a", stub.address, "cancel", "job_id_1"]) == 0
    assert stub.asked[0].headers["Authorization"] == "Bearer a-long-secret"


# Progress


class Terminal(io.StringIO):
    """A standard error that says that it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize(("total", "shown"), [(3, "2/3"), (None, "0:00:0")])
def test_progress_is_shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch, total: int | None, shown: str) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", terminal)
    with progress("three requests", total) as done:
        done(2)
    assert "three requests" in terminal.getvalue()
    assert shown in terminal.getvalue()


def test_progress_is_not_shown_where_there_is_no_terminal(capsys: Printed) -> None:
    with progress("three requests", 3) as done:
        done(2)
    assert capsys.readouterr() == ("", "")


# Files of requests


@pytest.fixture
def batch_stub(stub: StubServer) -> StubServer:
    """A stub that takes two requests, of which the second fails."""
    stub.on("GET /api/questions", {"status": "done", "data": [{"id": "Q036", "question": OBESITY}]})
    stub.on("GET /api/states", {"status": "done", "data": [{"name": "Ohio", "abbreviation": "OH"}]})
    stub.on("POST /api/batch", {"job_ids": ["job_id_1", "job_id_2"]})
    documents = {"job_id_1": DONE, "job_id_2": FAILED}
    stub.on("GET /api/get_results", {"status": "done", "data": documents})
    return stub


@pytest.fixture
def requests_file(tmp_path: Path) -> Path:
    """A file of two requests with names that are parts, and an empty line."""
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
def test_a_file_of_requests_becomes_json_lines(
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


def test_a_file_of_requests_becomes_a_folder_of_results(
    batch_stub: StubServer, requests_file: Path, tmp_path: Path
) -> None:
    batch_stub.on("GET /api/get_results/job_id_1", Answer(b"mean\n30\n", headers={"Content-Type": "text/csv"}))
    folder = tmp_path / "new" / "results"
    arguments = ["-a", batch_stub.address, "batch", str(requests_file), "--folder", str(folder)]
    assert main([*arguments, "--format", "csv"]) == 1
    assert main(arguments) == 1
    written = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert written["000001-global_mean.csv"] == b"mean\n30\n"
    assert json.loads(written["000001-global_mean.json"]) == RECORDS[0]
    assert json.loads(written["000002-state_mean.error.json"]) == RECORDS[1]
    assert len(written) == 3


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"statistic": "best5"}\n{"statistic"\n', "line 2 is no JSON"),
        ("[1]\n", "line 1 must be an object with a statistic"),
        ('{"question": "obesity"}\n', "line 1 must be an object with a statistic"),
        ('\n{"statistic": "best5", "question": "zebra"}\n', "line 2: no question is known by 'zebra'"),
        ("\n\n", "holds no request"),
    ],
)
def test_a_line_that_is_no_request_is_named_and_nothing_is_sent(
    batch_stub: StubServer, tmp_path: Path, capsys: Printed, content: str, told: str
) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(content)
    assert main(["-a", batch_stub.address, "batch", str(path)]) == 2
    assert told in capsys.readouterr().err
    assert "POST /api/batch" not in batch_stub.routes()


@pytest.mark.parametrize("options", [["--folder", "a", "--output", "b"], ["--format", "csv"]])
def test_options_that_do_not_go_together_are_told(
    batch_stub: StubServer, requests_file: Path, options: list[str], capsys: Printed
) -> None:
    assert main(["-a", batch_stub.address, "batch", str(requests_file), *options]) == 2
    assert "--folder" in capsys.readouterr().err


def test_a_file_of_requests_against_the_application(address: str, tmp_path: Path, capsys: Printed) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text('{"statistic": "state_mean", "question": "obesity", "state": "ohio"}\n' * 3)
    assert main(["-a", address, "batch", str(path)]) == 0
    results = [json.loads(line)["data"] for line in capsys.readouterr().out.splitlines()]
    assert results == [{"Ohio": 31.0}] * 3
