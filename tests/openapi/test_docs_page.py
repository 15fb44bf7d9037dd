"""The page to read and try the API document: all of it from this server, under a policy that allows no more."""

import re
from collections.abc import Callable
from html import escape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.settings import Settings
from app.web.guard import SECURITY_HEADERS
from app.web.support import MODELLED_NOTICE
from support.real_server import BUNDLED_TABLE, PROJECT_ROOT
from support.small_survey import assert_error

STATIC = PROJECT_ROOT / "app" / "pages" / "static"
SCRIPT, STYLE = ((STATIC / name).read_text(encoding="utf-8") for name in ("docs.js", "docs.css"))


def test_the_page_loads_its_parts_from_this_server_and_each_is_there(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert page.mimetype == "text/html"
    addresses = re.findall(r'(?:href|src|data-document)="([^"]+)"', page.text)
    assert {"/docs/docs.css", "/docs/docs.js", "/openapi.json"} < set(addresses)
    for address in set(addresses) - {"#main"}:
        assert address.startswith("/")
        assert client.get(address).status_code == 200, address


def test_the_page_has_the_frame_of_the_other_pages(client: FlaskClient) -> None:
    page = client.get("/docs").text
    assert '<a href="/docs" aria-current="page">API</a>' in page
    assert '<a class="name" href="/">' in page


@pytest.mark.parametrize("part", ["page", "script", "style"])
def test_nothing_refers_to_another_server(client: FlaskClient, part: str) -> None:
    text = {"page": client.get("/docs").text, "script": SCRIPT, "style": STYLE}[part]
    assert "//" not in re.sub(r"(?m)(^|\s)//\s.*$", "", text)  # comments of a script
    assert "validatorUrl: null" in SCRIPT


def test_the_page_says_what_the_api_is_without_javascript(client: FlaskClient) -> None:
    page, document = client.get("/docs").text, client.get("/openapi.json").json or {}
    assert escape(document["info"]["description"], quote=False) in page


def test_the_page_has_no_script_or_style_within_itself(client: FlaskClient) -> None:
    page = client.get("/docs").text
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page)


def test_the_page_has_a_policy_of_its_own_and_no_other_answer_has_it(client: FlaskClient) -> None:
    (policy,) = client.get("/docs").headers.getlist("Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["form-action"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in policy
    strict = dict(SECURITY_HEADERS)["Content-Security-Policy"]
    for path in ("/openapi.json", "/docs/docs.js", "/docs/nothing", "/api/jobs", "/"):
        assert client.get(path).headers.getlist("Content-Security-Policy") == [strict]


def test_the_other_security_headers_stay(client: FlaskClient) -> None:
    headers = client.get("/docs").headers
    for name, value in SECURITY_HEADERS:
        if name != "Content-Security-Policy":
            assert headers.getlist(name) == [value]


@pytest.mark.parametrize(
    ("name", "mimetype"),
    [
        ("docs.css", "text/css"),
        ("docs.js", "text/javascript"),
        ("swagger-ui-bundle.js", "text/javascript"),
        ("swagger-ui.css", "text/css"),
    ],
)
def test_a_cached_file_is_not_sent_again(client: FlaskClient, name: str, mimetype: str) -> None:
    first = client.get(f"/docs/{name}")
    assert first.mimetype == mimetype
    assert first.headers["Cache-Control"] == "no-cache"  # kept, and asked for again each time
    again = client.get(f"/docs/{name}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "..", "%2e%2e%2fdocs.py", "docs.html", ""])
def test_no_other_file_is_served(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/docs/{name}")
    if name:
        assert_error(answer, 404)
    else:
        assert answer.data == client.get("/docs").data


def test_a_file_as_a_page_of_its_own_may_load_nothing(client: FlaskClient) -> None:
    assert "script-src" not in client.get("/docs/docs.js").headers["Content-Security-Policy"]


def test_the_page_says_that_the_data_is_modelled(start_app: Callable[[Settings], Flask], settings: Settings) -> None:
    modelled = start_app(settings.model_copy(update={"data": str(BUNDLED_TABLE)})).test_client()
    assert MODELLED_NOTICE.partition(":")[0] in modelled.get("/docs").text


def test_the_page_shows_no_notice_for_survey_data(client: FlaskClient) -> None:
    assert "modelled" not in client.get("/docs").text
