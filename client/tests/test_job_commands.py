"""The commands jobs, watch, cancel, reload and shutdown, and progress bars."""

import io
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from health_statistics import Client
from health_statistics.__main__ import main
from health_statistics.commands import JobWatcher
from health_statistics.output import progress
from support.small_survey import OBESITY
from support.stub_server import Response, StubServer

RUNNING, DONE = {"status": "running"}, {"status": "done", "data": {"global_mean": 30.0}}
FAILED = {"status": "error", "reason": "cancelled"}

Printed = pytest.CaptureFixture[str]
Gate = Callable[[], None]


def submit(address: str, count: int) -> list[str]:
    """Submit some jobs and return their ids."""
    with Client(address) as client:
        return [client.submit("global_mean", question=OBESITY) for _ in range(count)]


def listed(*states: str) -> dict[str, Any]:
    """Return the response that lists jobs with these states."""
    return {"status": "done", "data": [{f"job_id_{number}": state} for number, state in enumerate(states, start=1)]}


def test_jobs_lists_the_last_jobs_or_those_in_a_state(address: str, capsys: Printed, open_gate: Gate) -> None:
    ids = submit(address, 3)
    assert main(["-a", address, "jobs", "--last", "2"]) == 0
    printed = capsys.readouterr()
    assert printed.out.split() == ["job", "state", ids[1], "running", ids[2], "running"]
    assert "… and 3 earlier jobs; --last 0 lists all" in printed.err
    open_gate()
    for job_id in ["job_id_1", "job_id_2", *ids]:
        assert main(["-a", address, "watch", job_id]) == 0
    capsys.readouterr()
    assert main(["-a", address, "jobs", "--state", "running", "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["-a", address, "jobs", "--last", "0", "-f", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 5


def test_watch_follows_all_jobs_until_none_is_left(
    address: str, capsys: Printed, open_gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = Client.poll

    def open_and_poll(client: Client, *arguments: Any) -> Any:
        open_gate()  # now that the command has listed the jobs, none of which has run
        return poll(client, *arguments)

    monkeypatch.setattr(Client, "poll", open_and_poll)
    ids = submit(address, 3)
    assert main(["-a", address, "watch"]) == 0
    printed = capsys.readouterr()
    assert sorted(printed.out.splitlines()) == sorted(f"{job_id} done" for job_id in ["job_id_1", "job_id_2", *ids])
    assert "5 waiting or running, 0 finished" in printed.err


def test_watch_reports_a_failed_job(address: str, capsys: Printed, open_gate: Gate) -> None:
    (job_id,) = submit(address, 1)
    assert main(["-a", address, "cancel", job_id]) == 0
    assert capsys.readouterr().out == f"{job_id} cancelled\n"
    assert main(["-a", address, "watch", job_id]) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (f"{job_id} error\n", f"{job_id} failed: cancelled\n")
    open_gate()


def test_watching_polls_neither_finished_nor_removed_jobs(stub: StubServer) -> None:
    stub.on(
        "GET /api/jobs",
        listed("done", "done", "running", "running", "running"),
        {"status": "done", "data": [{"job_id_3": "running"}, {"job_id_5": "error"}, {"job_id_6": "running"}]},
        {"status": "done", "data": [{"job_id_6": "done"}]},
    )
    stub.on("GET /api/get_results/job_id_3", RUNNING, Response({"status": "error", "reason": "gone"}, 410))
    with Client(stub.address, pause=lambda seconds, reason: None) as client:
        watcher = JobWatcher(client)
        assert watcher.changes() == {"job_id_4": "removed", "job_id_5": "error", "job_id_6": "running"}
        assert watcher.unfinished() == ["job_id_3", "job_id_6"]
        assert watcher.changes() == {"job_id_3": "removed", "job_id_6": "done"}
        assert watcher.unfinished() == []
    assert [request.query.get("after") for request in stub.requests if request.route == "GET /api/jobs"] == [
        None,
        "job_id_2",
        "job_id_2",
    ]


def test_watching_all_jobs_fails_if_a_job_fails(stub: StubServer) -> None:
    stub.on("GET /api/jobs", listed("running"), listed("error"))
    stub.on("GET /api/get_results/job_id_1", FAILED)
    assert main(["-a", stub.address, "watch"]) == 1


def test_an_unknown_job_is_reported(address: str, capsys: Printed) -> None:
    for command in ("watch", "cancel", "result"):
        assert main(["-a", address, command, "job_id_9"]) == 1
        assert "Invalid job_id" in capsys.readouterr().err


def test_a_shutdown_needs_confirmation(address: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["-a", address, "shutdown"]) == 2
    assert "--yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin.readline", lambda: "n\n", raising=False)
    assert main(["-a", address, "shutdown"]) == 2
    assert "cancelled; the server was not shut down" in capsys.readouterr().err
    assert submit(address, 1) == ["job_id_1"]
    monkeypatch.setattr("sys.stdin.readline", lambda: "y\n", raising=False)
    assert main(["-a", address, "shutdown"]) == 0


def test_a_shutdown_waits_for_accepted_jobs(address: str, capsys: Printed, open_gate: Gate) -> None:
    ids = submit(address, 2)
    assert main(["-a", address, "shutdown", "--yes", "--no-wait"]) == 0
    assert "shutting down: 4 jobs left" in capsys.readouterr().out
    opening = threading.Timer(0.05, open_gate)
    opening.start()
    assert main(["-a", address, "shutdown", "--yes"]) == 0
    opening.join()
    assert capsys.readouterr().out == "done: no jobs left\n"
    with Client(address) as client:
        assert {client.jobs()[job_id] for job_id in ids} == {"done"}


def test_the_token_comes_from_the_environment(stub: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.on("DELETE /api/jobs/job_id_1", {"status": "done", "data": {"job_id_1": "cancelled"}})
    monkeypatch.setenv("STATS_ADMIN_TOKEN", "a-long-secret")
    assert main(["-a", stub.address, "cancel", "job_id_1"]) == 0
    assert stub.requests[0].headers["Authorization"] == "Bearer a-long-secret"


# Reloading


def test_a_reload_waits_for_the_new_table(address: str, settings: Settings, capsys: Printed) -> None:
    path = Path(str(settings.data))
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), encoding="utf-8")
    assert main(["-a", address, "reload"]) == 0
    assert capsys.readouterr().out == "done: 31 rows read\n"


def test_a_failed_reload_is_reported(address: str, settings: Settings, capsys: Printed) -> None:
    Path(str(settings.data)).unlink()
    assert main(["-a", address, "reload"]) == 1
    assert "error: the reload failed, and the old table stays: " in capsys.readouterr().err


def test_a_reload_in_the_background_is_not_waited_for(stub: StubServer, capsys: Printed) -> None:
    stub.on("POST /api/dataset/reload", RUNNING)
    stub.on("GET /api/dataset", {"status": "done", "data": {"reload": {"status": "running"}}})
    assert main(["-a", stub.address, "reload", "--no-wait"]) == 0
    assert capsys.readouterr().out == "reloading\n"


# Progress


class Terminal(io.StringIO):
    """A text stream that claims to be a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


@pytest.mark.parametrize(("total", "text"), [(3, "2/3"), (None, "0:00:0")])
def test_a_terminal_shows_progress(monkeypatch: pytest.MonkeyPatch, total: int | None, text: str) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", terminal)
    with progress("three requests", total) as done:
        done(2)
    assert "three requests" in terminal.getvalue()
    assert text in terminal.getvalue()


def test_pipes_get_no_progress(capsys: Printed) -> None:
    with progress("three requests", 3) as done:
        done(2)
    assert capsys.readouterr() == ("", "")
