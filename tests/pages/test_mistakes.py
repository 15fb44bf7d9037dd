"""A mistake stands at its field of the form, in plain words, with buttons that correct it; programs get it as JSON."""

import re
from html import unescape
from urllib.parse import parse_qs

import pytest
from flask.testing import FlaskClient

from app.errors import InvalidRequestError, QueueFullError
from app.pages.asking.mistakes import Correction, Mistake, corrected, mistake_of
from app.services import Services
from support.small_survey import OBESITY

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OHOI = {"statistic": "state_mean", "question": "Q036", "state": "Ohoi"}


def tag_of(page: str, name: str) -> str:
    """Return the tag of the form's field with a name, an empty text if there is none."""
    found = re.search(rf'<(?:input|select)[^>]* name="{name}"[^>]*>', page)
    return found[0] if found else ""


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_page_marks_the_field_and_describes_its_mistake(client: FlaskClient, method: str) -> None:
    if method == "GET":
        response = client.get("/", query_string=OHOI, headers=BROWSER)
    else:
        response = client.post("/ask", data=OHOI, headers=BROWSER)
    assert response.status_code == 400
    field = tag_of(response.text, "state")
    assert 'aria-invalid="true" autofocus aria-describedby="state-wrong"' in field
    assert response.text.count("aria-invalid") == 1
    described = re.search(r'<p id="state-wrong".*?</p>', response.text, re.DOTALL)
    assert described
    words = unescape(described[0])
    assert "'Ohoi' is not a known state." in words
    assert "GET /api" not in words
    assert re.findall(r'<button type="submit" name="correct" value="([^"]*)"[^>]*>(\w+)', words) == [
        ("state=Ohio", "Ohio")
    ]


def test_the_button_corrects_the_form_as_it_is_now(client: FlaskClient) -> None:
    pressed = {**OHOI, "from": "2019", "to": "2019", "correct": "state=Ohio"}
    response = client.post("/ask", data=pressed, headers=BROWSER)
    assert (response.status_code, response.location) == (303, "/results/job_id_1")
    (details,) = client.get("/api/job_details").get_json()["data"]
    assert details["body"] == {"question": "Q036", "state": "Ohio", "years": {"from": 2019, "to": 2019}}


def test_programs_get_the_same_json_of_the_same_mistake(client: FlaskClient) -> None:
    body = {"question": "Q036", "state": "Ohoi"}
    assert client.post("/ask", data=OHOI).get_json() == client.post("/api/state_mean", json=body).get_json()


def test_enter_in_a_field_does_not_press_a_correction(client: FlaskClient) -> None:
    page = client.get("/", query_string=OHOI, headers=BROWSER).text
    form = page[page.index('<form id="ask"') :]
    assert re.findall(r"<button[^>]*>", form)[0] == '<button type="submit" hidden>'


def test_a_problem_that_is_not_in_one_field_marks_none(client: FlaskClient, services: Services) -> None:
    services.pool.graceful_shutdown()
    response = client.post("/ask", data={**OHOI, "state": "Ohio"}, headers=BROWSER)
    assert response.status_code == 503
    assert "shutting down" in response.text
    assert "aria-invalid" not in response.text


@pytest.mark.parametrize("name", ["exclude", "best"])
def test_filters_with_a_mistake_are_opened(client: FlaskClient, name: str) -> None:
    asked = {"exclude": {"exclude": "Natoinal"}, "best": {"question": "Percent of adults who sing in the shower"}}[name]
    fields = {"statistic": "best", "question": OBESITY, **asked}
    page = client.get("/", query_string=fields, headers=BROWSER).text
    assert 'aria-invalid="true"' in tag_of(page, name)
    assert '<details class="filters" open>' in page


@pytest.mark.parametrize(
    ("path", "suggestion", "fields", "field", "value"),
    [
        ("state", "Ohio", {"state": ["Ohoi"]}, "state", "state=Ohio"),
        ("locations.1", "Texas", {"locations": ["Ohio, Texsa,Utah"]}, "locations", "locations=Ohio%2C+Texas%2C+Utah"),
        ("exclude.0", "US", {"exclude": ["UX"]}, "exclude", "exclude=US"),
        ("between.location.1", "Utah", {"a": ["Ohio"], "b": ["Uta"]}, "b", "b=Utah"),
        (
            "stratification.category",
            "Sex",
            {"stratification": ["Sxe|Male"]},
            "stratification",
            "stratification=Sex%7CMale",
        ),
        (
            "stratification.value",
            "Male",
            {"stratification": ["Sex|Mal"]},
            "stratification",
            "stratification=Sex%7CMale",
        ),
        ("value_type", "Crude", {"value_type": []}, "value_type", "value_type=Crude"),
    ],
)
def test_a_correction_is_the_new_text_of_its_field(
    path: str, suggestion: str, fields: dict[str, list[str]], field: str, value: str
) -> None:
    mistake = mistake_of(InvalidRequestError("reason", path, [suggestion], "words"), fields)
    is_empty = not any(fields.get(field, ()))
    assert mistake == Mistake(field, "words", is_empty, [Correction(suggestion, value)])
    assert corrected({**fields, "correct": [value]}) == {**fields, **parse_qs(value)}


@pytest.mark.parametrize(
    ("path", "fields", "field"),
    [
        ("years", {"from": ["1999"]}, "from"),
        ("years.to", {"to": ["1999"]}, "to"),
        ("years.1", {"years": ["2011, 1999"]}, "years"),
        ("between", {}, "between"),
        ("between.location", {"a": ["Ohio"]}, "between"),
    ],
)
def test_years_and_pairs_have_fields_of_their_own(path: str, fields: dict[str, list[str]], field: str) -> None:
    mistake = mistake_of(InvalidRequestError("reason", path), fields)
    assert mistake == Mistake(field, "reason", not any(fields.get(field, ())), [])


def test_what_no_field_of_the_form_can_be_blamed_for_is_no_mistake_in_it() -> None:
    for error in (InvalidRequestError("reason"), InvalidRequestError("reason", "colour"), QueueFullError(1, 1)):
        assert mistake_of(error, {}) is None
