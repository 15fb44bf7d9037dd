"""The connection: retries, pauses, addresses, and invalid responses."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from health_statistics import Client, ProtocolError, ResponseError, UnreachableError, UsageError
from health_statistics.connection import parse_address
from support.real_server import free_port
from support.stub_server import Response, StubServer

STATES = {"status": "done", "data": [{"name": "Ohio", "abbreviation": "OH"}]}
BUSY = {"status": "error", "reason": "the queue is full, 9 jobs wait"}

Pauses = list[tuple[float, str]]


def pausing_client(address: str, **options: Any) -> tuple[Client, Pauses]:
    """Return a client that records its pauses and their reasons instead of waiting."""
    pauses: Pauses = []
    return Client(address, pause=lambda seconds, reason: pauses.append((seconds, reason)), **options), pauses


def busy(retry_after: str | None = None) -> Response:
    """Return the response of a busy server."""
    return Response(BUSY, 503, {"Retry-After": retry_after} if retry_after is not None else {})


def test_the_pauses_before_retries_double(stub: StubServer) -> None:
    stub.on("GET /api/states", busy(), busy(), busy(), STATES)
    client, pauses = pausing_client(stub.address)
    with client:
        assert client.states() == STATES["data"]
    assert [seconds for seconds, _ in pauses] == [0.25, 0.5, 1.0]
    assert all(str(BUSY["reason"]) in reason for _, reason in pauses)


def test_retry_after_sets_the_pause(stub: StubServer) -> None:
    in_a_while = datetime.now(UTC) + timedelta(seconds=40)
    stub.on("GET /api/states", busy("7"), busy(format_datetime(in_a_while, usegmt=True)), busy("soon"), STATES)
    client, pauses = pausing_client(stub.address)
    with client:
        client.states()
    seconds = [seconds for seconds, _ in pauses]
    assert (seconds[0], seconds[2]) == (7.0, 1.0)
    assert 30 < seconds[1] <= 40


def test_too_long_a_retry_after_raises(stub: StubServer) -> None:
    stub.on("GET /api/states", busy("3600"))
    client, pauses = pausing_client(stub.address)
    with client, pytest.raises(ResponseError, match="the queue is full") as caught:
        client.states()
    assert caught.value.status == 503
    assert (len(stub.requests), pauses) == (1, [])


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_the_number_of_retries_can_be_set(stub: StubServer, retries: int) -> None:
    stub.on("GET /api/states", busy("1"))
    client, pauses = pausing_client(stub.address, retries=retries)
    with client, pytest.raises(ResponseError, match="the queue is full"):
        client.states()
    assert (len(stub.requests), len(pauses)) == (retries + 1, retries)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 500])
def test_only_a_busy_server_is_retried(stub: StubServer, status: int) -> None:
    stub.on("GET /api/states", Response({"status": "error", "reason": "no such thing"}, status), STATES)
    client, pauses = pausing_client(stub.address)
    with client, pytest.raises(ResponseError) as caught:
        client.states()
    assert (caught.value.reason, caught.value.status, caught.value.exit_code) == ("no such thing", status, 1)
    assert "GET /api/states" in str(caught.value)
    assert pauses == []


@pytest.mark.parametrize("lost", [Response(STATES, cut_off=True), Response(STATES, dropped=True)])
def test_a_lost_response_is_retried(stub: StubServer, lost: Response) -> None:
    stub.on("GET /api/states", lost, lost, STATES)
    client, pauses = pausing_client(stub.address)
    with client:
        assert client.states() == STATES["data"]
    assert [seconds for seconds, _ in pauses] == [0.25, 0.5]


def test_retries_of_a_submission_share_its_idempotency_key(stub: StubServer) -> None:
    stub.on("POST /api/best5", busy("1"), Response({}, dropped=True), {"job_id": "job_id_1"})
    client, _ = pausing_client(stub.address)
    with client:
        assert [client.submit("best5", question="Q036") for _ in range(2)] == ["job_id_1"] * 2
    keys = [request.headers["Idempotency-Key"] for request in stub.requests]
    assert len(keys) == 4
    assert len(set(keys[:3])) == 1
    assert keys[3] != keys[0]


def test_a_refused_connection_is_retried_then_raised() -> None:
    client, pauses = pausing_client(f"http://127.0.0.1:{free_port()}")
    with client, pytest.raises(UnreachableError, match="Connection refused") as caught:
        client.states()
    assert caught.value.exit_code == 3
    assert len(pauses) == 3


@pytest.mark.parametrize(
    "answer",
    [
        Response(b"<h1>Welcome to nginx!</h1>", headers={"Content-Type": "text/html"}),
        Response(b'{"status": "done", "data": ['),
        Response(b""),
        Response([1, 2]),
        Response({"status": "done"}),
        Response(b"[" * 100_000),
    ],
)
def test_the_response_of_another_kind_of_server_raises(stub: StubServer, answer: Response) -> None:
    stub.on("GET /api/states", answer)
    with (
        Client(stub.address) as client,
        pytest.raises(ProtocolError, match="is not a health statistics server") as caught,
    ):
        client.states()
    assert caught.value.exit_code == 4


def test_an_error_without_a_reason_shows_its_status_and_body(stub: StubServer) -> None:
    stub.on("GET /api/states", Response(b"<h1>upstream</h1>", 502, {"Content-Type": "text/html"}))
    with Client(stub.address) as client, pytest.raises(ResponseError, match=r"Bad Gateway.*upstream.*status 502"):
        client.states()


def test_redirects_are_not_followed(stub: StubServer) -> None:
    stub.on("GET /api/states", Response(b"", 301, {"Location": "https://example.org/"}))
    with Client(stub.address) as client, pytest.raises(ProtocolError, match=re.escape("https://example.org/")):
        client.states()
    assert len(stub.requests) == 1


def test_only_operator_routes_get_the_token_even_with_a_netrc_file(
    stub: StubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    stub.on("GET /api/states", STATES)
    stub.on("DELETE /api/jobs/job_id_1", {"status": "done", "data": {"job_id_1": "cancelled"}})
    stub.on("POST /api/graceful_shutdown", {"status": "running"})
    stub.on("POST /api/dataset/reload", {"status": "running"})
    with Client(stub.address, token="a-long-secret") as client:
        client.states()
        assert client.cancel("job_id_1") == "cancelled"
        assert not client.shutdown()
        client.reload()
    assert [request.headers.get("Authorization") for request in stub.requests] == [
        None,
        *["Bearer a-long-secret"] * 3,
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
def test_the_scheme_of_an_address_is_optional(given: str, address: str) -> None:
    assert parse_address(given) == address


@pytest.mark.parametrize("given", ["", "ftp://example.org", "http://", "http://[::1", "host:port", "host:0"])
def test_an_invalid_address_raises(given: str) -> None:
    with pytest.raises(UsageError, match="is not an address; use --address or STATS_URL, such as http:"):
        Client(given)
