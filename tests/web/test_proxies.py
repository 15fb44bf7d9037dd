"""Behind a reverse proxy: its headers are believed, those of anybody else are not, and operators need the token."""

import logging
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from app.settings import Settings
from support.small_survey import OBESITY, assert_error

PROXY, STRANGER = "10.0.0.5", "192.0.2.7"
TOKEN = "correct-horse-battery"
FORWARDED = {
    "X-Forwarded-For": "198.51.100.9",
    "X-Forwarded-Host": "stats.example",
    "X-Forwarded-Prefix": "/stats",
    "X-Forwarded-Proto": "https",
}
PAGE = {"Accept": "text/html"}
PAGES = ["/", "/jobs", "/data", "/docs", "/results/job_id_1", "/results/job_id_99"]
BAD_PREFIXES = ["//evil.example", "https://evil.example", "/a b", '/"><script>', "/\u00e9", "stats"]


@pytest.fixture
def client(start_app: Callable[[Settings], Flask], settings: Settings) -> FlaskClient:
    """A client of a server behind proxies in one network, known by a name of its own."""
    proxies = {"trusted_proxies": (ip_network("10.0.0.0/24"),), "allowed_hosts": ("stats.example",)}
    client = start_app(settings.model_copy(update=proxies)).test_client()
    client.environ_base["REMOTE_ADDR"] = PROXY
    return client


def openapi_address(client: FlaskClient, headers: Mapping[str, str], **environ: str) -> str:
    """Return the address of the server as its API document has it."""
    document: Any = client.get("/openapi.json", headers=headers, environ_base=environ).json
    return str(document["servers"][0]["url"])


@pytest.mark.parametrize("path", PAGES)
def test_every_address_in_a_page_has_the_prefix(client: FlaskClient, path: str) -> None:
    client.post("/api/best5", json={"question": OBESITY})
    text = client.get(path, headers={**FORWARDED, **PAGE}).text
    addresses = re.findall(r'(?:href|src|srcset|action|data-address|data-document|data-script)="([^"]+)"', text)
    local = [address for address in addresses if not address.startswith(("#", "data:"))]
    assert len(local) > 2
    assert [address for address in local if not address.startswith("/stats/")] == []


def test_the_links_of_a_page_lead_back_to_the_server(client: FlaskClient) -> None:
    text = client.get("/", headers={**FORWARDED, **PAGE}).text
    addresses = re.findall(r'(?:href|src)="(/stats/[^"]*)"', text)
    statuses = {
        address: client.get(address.removeprefix("/stats").replace("&amp;", "&"), headers={**FORWARDED, **PAGE}).status
        for address in addresses
    }
    assert set(statuses.values()) == {"200 OK"}, statuses


def test_a_submission_is_located_under_the_prefix(client: FlaskClient) -> None:
    answer = client.post("/api/best5", json={"question": OBESITY}, headers=FORWARDED)
    assert answer.headers["Location"] == "/stats/api/get_results/job_id_1"


def test_the_form_redirects_under_the_prefix(client: FlaskClient) -> None:
    form = {"statistic": "best5", "question": OBESITY}
    answer = client.post("/ask", data=form, headers={**FORWARDED, **PAGE, "Origin": "https://stats.example"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/stats/results/job_id_1")


def test_the_commands_of_an_answer_name_the_address_outside(client: FlaskClient) -> None:
    client.post("/api/best5", json={"question": OBESITY})
    text = client.get("/results/job_id_1", headers={**FORWARDED, **PAGE}).text
    assert "curl https://stats.example/stats/api/best5" in text


@pytest.mark.parametrize(("prefix", "address"), [("/stats", "/stats"), ("/a/b/", "/a/b"), ("/", "/"), ("", "/")])
def test_the_api_document_names_the_prefix(client: FlaskClient, prefix: str, address: str) -> None:
    assert openapi_address(client, {"X-Forwarded-Prefix": prefix}) == address


@pytest.mark.parametrize("prefix", BAD_PREFIXES)
def test_a_prefix_that_would_lead_elsewhere_is_ignored(client: FlaskClient, prefix: str) -> None:
    assert openapi_address(client, {"X-Forwarded-Prefix": prefix}) == "/"


@pytest.mark.parametrize("address", [STRANGER, "127.0.0.1", "::ffff:192.0.2.7", ""])
def test_nobody_but_a_trusted_proxy_is_believed(client: FlaskClient, settings: Settings, address: str) -> None:
    assert openapi_address(client, FORWARDED, REMOTE_ADDR=address) == "/"
    assert FORWARDED["X-Forwarded-For"] not in settings.log_file.read_text()


def test_an_ipv4_proxy_that_connects_over_ipv6_is_trusted(client: FlaskClient) -> None:
    assert openapi_address(client, FORWARDED, REMOTE_ADDR=f"::ffff:{PROXY}") == "/stats"


def test_without_the_setting_no_header_is_believed(app: Flask) -> None:
    client = app.test_client()
    assert openapi_address(client, FORWARDED) == "/"
    answer = client.post("/api/best5", json={"question": OBESITY}, headers=FORWARDED)
    assert answer.headers["Location"] == "/api/get_results/job_id_1"


@pytest.mark.parametrize("forwarded_for", ["127.0.0.1", "::1", "198.51.100.9, 127.0.0.1", None])
@pytest.mark.parametrize("peer", [PROXY, "127.0.0.1"])
def test_without_a_token_nobody_is_an_operator(client: FlaskClient, forwarded_for: str | None, peer: str) -> None:
    headers = {"X-Forwarded-For": forwarded_for} if forwarded_for else {}
    answer = client.get("/api/graceful_shutdown", headers=headers, environ_base={"REMOTE_ADDR": peer})
    assert "STATS_ADMIN_TOKEN" in assert_error(answer, 403)


def test_with_the_token_an_operator_is_served_through_the_proxy(
    start_app: Callable[[Settings], Flask], settings: Settings
) -> None:
    update = {"trusted_proxies": (ip_network(PROXY),), "admin_token": SecretStr(TOKEN)}
    client = start_app(settings.model_copy(update=update)).test_client()
    client.environ_base["REMOTE_ADDR"] = PROXY
    headers = {"X-Forwarded-For": STRANGER}
    assert_error(client.post("/api/dataset/reload", headers=headers), 401)
    allowed = client.post("/api/dataset/reload", headers={**headers, "Authorization": f"Bearer {TOKEN}"})
    assert allowed.status_code == 200


def written(client: FlaskClient, settings: Settings) -> list[str]:
    """Close the server and return the lines of its log."""
    client.application.extensions["services"].close()
    return settings.log_file.read_text().splitlines()


def test_every_line_of_a_request_has_the_client_and_the_id_of_the_proxy(
    client: FlaskClient, settings: Settings
) -> None:
    headers = {**FORWARDED, "X-Request-Id": "id-of-nginx"}
    answer = client.post("/api/best5", json={"question": OBESITY}, headers=headers)
    assert answer.headers.getlist("X-Request-Id") == ["id-of-nginx"]
    client.get("/api/get_results/job_id_1?wait=10")
    of_request = [line for line in written(client, settings) if "198.51.100.9 id-of-nginx]" in line]
    assert [line.split("] ")[1].split()[0] for line in of_request] == ["enter", "job_id_1", "leave"]


@pytest.mark.parametrize("value", ["x" * 129, "a b", "a]b", "\u00e9", ""])
def test_an_id_that_could_disguise_a_line_is_replaced(client: FlaskClient, value: str) -> None:
    sent_back = client.get("/healthz", headers={"X-Request-Id": value}).headers["X-Request-Id"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]+", sent_back)


def test_a_stranger_cannot_choose_the_id(client: FlaskClient, settings: Settings) -> None:
    answers = [
        client.get("/healthz", headers={"X-Request-Id": "mine"}, environ_base={"REMOTE_ADDR": STRANGER})
        for _ in range(2)
    ]
    first, second = (answer.headers["X-Request-Id"] for answer in answers)
    assert len({first, second, "mine"}) == 3
    lines = written(client, settings)
    assert [sum(f"{STRANGER} {id}]" in line for line in lines) for id in (first, second)] == [2, 2]


def test_a_line_after_a_request_is_not_of_it(client: FlaskClient, settings: Settings) -> None:
    client.get("/healthz")
    logging.getLogger("app").info("afterwards")
    assert [line for line in written(client, settings) if line.endswith("[MainThread] afterwards")]
