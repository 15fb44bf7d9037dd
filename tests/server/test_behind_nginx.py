"""Behind nginx as deploy/nginx.conf configures it: everything works at / and under /stats/, except for operators."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from health_statistics import Client
from support.nginx import NGINX, NO_NGINX, running_nginx
from support.real_server import RealServer, free_port, running_server

TOKEN = "correct-horse-battery"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SETTINGS = {"STATS_TRUSTED_PROXIES": "127.0.0.1", "STATS_ADMIN_TOKEN": TOKEN}
PAGE = {"Accept": "text/html"}
OPERATOR_ROUTES = [
    ("GET", "/api/graceful_shutdown"),
    ("POST", "/api/graceful_shutdown"),
    ("POST", "/api/graceful_shutdown/"),
    ("POST", "//api/graceful_shutdown"),
    ("POST", "/x/../api/%67raceful_shutdown"),
    ("POST", "/api/dataset/reload"),
    ("POST", "/data/reload"),
    ("DELETE", "/api/jobs/job_id_1"),
    ("POST", "/jobs/job_id_1/cancel"),
    ("GET", "/metrics"),
]

pytestmark = pytest.mark.skipif(NGINX is None, reason=NO_NGINX)
both = pytest.mark.parametrize("prefix", ["", "/stats"])


@pytest.fixture(scope="module")
def server() -> Iterator[RealServer]:
    """A server that trusts nginx and has answered one question."""
    with running_server(SETTINGS) as server:
        requests.post(f"{server.address}/api/best5", json={"question": "Q036"}, timeout=10)
        yield server


@pytest.fixture(scope="module")
def address(server: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of nginx in front of it."""
    with running_nginx(tmp_path_factory.mktemp("nginx"), server.address) as address:
        yield address


def test_the_prefix_alone_is_served_as_the_docs_configure_it(server: RealServer, tmp_path: Path) -> None:
    at_root = "location / {\n            proxy_pass http://health_statistics;"
    with running_nginx(tmp_path, server.address, {at_root: "location / {\n            return 404;"}) as address:
        assert requests.get(f"{address}/", timeout=10).status_code == 404
        assert requests.get(f"{address}/api/num_jobs", timeout=10).status_code == 404
        assert requests.get(f"{address}/stats/api/num_jobs", timeout=10).json() == {"num_jobs": 0}


def split(address: str) -> tuple[str, int]:
    """Return host and port of an address."""
    parts = urlsplit(address)
    return parts.hostname or "", parts.port or 80


def wait_for(condition: Callable[[], bool]) -> None:
    """Check again and again until a condition holds.

    Raises
    ------
    AssertionError: it does not hold after ten seconds
    """
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def assert_error(response: requests.Response, status: int) -> None:
    """Check that a response is an error in the one envelope."""
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    content = response.json()
    assert content.keys() == {"status", "reason"}
    assert content["status"] == "error"


def status(address: str, method: str, target: str) -> int:
    """Send a request with its target as it is, which ``requests`` would normalize; return the status."""
    lines = [f"{method} {target} HTTP/1.0", "Host: localhost", f"Authorization: Bearer {TOKEN}"]
    with socket.create_connection(split(address), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())
        return int(connection.makefile("rb").readline().split()[1])


@both
@pytest.mark.parametrize("page", ["/", "/jobs", "/data", "/docs", "/results/job_id_1"])
def test_pages_and_all_they_link_to_are_served(address: str, prefix: str, page: str) -> None:
    url = f"{address}{prefix}{page}"
    text = requests.get(url, headers=PAGE, timeout=10).text
    links = re.findall(r'(?:href|src)="([^"#][^"]*)"', text)
    linked = {urljoin(url, link.replace("&amp;", "&")) for link in links if not link.startswith("data:")}
    assert len(linked) > 2
    linked.discard("https://data.cdc.gov/d/hn4x-zwk7")  # the only one that leads elsewhere
    assert [link for link in linked if not link.startswith(f"{address}{prefix}/")] == []
    assert [link for link in linked if not requests.get(link, headers=PAGE, timeout=30).ok] == []


@both
def test_a_job_is_submitted_and_followed_by_its_location(address: str, prefix: str) -> None:
    submitted = requests.post(f"{address}{prefix}/api/best5", json={"question": "Q036"}, timeout=10)
    location = submitted.headers["Location"]
    assert location == f"{prefix}/api/get_results/{submitted.json()['job_id']}"
    result = requests.get(f"{address}{location}?wait=10", timeout=20).json()
    assert (result["status"], len(result["data"])) == ("done", 5)


@both
def test_the_form_leads_to_the_page_of_its_answer(address: str, prefix: str) -> None:
    form = {"statistic": "best5", "question": "Q036"}
    headers = {**PAGE, "Origin": address, "Sec-Fetch-Site": "same-origin"}
    answered = requests.post(f"{address}{prefix}/ask", data=form, headers=headers, timeout=20)
    assert re.fullmatch(rf"{re.escape(address)}{prefix}/results/job_id_\d+", answered.url)
    assert answered.ok
    assert f"curl {address}{prefix}/api/best5" in answered.text


@both
def test_the_api_document_names_the_address(address: str, prefix: str) -> None:
    document = requests.get(f"{address}{prefix}/openapi.json", timeout=10).json()
    assert document["servers"] == [{"url": prefix or "/"}]


@both
def test_the_client_works_under_the_address(address: str, prefix: str) -> None:
    with Client(f"{address}{prefix}") as client:
        assert len(client.ask("best5", question="Q036")) == 5


@both
@pytest.mark.parametrize(("method", "path"), OPERATOR_ROUTES)
def test_operators_are_refused_outside_even_with_the_token(address: str, prefix: str, method: str, path: str) -> None:
    assert status(address, method, f"{prefix}{path}") == 403


def test_operators_use_the_server_itself(server: RealServer) -> None:
    reload = f"{server.address}/api/dataset/reload"
    assert requests.post(reload, timeout=10).status_code == 401
    assert requests.post(reload, headers=BEARER, timeout=10).status_code == 200


def test_nobody_forges_an_address_or_a_request_id_in_the_log(address: str, server: RealServer) -> None:
    headers = {"X-Forwarded-For": "192.0.2.7", "X-Request-Id": "forged"}
    request_id = requests.get(f"{address}/healthz", headers=headers, timeout=10).headers["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{32}", request_id)
    wait_for(lambda: f" 127.0.0.1 {request_id}] leave" in server.log_file.read_text())
    log = server.log_file.read_text()
    assert "192.0.2.7" not in log
    assert "forged" not in log


def test_a_body_over_the_limit_is_refused_in_the_envelope(address: str) -> None:
    assert_error(requests.post(f"{address}/api/batch", data=b"x" * 2_000_000, timeout=10), 413)


def test_too_many_requests_of_one_address_are_refused(address: str) -> None:
    body = {"question": "Q036"}
    with ExitStack() as stack:
        for _ in range(65):  # each waits for its body
            connection = stack.enter_context(closing(socket.create_connection(split(address), timeout=10)))
            connection.sendall(b"POST /api/best5 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n")
        wait_for(lambda: requests.post(f"{address}/api/best5", json=body, timeout=10).status_code == 429)
        refused = requests.post(f"{address}/api/best5", json=body, timeout=10)
    assert_error(refused, 429)
    assert refused.headers["Retry-After"] == "1"
    wait_for(lambda: requests.post(f"{address}/api/best5", json=body, timeout=10).status_code == 200)


def test_a_server_that_does_not_answer_is_reported_in_the_envelope(tmp_path: Path) -> None:
    with running_nginx(tmp_path, f"http://127.0.0.1:{free_port()}") as address:
        assert_error(requests.get(f"{address}/healthz", timeout=10), 503)


def test_the_prefix_without_a_slash_leads_to_the_front_page(address: str) -> None:
    moved = requests.get(f"{address}/stats", allow_redirects=False, timeout=10)
    assert (moved.status_code, moved.headers["Location"]) == (301, "/stats/")


@both
def test_events_come_through_at_once(address: str, prefix: str) -> None:
    started = time.monotonic()
    with requests.get(f"{address}{prefix}/api/events?seconds=20", stream=True, timeout=30) as stream:
        assert b"event: queue" in stream.iter_lines(chunk_size=1)
        assert time.monotonic() - started < 10
