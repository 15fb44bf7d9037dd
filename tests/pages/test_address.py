"""The address of a page is its question: nothing that it asks is dropped or replaced."""

import re

import pytest
from flask.testing import FlaskClient

from support.small_survey import OBESITY

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
ASKED = {"statistic": "estimate", "question": OBESITY}


def problem_at(client: FlaskClient, query: dict[str, object]) -> tuple[int, str]:
    """Return the status of the page at an address, and the problem that it shows."""
    response = client.get("/", query_string=query, headers=BROWSER)
    shown = re.search(r'<p id="problem"[^>]*>([^<]*)<', response.text)
    return response.status_code, (shown[1] if shown else "").replace("&#39;", "'")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"statistic": "estimat"}, "'estimat' is not a known statistic"),
        ({"yaers": "2019"}, "unknown field 'yaers'; the fields are a, across, as_of, b,"),
        ({"statistic": "best5", "by": "year"}, "best5 does not take the field 'by'; leave it out"),
        ({"statistic": "states_mean", "a": "Ohio"}, "states_mean does not take the field 'a'; leave it out"),
        ({"by": "planet"}, "by cannot be 'planet'; choose one of location, year, category, stratum"),
        ({"suppressed": "maybe"}, "suppressed cannot be 'maybe'; choose one of include, exclude"),
        ({"standardize": "height"}, "standardize cannot be 'height'; choose one of age"),
        ({"kind": "pie"}, "kind cannot be 'pie'; choose one of bars, map"),
        ({"theme": "pink"}, "theme cannot be 'pink'; choose one of light, dark"),
        ({"question": [OBESITY, "Q047"]}, "the field 'question' has several values; name one"),
    ],
)
def test_what_the_form_cannot_show_is_an_error_that_names_it(
    client: FlaskClient, query: dict[str, object], reason: str
) -> None:
    status, problem = problem_at(client, {**ASKED, **query})
    assert status == 400
    assert problem.startswith(reason)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"statistic": ""},
        {**ASKED, "by": ["location", "year"], "suppressed": "include", "from": "", "state": ""},
        {**ASKED, "kind": "map", "theme": "dark", "sort": "-value"},
        {"statistic": "state_mean", "question": OBESITY, "state": "Ohio", "table": ""},
    ],
)
def test_an_address_that_the_form_can_show_is_shown(client: FlaskClient, query: dict[str, object]) -> None:
    assert problem_at(client, query) == (200, "")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("statistic", "estimat"),
        ("from", "1999"),
        ("to", "1999"),
        ("stratification", "Gender|Robot"),
        ("best", "middle"),
        ("between", "galaxy"),
        ("standardize", "age"),
        ("value_type", "Crude"),
        ("state", "Ohoi"),
    ],
)
def test_the_form_keeps_what_its_lists_do_not_offer(client: FlaskClient, name: str, text: str) -> None:
    page = client.get("/", query_string={**ASKED, name: text}, headers=BROWSER).text
    chosen = re.findall(rf'<select id="{name}".*?<option value="([^"]*)" selected', page, re.DOTALL)
    typed = re.findall(rf'<input id="{name}"[^>]*value="([^"]*)"', page)
    assert chosen[:1] or typed == [text]
    assert (chosen or typed)[0] == text


def test_a_form_with_an_unknown_field_is_refused(client: FlaskClient) -> None:
    response = client.post("/ask", data={**ASKED, "foo": "bar"})
    assert response.status_code == 400
    assert "unknown field 'foo'" in (response.json or {})["reason"]


def test_a_kind_that_does_not_suit_a_result_is_an_error(client: FlaskClient) -> None:
    client.post("/ask", data={"statistic": "best5", "question": OBESITY})
    assert client.get("/results/job_id_1?kind=map", headers=BROWSER).status_code == 200
    refused = client.get("/results/job_id_1?kind=trend", headers=BROWSER)
    assert refused.status_code == 400
    assert "best5 cannot be drawn as" in refused.text


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_of_an_address_is_that_of_its_page(client: FlaskClient, theme: str) -> None:
    assert f'data-theme="{theme}"' in client.get("/", query_string={"theme": theme}, headers=BROWSER).text
    assert "data-theme" not in client.get("/", headers=BROWSER).text


def test_an_empty_form_asks_the_latest_year_by_location(client: FlaskClient) -> None:
    page = client.get("/", headers=BROWSER).text
    for name, text in (("statistic", "estimate"), ("from", "2020"), ("to", "2020")):
        found = re.search(rf'<select id="{name}".*?<option(?: value="(\w+)")?[^>]*? selected>(\w+)', page, re.DOTALL)
        assert found
        assert text in found.groups()
    assert re.search(r'name="by" value="location" checked', page)


def test_simple_means_are_a_group_of_their_own(client: FlaskClient) -> None:
    page = client.get("/", headers=BROWSER).text
    estimates, means = re.findall(r"<optgroup[^>]*>(.*?)</optgroup>", page.partition('id="question"')[0], re.DOTALL)
    names = [re.findall(r'option value="(\w+)"', each) for each in (estimates, means)]
    assert "estimate" in names[0]
    assert {"states_mean", "global_mean", "state_mean_by_category", "best", "worst"} <= set(names[1])
    assert len(names[1]) == 11
    assert "CDC publishes no such figure" in page


def test_the_data_page_links_to_the_latest_year_of_each_question(client: FlaskClient) -> None:
    page = client.get("/data", headers=BROWSER).text
    assert re.search(r'href="/\?statistic=estimate&amp;question=Q036&amp;from=2020&amp;to=2020"', page)


def test_the_nation_is_marked_in_the_table(client: FlaskClient) -> None:
    client.post("/ask", data={"statistic": "states_mean", "question": OBESITY})
    page = client.get("/results/job_id_1", headers=BROWSER).text
    assert re.findall(r'<tr class="nation"><td><a class="place" href="/places/(\w+)">', page) == ["National"]
