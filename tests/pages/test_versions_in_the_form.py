"""The form offers earlier versions of the table, and keeps what an address names."""

import re
import time
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.services import Services

DEADLINE_SECONDS = 30.0
HTML = {"Accept": "text/html"}
ASKED = "/?statistic=state_mean&question=Q036&state=Ohio"


@pytest.fixture
def earlier(client: FlaskClient, services: Services, survey_file: Path) -> str:
    """The id of the version that was served before the current one."""
    id_ = services.ingestor.table.id
    survey_file.write_text(survey_file.read_text(encoding="utf-8").replace("32.0", "52.0"), encoding="utf-8")
    client.post("/api/dataset/reload")
    deadline = time.monotonic() + DEADLINE_SECONDS
    while services.ingestor.table.id == id_:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return id_


def options(page: str) -> dict[str, bool]:
    """Return the versions that a page offers, and which is chosen."""
    select = page[page.index('name="table"') :].partition("</select>")[0]
    return {value: bool(chosen) for value, chosen in re.findall(r'<option value="([^"]*)"( selected)?', select)}


def test_a_server_with_one_version_offers_no_choice(client: FlaskClient) -> None:
    assert 'name="table"' not in client.get(ASKED, headers=HTML).text


def test_an_earlier_version_is_chosen_without_typing_its_id(client: FlaskClient, earlier: str) -> None:
    page = client.get(ASKED, headers=HTML).text
    assert options(page) == {"": True, earlier: False}
    assert f"{earlier[:12]}</option>" in page
    means = []
    for table in ("", earlier):
        form = {"statistic": "state_mean", "question": "Q036", "state": "Ohio", "table": table}
        shown = client.post("/ask", data=form, headers=HTML, follow_redirects=True).text
        means.append(re.search(r"<td[^>]*>(\d+\.\d+)</td>", shown))
    current, before = (float(found[1]) for found in means if found)
    assert before == pytest.approx(31.0)
    assert current > before + 1


@pytest.mark.parametrize(("name", "is_known"), [("id", True), ("first characters", True), ("unknown", False)])
def test_the_version_in_an_address_stays_chosen(client: FlaskClient, earlier: str, name: str, is_known: bool) -> None:
    named = {"id": earlier, "first characters": earlier[:8], "unknown": "0" * 12}[name]
    chosen = [
        value
        for value, selected in options(client.get(f"{ASKED}&table={named}", headers=HTML).text).items()
        if selected
    ]
    assert chosen == [earlier if is_known else named]


def test_a_version_that_is_not_kept_is_an_error_and_no_other_answer(client: FlaskClient, earlier: str) -> None:
    form = {"statistic": "state_mean", "question": "Q036", "state": "Ohio", "table": "0" * 12}
    response = client.post("/ask", data=form, headers=HTML)
    assert response.status_code == 400
    assert "no version of the table has the id" in response.text
    assert options(response.text) == {"": False, earlier: False, "0" * 12: True}


def test_a_date_in_an_address_stays_in_the_form(client: FlaskClient, earlier: str) -> None:
    page = client.get(f"{ASKED}&as_of=2026-01-31", headers=HTML).text
    assert '<input id="as_of" name="as_of" value="2026-01-31" aria-invalid="true"' in page  # no table was served then
