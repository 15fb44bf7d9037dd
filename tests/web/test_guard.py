"""Access control: operators, pages of other sites, and the security headers of every response."""

import hmac
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from app.data_ingestor import DataIngestor
from app.errors import LONGEST_QUOTE_CHARS
from app.settings import Settings, settings_from_environment
from app.web.guard import SECURITY_HEADERS
from support.small_survey import OBESITY, assert_error

Start = Callable[[Settings], Flask]
Headers = Mapping[str, str]

TOKEN = "correct-horse-battery"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ELSEWHERE = "192.0.2.7"
FRIEND = "https://friend.example"
OWN_ORIGIN = "http://localhost"


class Route(NamedTuple):
    """A route that changes something, and the status of its answer to who may call it."""

    method: str
    path: str
    allowed: int


SHUTTING_DOWN = Route("GET", "/api/graceful_shutdown", 200)
RELOADING = Route("POST", "/api/dataset/reload", 200)
PROTECTED = [
    SHUTTING_DOWN,
    Route("POST", "/api/graceful_shutdown", 200),
    RELOADING,
    Route("DELETE", "/api/jobs/job_id_99", 404),
    Route("DELETE", "/api/tables/0123456789", 404),
]
SUBMITTING = Route("POST", "/api/global_mean", 200)
CHANGING = [SUBMITTING, Route("POST", "/api/states_mean", 200), *PROTECTED]
READING = [
    "/",
    "/api/jobs",
    "/api/num_jobs",
    "/api/questions",
    "/api/states",
    "/api/dataset",
    "/api/tables",
    "/healthz",
    "/metrics",
]
OTHER_SITES: list[Headers] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://localhost:8080"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://evil.example#localhost"},
    {"Origin": "http://localhost@evil.example"},
    {"Origin": "http://\u00e9"},
    {"Origin": "http://["},
    {"Origin": "http://[localhost]"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none of the known"},
    {"Origin": OWN_ORIGIN, "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
]
OWN = {"Origin": OWN_ORIGIN}
OWN_PAGES: list[Headers] = [{}, OWN, {**OWN, "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]

as_guarded = pytest.mark.parametrize("route", PROTECTED, ids=str)
as_changing = pytest.mark.parametrize("route", CHANGING, ids=str)


def call(client: FlaskClient, route: Route, headers: Headers | None = None, **environ: str) -> Any:
    """Send a request; a submission carries a question."""
    body = {"question": OBESITY} if route.path.endswith("_mean") else None
    return client.open(route.path, method=route.method, json=body, headers=headers, environ_base=environ)


def client_with(start_app: Start, settings: Settings, **changes: Any) -> FlaskClient:
    """Return a client of an application with other settings."""
    return start_app(settings.model_copy(update=changes)).test_client()


@pytest.fixture(autouse=True)
def no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reloads are accepted, but read no table, which would start a process each."""
    monkeypatch.setattr(DataIngestor, "reload", lambda _ingestor: True)


@pytest.fixture
def with_token(start_app: Start, settings: Settings) -> FlaskClient:
    """A client of an application that has a token."""
    return client_with(start_app, settings, admin_token=SecretStr(TOKEN))


# Operators


@as_guarded
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"])
def test_without_a_token_this_machine_is_allowed(client: FlaskClient, route: Route, address: str) -> None:
    assert call(client, route, REMOTE_ADDR=address).status_code == route.allowed


@as_guarded
@pytest.mark.parametrize("address", [ELSEWHERE, "2001:db8::7", "::ffff:192.0.2.7", "0.0.0.0", "nonsense", ""])  # noqa: S104
def test_without_a_token_no_other_machine_is_allowed(client: FlaskClient, route: Route, address: str) -> None:
    reason = assert_error(call(client, route, BEARER, REMOTE_ADDR=address), 403)
    assert "STATS_ADMIN_TOKEN" in reason
    assert call(client, SUBMITTING, REMOTE_ADDR=address).status_code == 200
    assert call(client, route).status_code == route.allowed


@as_guarded
@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Via"])
@pytest.mark.parametrize("value", ["127.0.0.1", "for=127.0.0.1", ""])
def test_without_a_token_proxied_requests_are_refused(client: FlaskClient, route: Route, name: str, value: str) -> None:
    assert_error(call(client, route, {name: value}), 403)
    assert call(client, route).status_code == route.allowed


@as_guarded
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "stats.lan"])  # noqa: S104
def test_without_a_token_a_server_that_others_reach_has_no_operators(
    start_app: Start, settings: Settings, route: Route, host: str
) -> None:
    client = client_with(start_app, settings, host=host)
    assert "STATS_ADMIN_TOKEN" in assert_error(call(client, route), 403)
    assert call(client, SUBMITTING).status_code == 200


@as_guarded
@pytest.mark.parametrize("host", ["stats.example", "192.0.2.1:5000", "[2001:db8::1]"])
def test_without_a_token_operators_use_a_loopback_host(
    start_app: Start, settings: Settings, route: Route, host: str
) -> None:
    client = client_with(start_app, settings, allowed_hosts=("stats.example",))
    assert "localhost" in assert_error(call(client, route, {"Host": host}), 403)
    for own in ("localhost:5000", "127.0.0.1:5000", "[::1]:5000"):
        assert call(client, RELOADING, {"Host": own}).status_code == 200


@as_guarded
def test_without_a_token_a_browser_has_to_say_which_site_its_page_belongs_to(client: FlaskClient, route: Route) -> None:
    browser = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Old/1.0"}
    assert "which site" in assert_error(call(client, route, browser), 403)
    assert call(client, RELOADING, {**browser, "Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert call(client, RELOADING, {**browser, "Origin": OWN_ORIGIN}).status_code == 200
    assert call(client, SUBMITTING, browser).status_code == 200


@as_guarded
@pytest.mark.parametrize("address", ["127.0.0.1", ELSEWHERE])
def test_with_a_token_only_requests_that_carry_it_are_allowed(
    with_token: FlaskClient, route: Route, address: str
) -> None:
    missing = call(with_token, route, REMOTE_ADDR=address)
    assert_error(missing, 401)
    assert missing.headers["WWW-Authenticate"] == "Bearer"
    assert_error(call(with_token, route, {"Authorization": "Bearer wrong-token"}, REMOTE_ADDR=address), 403)
    assert call(with_token, SUBMITTING).status_code == 200  # not shut down by what was refused
    proxied = {**BEARER, "X-Forwarded-For": ELSEWHERE}
    assert call(with_token, route, proxied, REMOTE_ADDR=address).status_code == route.allowed


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"bearer {TOKEN}", 200),
        (f"BEARER  {TOKEN} ", 200),
        ("", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        (TOKEN, 401),
        (f"Basic {TOKEN}", 401),
        (f"Bearer{TOKEN}", 401),
        (f"Bearer:{TOKEN}", 401),
        (f"Bearer {TOKEN[:-1]}", 403),
        (f"Bearer {TOKEN}x", 403),
        (f"Bearer {TOKEN.upper()}", 403),
        (f"Bearer {TOKEN}, Bearer {TOKEN}", 403),
        ("Bearer \u00e9\u00ff", 403),
        ("B\u00e9arer x", 401),
        ("Bearer " + "x" * 100_000, 403),
    ],
)
def test_scheme_and_token_decide(with_token: FlaskClient, authorization: str, status: int) -> None:
    answer = call(with_token, RELOADING, {"Authorization": authorization})
    assert answer.status_code == status
    assert TOKEN not in answer.text


def test_neither_token_nor_guess_is_logged_or_returned(start_app: Start, settings: Settings) -> None:
    app = start_app(settings.model_copy(update={"admin_token": SecretStr(TOKEN)}))
    client, guess = app.test_client(), "wrong-horse-battery"
    tried = [f"Bearer {TOKEN}", f"Bearer {guess}", f"Basic {guess}", f"Bearer {guess} {TOKEN}", TOKEN]
    bodies = [
        call(client, route, {"Authorization": text}).get_data(as_text=True) for text in tried for route in PROTECTED
    ]
    app.extensions["services"].close()
    log = settings.log_file.read_text()
    assert log.count("enter POST /api/dataset/reload") == len(tried)
    for secret in (TOKEN, guess):
        assert secret not in log
        assert secret not in "".join(bodies)
        assert secret not in repr(app.extensions["services"].settings)


def test_a_wrong_token_is_logged_with_the_address_of_the_client(start_app: Start, settings: Settings) -> None:
    app = start_app(settings.model_copy(update={"admin_token": SecretStr(TOKEN)}))
    call(app.test_client(), RELOADING, {"Authorization": "Bearer wrong-horse"}, REMOTE_ADDR=ELSEWHERE)
    app.extensions["services"].close()
    warnings = [line for line in settings.log_file.read_text().splitlines() if " WARNING " in line]
    assert [line.split("] ")[1] for line in warnings] == [
        f"a wrong token for POST /api/dataset/reload came from {ELSEWHERE}"
    ]


def test_tokens_are_compared_in_constant_time(with_token: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[object, object]] = []

    def compare(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return True

    monkeypatch.setattr(hmac, "compare_digest", compare)
    answer = call(with_token, RELOADING, {"Authorization": "Bearer guess"})
    assert compared == [(b"guess", TOKEN.encode())]
    assert answer.status_code == 200  # what the comparison says decides, and nothing else


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("origins", [(), (FRIEND,)], ids=["alone", "with an allowed origin"])
def test_a_safe_method_changes_nothing(
    start_app: Start, settings: Settings, method: str, origins: tuple[str, ...]
) -> None:
    client = client_with(start_app, settings, allowed_origins=origins)
    job_id = client.post("/api/global_mean", json={"question": OBESITY}).get_json()["job_id"]
    client.get(f"/api/get_results/{job_id}?wait=10")
    for path in ("/api/graceful_shutdown", "/api/dataset/reload", f"/api/jobs/{job_id}", "/api/global_mean", "/ask"):
        answer = client.open(path, method=method)
        reads = (method == "HEAD" and path.endswith(job_id)) or (method == "OPTIONS" and bool(origins))
        assert answer.status_code == (200 if reads else 405), path
        assert "HEAD" not in answer.headers.get("Allow", "") or not path.endswith("shutdown")
    assert client.get("/readyz").get_json() == {"status": "done"}
    assert client.get("/api/jobs").get_json()["data"] == [{job_id: "done"}]
    assert client.get("/metrics").text.count("stats_jobs_accepted_total{") == 1


# Pages of other sites


@as_changing
@pytest.mark.parametrize("headers", OTHER_SITES, ids=str)
def test_a_page_of_another_site_changes_nothing(client: FlaskClient, route: Route, headers: Headers) -> None:
    assert_error(call(client, route, headers), 403)
    assert client.get("/api/jobs").json == {"status": "done", "data": []}
    assert call(client, route).status_code == route.allowed  # nothing was shut down either


@as_changing
@pytest.mark.parametrize("headers", OWN_PAGES, ids=str)
def test_the_servers_own_pages_and_programs_are_allowed(client: FlaskClient, route: Route, headers: Headers) -> None:
    assert call(client, route, headers).status_code == route.allowed


def test_a_token_does_not_open_the_server_to_other_sites(with_token: FlaskClient) -> None:
    assert_error(call(with_token, SHUTTING_DOWN, {**BEARER, "Sec-Fetch-Site": "cross-site"}), 403)
    assert_error(call(with_token, SHUTTING_DOWN, {**BEARER, "Host": "evil.example"}), 403)


def test_a_long_origin_is_cut_off_in_the_reason(client: FlaskClient) -> None:
    origin = "https://" + "e" * 10_000
    assert len(assert_error(call(client, SUBMITTING, {"Origin": origin}), 403)) < LONGEST_QUOTE_CHARS * 2


@as_changing
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:5000", "localhost.evil.example", "[::1", "a b", "\u00e9"]
)
def test_a_foreign_host_name_that_points_here_changes_nothing(client: FlaskClient, route: Route, host: str) -> None:
    for headers in ({"Host": host}, {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}):
        assert_error(call(client, route, headers), 403)
    assert call(client, route).status_code == route.allowed


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1:5000", "192.0.2.1:5000", "[::1]", "[::1]:5000", "[2001:db8::1]:5000"),
        *("localhost", "LocalHost:5000", "localhost.", "stats.lan", "stats.lan:5000", "Stats.LAN"),
        *("www.stats.example", "WWW.Stats.example:443", "second.example"),
    ],
)
def test_the_servers_own_host_names_are_allowed(start_app: Start, settings: Settings, host: str) -> None:
    names = {"STATS_HOST": "Stats.lan", "STATS_ALLOWED_HOSTS": "WWW.stats.example, second.example"}
    read = settings_from_environment(names)
    client = client_with(start_app, settings, host=read.host, allowed_hosts=read.allowed_hosts)
    assert call(client, SUBMITTING, {"Host": host, "Origin": f"http://{host}"}).status_code == 200
    assert_error(call(client, SUBMITTING, {"Host": "third.example"}), 403)


@pytest.mark.parametrize("path", [*READING, "/jobs", "/docs", "/openapi.json", "/no/such/route"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:5000", "localhost.evil.example"])
def test_nothing_is_read_under_a_foreign_host_name(client: FlaskClient, path: str, host: str) -> None:
    assert "STATS_ALLOWED_HOSTS" in assert_error(client.get(path, headers={"Host": host}), 403)
    assert client.head(path, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("path", READING)
@pytest.mark.parametrize("headers", OTHER_SITES, ids=str)
def test_reading_routes_ignore_the_origin(client: FlaskClient, path: str, headers: Headers) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


# Other sites that a setting lets in


@pytest.mark.parametrize("friend", [FRIEND, "http://friend.example:8080", "http://[2001:db8::7]:8080"])
def test_an_allowed_origin_may_submit_and_read(start_app: Start, settings: Settings, friend: str) -> None:
    client = client_with(start_app, settings, allowed_origins=("https://first.example", friend))
    headers = {"Origin": friend, "Sec-Fetch-Site": "cross-site"}
    submitted = call(client, SUBMITTING, headers)
    assert submitted.status_code == 200
    assert submitted.headers["Access-Control-Allow-Origin"] == friend
    assert "Location" in submitted.headers["Access-Control-Expose-Headers"]
    read = client.get(submitted.headers["Location"], headers=headers)
    assert read.headers["Access-Control-Allow-Origin"] == friend
    asking = {**headers, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = client.options("/api/global_mean", headers=asking)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == friend
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Headers"] == "content-type"


@as_guarded
@pytest.mark.parametrize("token", [None, SecretStr(TOKEN)], ids=["without a token", "with the token"])
def test_an_allowed_origin_is_never_an_operator(
    start_app: Start, settings: Settings, route: Route, token: SecretStr | None
) -> None:
    client = client_with(start_app, settings, allowed_origins=(FRIEND,), admin_token=token)
    headers = {**BEARER, "Origin": FRIEND, "Sec-Fetch-Site": "cross-site"}
    assert "no setting makes it an operator" in assert_error(call(client, route, headers), 403)
    assert call(client, SUBMITTING, headers).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", f"{FRIEND}.evil.example", "http://friend.example", "null"])
def test_other_origins_stay_refused(start_app: Start, settings: Settings, origin: str) -> None:
    client = client_with(start_app, settings, allowed_origins=(FRIEND,))
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    refused = call(client, SUBMITTING, headers)
    assert_error(refused, 403)
    for answer in (refused, client.get("/api/jobs", headers=headers), client.options("/api/jobs", headers=headers)):
        assert "Access-Control-Allow-Origin" not in answer.headers


@as_changing
def test_without_the_setting_no_origin_is_allowed(client: FlaskClient, route: Route) -> None:
    asking = {"Origin": FRIEND, "Access-Control-Request-Method": route.method}
    preflight = client.options(route.path, headers=asking)
    for answer in (preflight, call(client, route, asking), call(client, route, {"Origin": OWN_ORIGIN})):
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
    assert_error(preflight, 405)


@pytest.mark.parametrize("path", ["/api/jobs", "/", "/x", "/api/global_mean", "/api/num_jobs"])
def test_every_response_has_the_security_headers(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.delattr("app.jobs.status_map.StatusMap.unfinished")
    statuses = {"/x": 404, "/api/global_mean": 405, "/api/num_jobs": 500}
    answer = client.get(path)
    monkeypatch.undo()
    assert answer.status_code == statuses.get(path, 200)
    for name, value in SECURITY_HEADERS:
        assert answer.headers.getlist(name) == [value]
    assert {name for name, _ in SECURITY_HEADERS} >= {"Content-Security-Policy", "X-Content-Type-Options"}
