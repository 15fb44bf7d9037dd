"""The client's connection: what is tried again and when, and what is told of answers that are none."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from app.client import AnswerError, BrokenAnswerError, Client, UnreachableError, UsageError
from app.client.connection import base_address
from support.real_server import free_port
from support.stub_server import Answer, StubServer

STATES = {"status": "done", "data": [{"name": "Ohio", "abbreviation": "OH"}]}
BUSY = {"status": "error", "reason": "the queue is full, 9 jobs wait"}

Pauses = list[tuple[float, str]]


def pausing_client(address: str, **options: Any) -> tuple[Client, Pauses]:
    """Return a client that does not wait, and the pauses that it would have made, with their reasons."""
    pauses: Pauses = []
    return Client(address, pause=lambda seconds, reason: pauses.append((seconds, reason)), **options), pauses


def busy(retry_after: str | None = None) -> Answer:
    """Return an answer of a server that has no room now."""
    return Answer(BUSY, 503, {"Retry-After": retry_after} if retry_after is not None else {})


def test_a_busy_server_is_asked_again_after_pauses_that_double(stub: StubServer) -> None:
    stub.on("GET /api/states", busy(), busy(), busy(), STATES)
    client, pauses = pausing_client(stub.address)
    with client:
        assert client.states() == STATES["data"]
    assert [seconds for seconds, _ in pauses] == [0.25, 0.5, 1.0]
    assert all(str(BUSY["reason"]) in reason for _, reason in pauses)


def test_the_time_that_the_server_asks_for_is_waited(stub: StubServer) -> None:
    in_a_while = datetime.now(UTC) + timedelta(seconds=40)
    stub.on("GET /api/states", busy("7"), busy(format_datetime(in_a_while, usegmt=True)), busy("soon"), STATES)
    client, pauses = pausing_client(stub.address)
    with client:
        client.states()
    seconds = [seconds for seconds, _ in pauses]
    assert (seconds[0], seconds[2]) == (7.0, 1.0)
    assert 30 < seconds[1] <= 40


def test_a_time_that_is_too_long_is_not_waited(stub: StubServer) -> None:
    stub.on("GET /api/states", busy("3600"))
    client, pauses = pausing_client(stub.address)
    with client, pytest.raises(AnswerError, match="the queue is full") as caught:
        client.states()
    assert caught.value.status == 503
    assert (len(stub.asked), pauses) == (1, [])


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_server_that_stays_busy_is_asked_as_often_as_was_chosen(stub: StubServer, retries: int) -> None:
    stub.on("GET /api/states", busy("1"))
    client, pauses = pausing_client(stub.address, retries=retries)
    with client, pytest.raises(AnswerError, match="the queue is full"):
        client.states()
    assert (len(stub.asked), len(pauses)) == (retries + 1, retries)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 500])
def test_an_error_that_stays_one_is_not_tried_again(stub: StubServer, status: int) -> None:
    stub.on("GET /api/states", Answer({"status": "error", "reason": "no such thing"}, status), STATES)
    client, pauses = pausing_client(stub.address)
    with client, pytest.raises(AnswerError) as caught:
        client.states()
    assert (caught.value.reason, caught.value.status, caught.value.exit_code) == ("no such thing", status, 1)
    assert "GET /api/states" in str(caught.value)
    assert pauses == []


@pytest.mark.parametrize("lost", [Answer(STATES, cut_off=True), Answer(STATES, unanswered=True)])
def test_an_answer_that_breaks_off_is_asked_for_again(stub: StubServer, lost: Answer) -> None:
    stub.on("GET /api/states", lost, lost, STATES)
    client, pauses = pausing_client(stub.address)
    with client:
        assert client.states() == STATES["data"]
    assert [seconds for seconds, _ in pauses] == [0.25, 0.5]


def test_a_submission_that_is_sent_again_has_the_same_key_and_the_next_one_another(stub: StubServer) -> None:
    stub.on("POST /api/best5", busy("1"), Answer({}, unanswered=True), {"job_id": "job_id_1"})
    client, _ = pausing_client(stub.address)
    with client:
        assert [client.submit("best5", question="Q036") for _ in range(2)] == ["job_id_1"] * 2
    keys = [asked.headers["Idempotency-Key"] for asked in stub.asked]
    assert len(keys) == 4
    assert len(set(keys[:3])) == 1
    assert keys[3] != keys[0]


def test_where_nobody_listens_it_is_tried_again_and_told() -> None:
    client, pauses = pausing_client(f"http://127.0.0.1:{free_port()}")
    with client, pytest.raises(UnreachableError, match="Connection refused") as caught:
        client.states()
    assert caught.value.exit_code == 3
    assert len(pauses) == 3


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"<h1>Welcome to nginx!</h1>", headers={"Content-Type": "text/html"}),
        Answer(b'{"status": "done", "data": ['),
        Answer(b""),
        Answer([1, 2]),
        Answer({"status": "done"}),
    ],
)
def test_what_is_not_this_kind_of_server_is_told(stub: StubServer, answer: Answer) -> None:
    stub.on("GET /api/states", answer)
    with Client(stub.address) as client, pytest.raises(BrokenAnswerError, match="is not the health statistics") as told:
        client.states()
    assert told.value.exit_code == 4


def test_an_error_without_a_reason_is_told_by_its_status(stub: StubServer) -> None:
    stub.on("GET /api/states", Answer(b"<h1>upstream</h1>", 502, {"Content-Type": "text/html"}))
    with Client(stub.address) as client, pytest.raises(AnswerError, match=r"Bad Gateway.*upstream.*status 502"):
        client.states()


def test_a_redirection_is_told_rather_than_followed(stub: StubServer) -> None:
    stub.on("GET /api/states", Answer(b"", 301, {"Location": "https://example.org/"}))
    with Client(stub.address) as client, pytest.raises(BrokenAnswerError, match=re.escape("https://example.org/")):
        client.states()
    assert len(stub.asked) == 1


def test_the_token_goes_to_operators_routes_alone_and_before_a_netrc_file(
    stub: StubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    stub.on("GET /api/states", STATES)
    stub.on("DELETE /api/jobs/job_id_1", {"status": "done", "data": {"job_id_1": "cancelled"}})
    stub.on("POST /api/graceful_shutdown", {"status": "running"})
    with Client(stub.address, token="a-long-secret") as client:
        client.states()
        assert client.cancel("job_id_1") == "cancelled"
        assert not client.shutdown()
    assert [asked.headers.get("Authorization") for asked in stub.asked] == [
        None,
        "Bearer a-long-secret",
        "Bearer a-long-secret",
    ]


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("localhost:5000", "http://localhost:5000"),
        ("http://127.0.0.1:5000/", "http://127.0.0.1:5000"),
        ("https://example.org/stats/", "https://example.org/stats"),
        ("[::1]:5000", "http://[::1]:5000"),
    ],
)
def test_addresses_are_taken_with_and_without_scheme(given: str, address: str) -> None:
    assert base_address(given) == address


@pytest.mark.parametrize("given", ["", "ftp://example.org", "http://", "http://[::1", "host:port", "host:0"])
def test_what_is_no_address_is_told_before_anything_is_sent(given: str) -> None:
    with pytest.raises(UsageError, match="no address; give one such as http:"):
        Client(given)
