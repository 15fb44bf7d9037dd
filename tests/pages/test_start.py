"""The first screen: an answer, its finding, and six questions that lead to answers."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.pages.asking import start
from app.pages.asking.leads import leads_over
from app.services import Services
from app.settings import Settings
from support.real_server import PROJECT_ROOT

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
LABELS = [
    "Where is it highest?",
    "How has my state changed?",
    "How do two states differ?",
    "Which groups differ most?",
    "What goes together?",
    "Everything about one state",
]


@pytest.fixture
def cdc(start_app: Callable[[Settings], Flask], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """An application over the bundled table."""
    monkeypatch.setattr(start, "WAIT_SECONDS", 60.0)  # however busy the machine is
    table = str(PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv")
    return start_app(settings.model_copy(update={"data": table}))


def test_the_first_screen_answers_and_asks_once(cdc: Flask) -> None:
    client = cdc.test_client()
    pages = [client.get("/", headers=BROWSER).text for _ in range(2)]
    assert re.search(r'<h2 id="first">Adult obesity by state, \d{4}</h2>', pages[0])
    assert re.search(r'class="finding">Highest in .+; lowest in .+ cannot be told from the highest', pages[0])
    assert '<img src="/api/get_results/job_id_1?format=svg&amp;kind=map&amp;titles=no"' in pages[0]
    assert pages[0] == pages[1]
    assert len((client.get("/api/jobs").json or {})["data"]) == 1


def test_six_questions_lead_to_answers(cdc: Flask) -> None:
    services: Services = cdc.extensions["services"]
    leads = leads_over(services.ingestor.table)
    assert [lead.label for lead in leads] == LABELS
    client = cdc.test_client()
    for lead in leads[:-1]:
        assert client.get(lead.address, headers=BROWSER).status_code == 200
        query = lead.address.partition("?")[2]
        sent = client.post("/ask", data=query, content_type="application/x-www-form-urlencoded")
        assert sent.status_code == 200, lead
    assert client.get(leads[-1].address, headers=BROWSER).status_code == 200


def test_only_questions_that_the_table_can_answer_are_offered(services: Services) -> None:
    labels = [lead.label for lead in leads_over(services.ingestor.table)]
    assert labels == ["Where is it highest?", "Everything about one state"]


def test_an_address_with_a_question_is_not_the_first_screen(client: FlaskClient) -> None:
    page = client.get("/?statistic=estimate&question=Q036", headers=BROWSER).text
    assert 'id="first"' not in page
    assert (client.get("/api/jobs").json or {})["data"] == []


def test_while_no_job_is_accepted_the_first_screen_says_why(client: FlaskClient) -> None:
    client.get("/api/graceful_shutdown")
    response = client.get("/", headers=BROWSER)
    assert response.status_code == 200
    assert "Shutting down." in response.text
    assert "What would you like to know?" in response.text


@pytest.mark.parametrize(("theme", "sources"), [("", 3), ("dark", 1)])
def test_the_picture_of_the_first_screen_has_the_theme_of_the_address(cdc: Flask, theme: str, sources: int) -> None:
    page = cdc.test_client().get("/", query_string={"theme": theme} if theme else {}, headers=BROWSER).text
    picture = page.partition("<picture>")[2].partition("</picture>")[0]
    assert picture.count("<source") == sources
    assert ("theme=dark" in picture.partition("<img")[2]) == (theme == "dark")
