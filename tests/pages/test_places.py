"""The profile of a place: every question beside the nation, from the same answers as the API gives."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.pages.places import views
from app.pages.places.profile import Fact, Row, profile_finding
from app.settings import Settings
from support.real_server import PROJECT_ROOT
from support.small_survey import assert_error

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
QUESTIONS = 9


@pytest.fixture
def cdc(start_app: Callable[[Settings], Flask], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A client of an application over the bundled table."""
    monkeypatch.setattr(views, "WAIT_SECONDS", 60.0)  # however busy the machine is
    table = str(PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv")
    return start_app(settings.model_copy(update={"data": table})).test_client()


def profile(client: FlaskClient, name: str) -> dict[str, list[str]]:
    """Return the cells of each row of a profile, by the short name of its question."""
    body = client.get(f"/places/{name}", headers=BROWSER).text.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in body.split("</tr>") if "<td>" in row]
    texts = [[unescape(re.sub("<[^>]+>", "", cell)).replace("\u00a0", " ") for cell in row] for row in rows]
    return {row[0]: row[1:] for row in texts}


def data_of(client: FlaskClient, statistic: str, **body: object) -> object:
    """Return the data of a job."""
    location = client.post(f"/api/{statistic}", json=body).headers["Location"]
    return (client.get(f"{location}?wait=20").json or {})["data"]


def test_a_profile_has_the_figures_of_the_api(cdc: FlaskClient) -> None:
    rows = profile(cdc, "OH")
    assert rows == profile(cdc, "Ohio")
    assert len(rows) == QUESTIONS
    year, here, nation, _, rank, change = rows["Adult obesity"]
    cells = data_of(cdc, "estimate", question="Q036", years=[int(year)], locations=["Ohio", "National"])
    expected = {c["location"]: f"{c['value']:.1f} % ({c['low']:.1f} to {c['high']:.1f})" for c in cells}  # type: ignore[attr-defined]
    assert (here, nation) == (expected["Ohio"], expected["National"])
    ranking = data_of(cdc, "rank", question="Q036", years=[int(year)])
    (ohio,) = [cell for cell in ranking["locations"] if cell["location"] == "Ohio"]  # type: ignore[index]
    assert rank == f"{ohio['rank']} ({ohio['rank_low']} to {ohio['rank_high']}) of {ranking['ranked']}"  # type: ignore[index]
    gap = data_of(cdc, "compare", question="Q036", state="OH", between={"year": [int(year), 2011]})["difference"]  # type: ignore[index]
    assert change == f"+{gap['value']:.1f} points ({gap['low']:.1f} to {gap['high']:.1f}) since 2011"


def test_a_profile_asks_each_thing_once_and_shares_it_with_other_places(cdc: FlaskClient) -> None:
    profile(cdc, "OH")
    jobs = len((cdc.get("/api/jobs").json or {})["data"])
    assert jobs == 3 * QUESTIONS
    profile(cdc, "OH")
    profile(cdc, "UT")
    assert len((cdc.get("/api/jobs").json or {})["data"]) == jobs + QUESTIONS


def test_the_nation_has_a_profile_without_ranks(cdc: FlaskClient) -> None:
    row = profile(cdc, "National")["Adult obesity"]
    assert row[1] == row[2]
    assert row[3] == row[4] == "\N{EM DASH}"


def test_every_place_is_listed_and_an_unknown_one_is_an_error_that_names_it(client: FlaskClient) -> None:
    page = client.get("/places", headers=BROWSER).text
    assert 'href="/places/Ohio">Ohio</a>' in page
    refused = client.get("/places/Ohoi", headers=BROWSER)
    assert refused.status_code == 404
    assert "unknown state" in refused.text
    assert "Ohoi" in assert_error(client.get("/places/Ohoi"), 404)


def test_a_table_without_limits_has_figures_alone(client: FlaskClient) -> None:
    row = profile(client, "Ohio")["Adult obesity"]
    assert row == ["2020", "31.0 %", *["\N{EM DASH}"] * 4]


def test_a_place_whose_figures_are_not_ready_says_so(cdc: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.pages.places.views.finished_documents", lambda jobs, _: [None] * len(jobs))
    page = cdc.get("/places/OH", headers=BROWSER).text
    assert f"{3 * QUESTIONS} of the figures are being computed" in page
    assert '<noscript><meta http-equiv="refresh" content="1"></noscript>' in page


@pytest.mark.parametrize(
    ("beside", "text"),
    [
        (
            ["better", "worse", "worse", "cannot be told apart"],
            "better in 1 and worse in 2; in 1 the two cannot be told apart.",
        ),
        (["higher", "lower"], "higher in 1 and lower in 1."),
        (["cannot be told apart"], "In 1 the two cannot be told apart."),
        (["\N{EM DASH}"], ""),
    ],
)
def test_the_finding_of_a_profile_counts_the_questions(beside: list[str], text: str) -> None:
    rows = [Row("Q", "Q", "2021", Fact("1"), "1", each, Fact("1"), Fact("1")) for each in beside]
    assert profile_finding(rows, "Ohio").endswith(text)
