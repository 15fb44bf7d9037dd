"""The pages as the server sends them: their content, and their Content-Security-Policy."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape
from pydantic import SecretStr

from app.jobs.job import JobStatus
from app.pages import result_view
from app.services import SHARED_KEY
from app.settings import Settings
from app.web.guard import SECURITY_HEADERS
from support.small_survey import OBESITY, assert_error

Ask = Callable[..., Any]

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_the_policy_of_a_page_allows_this_server_only(client: FlaskClient) -> None:
    response = client.get("/", headers=BROWSER)
    (policy,) = response.headers.getlist("Content-Security-Policy")
    allowed = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert allowed["default-src"] == allowed["frame-ancestors"] == allowed["base-uri"] == "'none'"
    assert allowed["script-src"] == allowed["style-src"] == allowed["connect-src"] == allowed["form-action"] == "'self'"
    assert response.headers.getlist("Referrer-Policy") == ["same-origin"]
    own = ("Content-Security-Policy", "Referrer-Policy")
    for name, value in SECURITY_HEADERS:
        assert name in own or response.headers.getlist(name) == [value]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/index",
        "/jobs",
        "/data",
        "/tables",
        "/tables/current/changes",
        "/places",
        "/places/OH",
        "/results/job_id_1",
    ],
)
def test_a_page_has_no_inline_script_or_style_and_no_address_of_another_server(
    client: FlaskClient, ask: Ask, path: str
) -> None:
    ask("best5", question=OBESITY)
    text = client.get(path, headers=BROWSER).text
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text)
    addresses = set(re.findall(r'(?:href|src|srcset|action|data-spec|data-script)="([^"]+)"', text))
    assert len(addresses) > 5
    for address in addresses:
        assert address.startswith(("/", "#")), address


def test_browsers_cache_static_files_until_they_change(client: FlaskClient) -> None:
    text = client.get("/", headers=BROWSER).text
    addresses = re.findall(r'"(/static/[0-9a-f]{12}/[^"]+)"', text)
    assert len(addresses) >= 3
    for address in addresses:
        response = client.get(address)
        assert response.status_code == 200
        assert "immutable" in response.headers["Cache-Control"]
        assert "Cache-Control" not in client.get(re.sub("/[0-9a-f]{12}/", "/another/", address)).headers
    assert_error(client.get("/static/x/../../../README.md"), 404)


def test_a_page_escapes_text_from_the_request(client: FlaskClient) -> None:
    asked = {"statistic": "state_mean", "question": "<script>alert(1)</script>", "state": '"><b>'}
    for response in (
        client.get("/", query_string=asked, headers=BROWSER),
        client.post("/ask", data=asked, headers=BROWSER),
    ):
        assert "<script>alert" not in response.text
        assert "<b>" not in response.text
        assert "&lt;script&gt;alert" in response.text


def test_the_form_redirects_a_browser_to_the_result_and_returns_an_id_to_a_program(client: FlaskClient) -> None:
    asked = {"statistic": "best5", "question": "Q036"}
    browser = client.post("/ask", data=asked, headers=BROWSER)
    assert (browser.status_code, browser.headers["Location"]) == (303, "/results/job_id_1")
    page = client.get("/results/job_id_1", headers=BROWSER)
    assert page.text.index("Utah") < page.text.index("Maine")
    assert client.post("/ask", data=asked).json == {"job_id": "job_id_1"}
    part = client.get("/results/job_id_1?part=answer", headers=BROWSER).text
    assert "<html" not in part
    assert "Utah" in part


@pytest.mark.parametrize(("asked", "words"), [({}, "choose one of"), ({"statistic": "best5"}, "question is missing")])
def test_an_invalid_form_is_an_error_with_its_reason(client: FlaskClient, asked: dict[str, str], words: str) -> None:
    assert words in assert_error(client.post("/ask", data=asked), 400).replace("'", "")
    response = client.post("/ask", data=asked, headers=BROWSER)
    assert (response.status_code, response.mimetype) == (400, "text/html")
    assert 'role="alert"' in response.text


@pytest.mark.parametrize("path", ["/ask", "/jobs/job_id_1/cancel", "/data/reload", "/tables/current/remove"])
def test_a_form_of_another_site_is_refused(client: FlaskClient, path: str) -> None:
    for header in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert_error(client.post(path, data={"statistic": "best5", "question": "Q036"}, headers=header), 403)
    assert client.get("/api/jobs").json == {"status": "done", "data": []}


def test_an_unknown_job_has_an_error_page(client: FlaskClient) -> None:
    response = client.get("/results/job_id_99", headers=BROWSER)
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert "Invalid job_id" in response.text
    assert assert_error(client.get("/results/job_id_99"), 404) == "Invalid job_id"


def job_of(answer: Any) -> str:
    """Return the job id in an answer."""
    return str(answer.json["job_id"])


def test_the_same_question_asked_twice_on_the_page_is_one_job(client: FlaskClient, app: Flask) -> None:
    form = {"statistic": "best5", "question": OBESITY}

    def ask_page(**fields: str) -> str:
        return job_of(client.post("/ask", data={**form, **fields}))

    with ThreadPoolExecutor(4) as visitors:  # a double click, and other visitors at the same moment
        ids = set(visitors.map(lambda _: job_of(app.test_client().post("/ask", data=form)), range(8)))
    assert ids == {"job_id_1"}
    assert ask_page() == "job_id_1"
    assert ask_page(statistic="worst5") == "job_id_2"
    # Programs get a job of their own for each request, and it is not the page's.
    for number in (3, 4):
        assert job_of(client.post("/api/best5", json={"question": OBESITY})) == f"job_id_{number}"
    assert ask_page() == "job_id_1"


def test_a_question_whose_job_failed_or_was_removed_is_asked_again(client: FlaskClient, app: Flask) -> None:
    form = {"statistic": "best5", "question": OBESITY}
    store = app.extensions["services"].store
    first = job_of(client.post("/ask", data=form))
    store.map.wait(store.map.find(first), 20)
    store.map.find(first).status = JobStatus.ERROR
    second = job_of(client.post("/ask", data=form))
    assert second != first
    assert job_of(client.post("/ask", data=form)) == second
    store.map.wait(store.map.find(second), 20)
    store.cancel(second)
    assert job_of(client.post("/ask", data=form)) not in {first, second}


def test_no_client_can_take_the_key_of_a_shared_job(client: FlaskClient) -> None:
    answer = client.post("/api/best5", json={"question": OBESITY}, headers={"Idempotency-Key": f"{SHARED_KEY}x"})
    assert "without spaces" in assert_error(answer, 400)


@pytest.mark.parametrize("path", ["/nothing", "/static/nothing", "/docs/nothing"])
def test_an_unknown_path_is_a_page_for_a_browser_and_json_for_a_program(client: FlaskClient, path: str) -> None:
    response = client.get(path, headers=BROWSER)
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert "Accept" in response.headers["Vary"]
    assert f"There is no page &#39;{path}&#39; on this server." in response.text
    assert 'href="/">Back to' in response.text
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        assert f"there is no route '{path}'" in assert_error(client.get(path, headers=headers), 404)


def test_an_unknown_path_of_the_api_is_json_for_a_browser_too(client: FlaskClient) -> None:
    assert "there is no route '/api/nothing'" in assert_error(client.get("/api/nothing", headers=BROWSER), 404)


def test_the_operator_buttons_need_the_token(start_app: Callable[[Settings], Flask], settings: Settings) -> None:
    client = start_app(settings.model_copy(update={"admin_token": SecretStr("a long token")})).test_client()
    for path in ("/jobs/job_id_1/cancel", "/data/reload", "/tables/current/remove"):
        assert_error(client.post(path), 401)


def test_a_result_is_cited_on_its_page_if_it_has_a_citation(client: FlaskClient, ask: Ask) -> None:
    citation = ask("estimate", question=OBESITY, by=["location", "stratum"])["citation"]
    ask("best5", question=OBESITY)
    cited, uncited = (client.get(f"/results/job_id_{number}", headers=BROWSER).text for number in (1, 2))
    for form in (citation["text"], citation["bibtex"]):
        assert str(escape(form)) in cited
    for form in ("bibtex", "csljson"):
        assert f'href="/api/get_results/job_id_1?format={form}" download' in cited
    assert "<summary>Cite</summary>" not in uncited
    for page, job in ((cited, 1), (uncited, 2)):
        assert f'href="/api/get_results/job_id_{job}?format=zip" download>ZIP</a>' in page
        assert "Version of the table</dt>" in page


def test_a_long_filter_is_counted_and_a_short_one_listed(
    client: FlaskClient, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_view, "MOST_NAMED", 2)
    places = [state["name"] for state in client.get("/api/states").json["data"]]  # type: ignore[index]
    for number, (count, fact) in enumerate(((2, ", ".join(places[:2])), (3, "3, as in the filter")), 1):
        ask("estimate", question=OBESITY, by=["location", "stratum"], locations=places[:count])
        text = client.get(f"/results/job_id_{number}", headers=BROWSER).text
        assert f"<dt>Locations</dt><dd>{fact}</dd>" in text


def test_a_removal_is_asked_about_on_a_page_of_its_own(client: FlaskClient, ask: Ask) -> None:
    ask("state_mean", question=OBESITY, state="Ohio")
    assert '<form method="get" action="/jobs/job_id_1/remove">' in client.get("/jobs", headers=BROWSER).text
    question = client.get("/jobs/job_id_1/remove", headers=BROWSER).text
    assert "<h1>Remove the result of job_id_1?</h1>" in question
    assert "Ohio" in question
    assert '<form class="sure" method="post" action="/jobs/job_id_1/cancel">' in question
    assert client.get("/api/jobs").json == {"status": "done", "data": [{"job_id_1": "done"}]}
    assert client.get("/jobs/job_id_9/remove", headers=BROWSER).status_code == 404


@pytest.mark.usefixtures("open_gate")
def test_a_job_that_has_not_ended_has_no_result_to_remove(client: FlaskClient) -> None:
    waiting = client.post("/api/best5", json={"question": OBESITY}).get_json()["job_id"]
    for job, state in (("job_id_1", "running"), (waiting, "waiting")):
        refused = client.get(f"/jobs/{job}/remove", headers=BROWSER)
        assert refused.status_code == 409
        assert f"{job} is {state}: it has no result to remove" in refused.text
    assert f'<form method="post" action="/jobs/{waiting}/cancel">' in client.get("/jobs", headers=BROWSER).text
