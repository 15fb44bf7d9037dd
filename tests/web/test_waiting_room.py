"""The waiting room: when it opens, how it answers, and that it leaves no thread, socket or file behind."""

import base64
import hashlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.wrappers import Response

from app.errors import SettingsError
from app.settings import Settings
from app.startup import listening_socket
from app.table.sources.progress import NOTHING_READ, Progress
from app.web import waiting_room
from app.web.guard import SECURITY_HEADERS
from app.web.waiting_room import LONGEST_RETRY_SECONDS, RETRY_SECONDS, WaitingRoom
from support.described import assert_described, routes_of
from support.real_server import HOST, free_port
from support.small_survey import assert_error

ANSWER_SECONDS = 20.0
HALF_WAY = Progress(12_000_000, 400, 0.4, 11.5)
LATER = Progress(15_000_000, 500, 0.5, 10.0)
HALF_A_HEAD = b"POST /api/best5 HTTP/1.1\r\nHost: 127.0.0.1\r\n"

Listen = Callable[[], socket.socket]
Ask = Callable[..., Any]


@pytest.fixture
def port() -> int:
    """The port that the room opens at."""
    return free_port()


@pytest.fixture
def listen(settings: Settings, port: int) -> Listen:
    """A function that opens that port."""
    chosen = settings.model_copy(update={"host": HOST, "port": port})
    return lambda: listening_socket(chosen)


@pytest.fixture
def room(listen: Listen) -> Iterator[WaitingRoom]:
    """An open room with some loading progress."""
    with WaitingRoom(listen, open_after_seconds=0) as room:
        room.report(HALF_WAY)
        yield room


@pytest.fixture
def ask(room: WaitingRoom, port: int) -> Ask:
    """A function that sends a request to the open room."""
    return lambda path, method="GET", **more: asked(port, path, method, **more)


def asked(port: int, path: str, method: str = "GET", **more: Any) -> Any:
    """Return the response over HTTP, as a test client would."""
    answer = requests.request(method, f"http://{HOST}:{port}{path}", timeout=ANSWER_SECONDS, **more)
    return Response(answer.content, answer.status_code, list(answer.headers.items()))


def connected(port: int) -> socket.socket:
    """Return a connection to the room."""
    return socket.create_connection((HOST, port), ANSWER_SECONDS)


def open_files() -> int:
    """Return how many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def refused(port: int) -> bool:
    """Return whether the port is closed."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) != 0


def test_it_opens_after_a_second_of_loading(listen: Listen, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("app.table.sources.progress.monotonic", lambda: now[0])
    threads = threading.active_count()
    with WaitingRoom(listen) as room:
        now[0] += 0.5
        room.report(NOTHING_READ)
        assert refused(port)
        assert threading.active_count() == threads
        now[0] += 0.5
        room.report(NOTHING_READ)
        assert asked(port, "/healthz").status_code == 200
    assert refused(port)
    assert threading.active_count() == threads


def test_health_is_the_same_as_on_the_server_itself(ask: Ask, client: FlaskClient) -> None:
    answer, usual = ask("/healthz"), client.get("/healthz")
    assert (answer.status_code, answer.data, answer.mimetype) == (200, usual.data, usual.mimetype)
    head = ask("/healthz", "HEAD")
    assert (head.status_code, head.data) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", path) for path in ("/", "/index", "/api/questions", "/api/get_results/job_id_1?wait=5", "/nowhere")),
        *(("POST", path) for path in ("/api/best5", "/api/dataset/reload", "/healthz")),
        ("DELETE", "/api/jobs/job_id_1"),
    ],
)
def test_every_other_route_returns_the_reason_and_retry_after(ask: Ask, method: str, path: str) -> None:
    answer = ask(path, method, json={"question": "Q036"})
    reason = "the table is being read: 12,000,000 rows read, 40% done, 12 s left; ask again"
    assert assert_error(answer, 503) == reason
    assert answer.headers["Retry-After"] == "12"
    assert {(name, answer.headers[name]) for name, _ in SECURITY_HEADERS} == set(SECURITY_HEADERS)


@pytest.mark.parametrize(
    ("seconds_left", "retry_after"), [(None, RETRY_SECONDS), (0.0, 1), (2.1, 3), (3600.0, LONGEST_RETRY_SECONDS)]
)
def test_retry_after_is_the_time_left_within_bounds(
    ask: Ask, room: WaitingRoom, seconds_left: float | None, retry_after: int
) -> None:
    room.report(Progress(1, 1, 0.5, seconds_left))
    assert ask("/api/jobs").headers["Retry-After"] == str(retry_after)


def test_readiness_reports_loading_in_the_same_fields_as_a_reload(
    ask: Ask, room: WaitingRoom, client: FlaskClient
) -> None:
    answer = ask("/readyz")
    load = answer.json["load"]
    document: Any = client.get("/openapi.json").json
    (route,) = [route for route in routes_of(document) if route.path == "/readyz"]
    assert answer.status_code == 503
    assert_described(document, route, answer)
    client.post("/api/dataset/reload")
    dataset: Any = client.get("/api/dataset").json
    assert list(load) == list(dataset["data"]["reload"])
    assert (load["status"], load["ended_at"]) == ("running", None)
    assert load["progress"] == {"rows_read": 12_000_000, "bytes_read": 400, "share": 0.4, "seconds_left": 11.5}
    room.report(LATER)
    later = ask("/readyz").json["load"]
    assert later["progress"]["share"] == 0.5
    assert later["started_at"] == load["started_at"]


def test_a_browser_gets_a_page_that_loads_itself_again(ask: Ask) -> None:
    for path in ("/", "/results/job_id_1"):
        answer = ask(path, headers={"Accept": "text/html,*/*;q=0.8"})
        assert (answer.status_code, answer.mimetype) == (503, "text/html")
        assert int(answer.headers["Retry-After"]) > 0
        text = answer.get_data(as_text=True)
        assert re.search(r'<noscript><meta http-equiv="refresh" content="\d+"></noscript>', text)
        assert str(HALF_WAY) in text
        assert not re.search(r"<style|style=|src=|href=|\son[a-z]+=", text)  # the policy would block it
    assert ask("/readyz", headers={"Accept": "text/html"}).mimetype == "application/json"  # for programs alone


def test_the_policy_of_the_page_allows_its_script_and_requests_to_this_server_alone(ask: Ask) -> None:
    page = ask("/", headers={"Accept": "text/html"})
    (script,) = re.findall("<script>(.*?)</script>", page.get_data(as_text=True), re.DOTALL)
    (policy,) = page.headers.getlist("Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["connect-src"] == "'self'"
    assert {rules[name] for name in rules.keys() - {"script-src", "connect-src"}} == {"'none'"}
    others = set(SECURITY_HEADERS) - {("Content-Security-Policy", dict(SECURITY_HEADERS)["Content-Security-Policy"])}
    assert others <= set(page.headers.items())


def test_malformed_http_is_refused_with_the_error_envelope(room: WaitingRoom, port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"nonsense\x00\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert b'{"status":"error","reason":"the request is malformed"}' in answer
    assert b"<" not in answer


def test_a_port_that_another_process_has_taken_is_reported(listen: Listen) -> None:
    with listen() as taken, WaitingRoom(listen, open_after_seconds=0) as room:
        port = taken.getsockname()[1]
        with pytest.raises(
            SettingsError, match=f"STATS_PORT='{port}': cannot listen on {HOST}: Address already in use"
        ):
            room.report(HALF_WAY)


def test_idle_and_half_finished_clients_do_not_delay_the_end(listen: Listen, port: int) -> None:
    threads, files = set(threading.enumerate()), open_files()
    with ExitStack() as stack:
        with WaitingRoom(listen, open_after_seconds=0) as room:
            room.report(HALF_WAY)
            slow = [stack.enter_context(connected(port)) for _ in range(30)]
            for number, connection in enumerate(slow):
                connection.sendall((b"", HALF_A_HEAD)[number % 2])
            assert asked(port, "/healthz").status_code == 200  # so those before it have been let in
            assert len(set(threading.enumerate()) - threads) > len(slow)
        assert set(threading.enumerate()) <= threads  # one of an earlier test may have ended meanwhile
        assert open_files() <= files + len(slow)
        with listen():
            pass  # the port is free, though these clients have not closed their ends


def test_a_client_that_sent_half_a_body_gets_a_response(room: WaitingRoom, port: int) -> None:
    with connected(port) as connection:
        connection.sendall(HALF_A_HEAD + b"Content-Length: 60000\r\n\r\n{")
        assert connection.recv(100).startswith(b"HTTP/1.1 503 ")


def test_above_the_limit_the_first_clients_are_disconnected(
    room: WaitingRoom, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_room, "MOST_CLIENTS", 3)
    with ExitStack() as stack:
        silent = [stack.enter_context(connected(port)) for _ in range(4)]
        assert silent[0].recv(1) == b""
        assert asked(port, "/healthz").status_code == 200
        for connection in silent[2:]:
            connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


def test_no_request_is_printed_on_the_terminal(ask: Ask, port: int, capfd: pytest.CaptureFixture[str]) -> None:
    for path in ("/healthz", "/readyz", "/nowhere"):
        ask(path)
    with connected(port) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert connection.recv(1)
    assert capfd.readouterr() == ("", "")
