"""The pages of the table's versions, as the server sends them."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.services import Services
from app.settings import Settings
from support.small_survey import assert_error
from support.survey_files import Row, row
from support.vintages import served_version, write_rows

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
MARKUP = "<script>alert(1)</script>"
FIRST: list[Row] = [row(), row(LocationDesc="Utah", Data_Value=20)]
SECOND: list[Row] = [row(Data_Value=31.5), row(LocationDesc="Utah", Data_Value=17), row(LocationDesc=MARKUP)]


@pytest.fixture
def settings(settings: Settings, survey_file: Path) -> Settings:
    """Settings of a server over the first version."""
    write_rows(survey_file, FIRST)
    return settings


def page(client: FlaskClient, path: str, status: int = 200) -> str:
    """Return a page's text, its white space made single."""
    answer = client.get(path, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert MARKUP not in answer.text
    return re.sub(r"\s+", " ", answer.text)


def test_the_versions_are_listed_with_links(client: FlaskClient, services: Services, survey_file: Path) -> None:
    first = services.ingestor.table.id
    second = served_version(client, survey_file, SECOND)
    text = page(client, "/tables")
    assert text.index(second[:12]) < text.index(first[:12])
    assert text.count('<span class="badge done">current</span>') == 1
    for version in (first, second):
        assert f'href="/?table={version}"' in text
    assert f'href="/tables/{second}/changes?since={first}"' in text
    assert f"/tables/{first}/changes" not in text  # none was served before
    assert re.findall(r'action="/tables/([0-9a-f]+)/remove"', text) == [first]
    assert f'href="/tables"><code>{second[:12]}</code>' in page(client, "/data")


def test_a_page_says_what_changed(client: FlaskClient, services: Services, survey_file: Path) -> None:
    first = services.ingestor.table.id
    second = served_version(client, survey_file, SECOND)
    text = page(client, f"/tables/{second}/changes")
    assert (
        "2 cells changed (largest: Utah 2019, Female, Percent of adults who walk to work: 20.0 to 17.0), 1 added, "
        "0 removed; 0 are the same." in text
    )
    assert "All 3 changes." in text
    assert re.findall(r'<td class="number"[^>]*>([-+][\d.]+)</td>', text) == ["-3.0", "+1.0"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 2019, Female" in text
    for format in ("json", "csv", "parquet", "svg", "png"):
        (link,) = re.findall(rf'href="([^"]*format={format})" download', text)
        assert client.get(link.replace("&amp;", "&")).status_code == 200
    (picture,) = re.findall(r'<noscript><picture>.*<img src="([^"]*)"', text)
    assert client.get(picture.replace("&amp;", "&")).mimetype == "image/svg+xml"
    (chart,) = re.findall(r'data-spec="([^"]*)"', text)
    assert client.get(chart).get_json()["title"]["text"] == "Largest changes"
    assert f'<option value="{first}" selected>' in text


def test_versions_that_do_not_differ_and_a_first_version_are_said_in_words(
    client: FlaskClient, services: Services, survey_file: Path
) -> None:
    assert "No version was served before this one, and no other one is kept." in page(client, "/tables/current/changes")
    text = page(client, "/tables/current/changes?since=current")
    assert "No cell differs; 2 are the same." in text
    assert "<table" not in text
    first = services.ingestor.table.id
    second = served_version(client, survey_file, SECOND)
    text = page(client, f"/tables/{first}/changes")
    assert "choose one to compare it with" in text
    assert f'<option value="{second}">' in text


def test_a_version_is_removed_by_a_form(client: FlaskClient, services: Services, survey_file: Path) -> None:
    first = services.ingestor.table.id
    refused = client.post(f"/tables/{first}/remove", headers=BROWSER)
    assert (refused.status_code, refused.mimetype) == (409, "text/html")
    second = served_version(client, survey_file, SECOND)
    answer = client.post(f"/tables/{first}/remove")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/tables")
    assert first[:12] not in page(client, "/tables")
    assert "was removed on" in page(client, f"/tables/{second}/changes?since={first}", status=410)
    assert "was removed on" in assert_error(client.get(f"/tables/{first}/changes"), 410)


def test_an_unknown_version_has_an_error_page(client: FlaskClient) -> None:
    assert "no version of the table" in page(client, "/tables/0123456789/changes", status=404)
