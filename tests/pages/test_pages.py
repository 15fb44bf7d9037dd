"""The pages as a server sends them: what they hold, and what they let a browser do."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from app.settings import Settings
from app.web.guard import SECURITY_HEADERS
from support.small_survey import OBESITY, assert_error

Ask = Callable[..., Any]

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_page_may_use_this_server_and_no_other(client: FlaskClient) -> None:
    answer = client.get("/", headers=BROWSER)
    (policy,) = answer.headers.getlist("Content-Security-Policy")
    allowed = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert allowed["default-src"] == allowed["frame-ancestors"] == allowed["base-uri"] == "'none'"
    assert allowed["script-src"] == allowed["style-src"] == allowed["connect-src"] == allowed["form-action"] == "'self'"
    assert answer.headers.getlist("Referrer-Policy") == ["same-origin"]
    own = ("Content-Security-Policy", "Referrer-Policy")
    for name, value in SECURITY_HEADERS:
        assert name in own or answer.headers.getlist(name) == [value]


@pytest.mark.parametrize("path", ["/", "/index", "/jobs", "/data", "/results/job_id_1"])
def test_a_page_has_no_script_or_style_within_itself_and_asks_no_other_server(
    client: FlaskClient, ask: Ask, path: str
) -> None:
    ask("best5", question=OBESITY)
    text = client.get(path, headers=BROWSER).text
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text)
    addresses = set(re.findall(r'(?:href|src|srcset|action|data-spec|data-script)="([^"]+)"', text))
    assert len(addresses) > 5
    for address in addresses:
        assert address.startswith(("/", "#")), address


def test_the_files_of_the_pages_are_kept_until_they_change(client: FlaskClient) -> None:
    text = client.get("/", headers=BROWSER).text
    addresses = re.findall(r'"(/static/[0-9a-f]{12}/[^"]+)"', text)
    assert len(addresses) >= 3
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert "Cache-Control" not in client.get(re.sub("/[0-9a-f]{12}/", "/another/", address)).headers
    assert_error(client.get("/static/x/../../../README.md"), 404)


def test_what_a_page_shows_of_others_is_text(client: FlaskClient) -> None:
    asked = {"statistic": "state_mean", "question": "<script>alert(1)</script>", "state": '"><b>'}
    for answer in (
        client.get("/", query_string=asked, headers=BROWSER),
        client.post("/ask", data=asked, headers=BROWSER),
    ):
        assert "<script>alert" not in answer.text
        assert "<b>" not in answer.text
        assert "&lt;script&gt;alert" in answer.text


def test_the_form_answers_a_browser_with_the_page_of_the_answer_and_a_program_with_an_id(client: FlaskClient) -> None:
    asked = {"statistic": "best5", "question": "Q036"}
    browser = client.post("/ask", data=asked, headers=BROWSER)
    assert (browser.status_code, browser.headers["Location"]) == (303, "/results/job_id_1")
    page = client.get("/results/job_id_1", headers=BROWSER)
    assert page.text.index("Utah") < page.text.index("Maine")
    assert client.post("/ask", data=asked).json == {"job_id": "job_id_2"}
    part = client.get("/results/job_id_1?part=answer", headers=BROWSER).text
    assert "<html" not in part
    assert "Utah" in part


@pytest.mark.parametrize(("asked", "words"), [({}, "choose one of"), ({"statistic": "best5"}, "question is missing")])
def test_a_form_that_is_wrong_is_told_so(client: FlaskClient, asked: dict[str, str], words: str) -> None:
    assert words in assert_error(client.post("/ask", data=asked), 400).replace("'", "")
    answer = client.post("/ask", data=asked, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (400, "text/html")
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize("path", ["/ask", "/jobs/job_id_1/cancel", "/data/reload"])
def test_a_form_of_another_site_is_refused(client: FlaskClient, path: str) -> None:
    for header in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert_error(client.post(path, data={"statistic": "best5", "question": "Q036"}, headers=header), 403)
    assert client.get("/api/jobs").json == {"status": "done", "data": []}


def test_an_unknown_job_has_a_page_that_says_so(client: FlaskClient) -> None:
    answer = client.get("/results/job_id_99", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "Invalid job_id" in answer.text
    assert assert_error(client.get("/results/job_id_99"), 404) == "Invalid job_id"


def test_an_operator_needs_the_token_for_the_buttons_too(
    start_app: Callable[[Settings], Flask], settings: Settings
) -> None:
    client = start_app(settings.model_copy(update={"admin_token": SecretStr("a long token")})).test_client()
    for path in ("/jobs/job_id_1/cancel", "/data/reload"):
        assert_error(client.post(path), 401)
