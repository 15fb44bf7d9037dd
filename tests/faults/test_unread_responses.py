"""Long responses that clients do not read: bounded in bytes for all and for each client, and short ones go on."""

import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from support.raw_http import get_bytes
from support.real_server import HOST, RealServer, running_server

MIB = 1024 * 1024
WIDE = {"question": "Q036", "by": ["location", "year", "category", "stratum"]}
READERS = 60
RECEIVED_BYTES = 4096
TIMEOUT_SECONDS = 40.0
NO_CACHE = {"STATS_CACHE_MIB": "1"}  # long documents are not kept, so each response holds a copy of its own
BOUND = {"STATS_UNREAD_MIB": "8"}
ALONE, OTHER = "127.0.1.1", "127.0.1.2"  # addresses of clients


@contextmanager
def clients_that_read_nothing(
    server: RealServer, path: str, number: int, source: str = ALONE
) -> Iterator[Counter[int]]:
    """Let clients request a path and read only the status, until the block ends; give how many got which."""
    statuses: Counter[int] = Counter()
    with ExitStack() as stack:
        for _ in range(number):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_BYTES)
            connection.settimeout(TIMEOUT_SECONDS)
            connection.bind((source, 0))
            connection.connect((HOST, int(server.address.rpartition(":")[2])))
            connection.sendall(get_bytes(path))
            statuses[int(connection.recv(12).split()[1])] += 1
        yield statuses


def long_result(server: RealServer) -> tuple[str, int]:
    """Return the path of a long result, and its bytes."""
    response = requests.post(f"{server.address}/api/estimate", json=WIDE, headers={"Prefer": "wait=30"}, timeout=40)
    assert response.json()["status"] == "done"
    return f"/api/get_results/{response.json()['job_id']}", len(response.content)


def get(server: RealServer, path: str) -> requests.Response:
    """Return the response to a GET request, uncompressed: a compressed one may be short."""
    return requests.get(server.address + path, headers={"Accept-Encoding": "identity"}, timeout=TIMEOUT_SECONDS)


def assert_served_again(server: RealServer, path: str) -> None:
    """Check that a long response is served soon, now that the clients have left."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while get(server, path).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("path", ["{}", "/api/get_results?ids=job_id_1,job_id_1,job_id_1"])
def test_responses_beyond_the_bound_are_refused_until_clients_leave(path: str) -> None:
    with running_server({**NO_CACHE, **BOUND, "STATS_CLIENT_SHARE": "1"}) as server:
        result, size = long_result(server)
        with clients_that_read_nothing(server, path.format(result), READERS) as statuses:
            refused = get(server, path.format(result))
            assert refused.status_code == 503
            assert refused.headers["Retry-After"] == "5"
            assert refused.json()["status"] == "error"
            assert "ETag" not in refused.headers
            assert get(server, "/api/num_jobs").json() == {"num_jobs": 0}
        print(f"\n{statuses[200]} of {READERS} unread responses of {size / MIB:.2f} MiB were let through")
        assert statuses.keys() == {200, 503}
        assert_served_again(server, result)


def test_one_client_takes_up_no_more_than_its_share() -> None:
    with running_server({**NO_CACHE, **BOUND}) as server:
        result, size = long_result(server)
        with (
            clients_that_read_nothing(server, result, READERS) as first,
            clients_that_read_nothing(server, result, 2, OTHER) as other,
        ):
            assert other == {200: 2}
        assert first[200] * size <= 4 * MIB
        assert first[503] == READERS - first[200]


def test_a_document_that_is_shared_counts_once() -> None:
    with running_server(BOUND) as server:
        result, _ = long_result(server)
        get(server, result)
        with clients_that_read_nothing(server, result, READERS) as statuses:
            assert statuses == {200: READERS}


def test_a_submission_that_waits_gets_its_id_when_there_is_no_room_for_the_result() -> None:
    with running_server({**NO_CACHE, **BOUND, "STATS_CLIENT_SHARE": "1"}) as server:
        result, _ = long_result(server)
        prefer = {"Prefer": "wait=30", "Accept-Encoding": "identity"}
        with clients_that_read_nothing(server, result, READERS):
            response = requests.post(f"{server.address}/api/estimate", json=WIDE, headers=prefer, timeout=40)
        assert response.status_code == 200
        assert response.json() == {"job_id": "job_id_2"}
        assert "Preference-Applied" not in response.headers
        assert Path(server.results_dir / "job_id_2.json").exists()
