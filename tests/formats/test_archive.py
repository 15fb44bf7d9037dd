"""The zip archive of a result, and its citation as files."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import csvw
import jsonschema
import orjson
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.formats import archive_of, columns_of
from app.formats.meanings import meaning_of
from app.jobs.job import Job, document, job_request
from app.queries.provenance import NAME, VERSION
from app.services import Services
from app.settings import Settings
from app.statistics import STATISTICS
from support.csl_schema import csl_schema
from support.real_server import BUNDLED_TABLE
from support.small_survey import OBESITY, SINGING, assert_error

CITED = [name for name, statistic in STATISTICS.items() if statistic.provenance]
FILES = ["README.txt", "data.csv", "metadata.json"]
CITATION_FILES = ["citation.bib", "citation.csl.json"]
WARNING = "WARNING: The data are modelled"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A client of a server over the bundled table, with the path of a finished job of each statistic."""
    folder = tmp_path_factory.mktemp("archives")
    app = create_app(
        Settings(data=str(BUNDLED_TABLE), results_dir=folder / "results", log_file=folder / "log", threads=1)
    )
    client = app.test_client()
    paths = {}
    for name, statistic in STATISTICS.items():
        paths[name] = client.post(f"/api/{name}", json=dict(statistic.example)).headers["Location"]
        assert client.get(f"{paths[name]}?wait=20").get_json()["status"] == "done"
    yield client, paths
    assert app.extensions["services"].close()


def opened(answer: TestResponse) -> dict[str, bytes]:
    """Return the files of an archive by name."""
    assert (answer.status_code, answer.content_type) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def plain(value: Any) -> Any:
    """Return a value of a record as CSV on the Web reads it: no text is as good as none."""
    return None if value in ("", []) else value


def records_of(statistic: str, data: Any) -> list[dict[str, Any]]:
    """Return the records of a result."""
    return [{name: plain(value) for name, value in each.items()} for each in STATISTICS[statistic].output.records(data)]


@pytest.mark.parametrize("name", STATISTICS)
def test_the_archive_of_every_statistic_describes_its_csv_for_other_programs(
    finished: Any, tmp_path: Path, name: str
) -> None:
    client, paths = finished
    files = opened(client.get(f"{paths[name]}?format=zip"))
    assert list(files) == FILES + (CITATION_FILES if name in CITED else [])
    assert files["data.csv"] == client.get(f"{paths[name]}?format=csv").data
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    described = csvw.CSVW(str(tmp_path / "metadata.json"), validate=True)
    assert (described.is_valid, list(described.warnings)) == (True, [])
    rows = [{key: plain(value) for key, value in row.items()} for row in described.t.iterdicts(strict=True)]
    assert rows == records_of(name, client.get(paths[name]).get_json()["data"])


@pytest.mark.parametrize("name", STATISTICS)
def test_the_readme_has_question_years_source_warning_caveats_and_every_column(finished: Any, name: str) -> None:
    client, paths = finished
    readme = opened(client.get(f"{paths[name]}?format=zip"))["README.txt"].decode()
    words = " ".join(readme.split())
    assert f"Question: {OBESITY}" in words
    years = client.get(paths[name]).get_json()["provenance"]["years"] if name in CITED else range(2011, 2023)
    assert f"Years: {', '.join(map(str, years))} " in words
    assert "File: nutrition_activity_obesity_usa_subset.csv, SHA-256" in words
    assert (f"Computed by: {NAME} {VERSION}" in words) == (name in CITED)  # the others do not record it
    assert "crude figures, not age-adjusted" in words
    assert WARNING in words
    assert max(map(len, readme.splitlines()[:-8])) <= 96
    for column in columns_of(name, client.get(paths[name]).get_json()["data"]):
        assert meaning_of(column) is not None, column
        assert f"\n{column}: " in readme


def test_metadata_name_the_source_and_warn_of_a_modelled_table(finished: Any) -> None:
    client, paths = finished
    found = json.loads(opened(client.get(f"{paths['states_mean']}?format=zip"))["metadata.json"])
    assert found["dc:description"] == OBESITY
    version = client.get("/api/dataset").get_json()["data"]["table_id"]
    assert found["dc:source"] == f"nutrition_activity_obesity_usa_subset.csv, version {version}"
    assert "modelled" in found["notes"][0]


def test_survey_data_come_without_the_warning(client: FlaskClient, ask: Callable[..., Any]) -> None:
    ask("states_mean", question=SINGING)
    files = opened(client.get("/api/get_results/job_id_1?format=zip"))
    assert not any(b"modelled" in content for content in files.values())


def test_an_archive_has_the_same_bytes_each_time_and_no_tag(finished: Any) -> None:
    client, paths = finished
    first, second = (client.get(f"{paths['estimate']}?format=zip") for _ in range(2))
    assert first.data == second.data
    assert first.headers["Content-Disposition"] == 'attachment; filename="estimate-Q036-job_id_12.zip"'
    assert "ETag" not in first.headers
    with zipfile.ZipFile(io.BytesIO(first.data)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert opened(client.get(paths["estimate"], headers={"Accept": "application/zip"})) == opened(first)


def test_an_archive_without_provenance_says_that_the_source_is_not_known_any_more() -> None:
    content = orjson.dumps({"status": "done", "data": {"Ohio": 31.0}})
    made = archive_of(Job(7, job_request("states_mean", b'{"question":"q"}')), content, {})
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        readme, metadata = archive.read("README.txt").decode(), json.loads(archive.read("metadata.json"))
    assert "Source: not known any more" in readme
    assert 'Request: states_mean {"question":"q"}' in readme
    assert metadata["tableSchema"]["columns"][0]["name"] == "location"


def test_a_result_of_which_only_the_file_is_left_has_an_archive_too() -> None:
    content = orjson.dumps({"status": "done", "data": {"Ohio": 31.0}})
    made = archive_of(Job(7, None), content, {})
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.read("data.csv") == b"key,value\r\nOhio,31.0\r\n"
        assert archive.read("README.txt").startswith(b"job_id_7\n--------\n")


# Citations as files


@pytest.mark.parametrize("name", CITED)
def test_citations_are_served_as_files(finished: Any, name: str) -> None:
    client, paths = finished
    citation = client.get(paths[name]).get_json()["citation"]
    bibtex, csl = (client.get(f"{paths[name]}?format={form}") for form in ("bibtex", "csljson"))
    assert (bibtex.content_type, bibtex.text) == ("application/x-bibtex; charset=utf-8", citation["bibtex"])
    assert bibtex.headers["Content-Disposition"].endswith('.bib"')
    assert csl.content_type == "application/vnd.citationstyles.csl+json"
    assert csl.headers["Content-Disposition"].endswith('.csl.json"')
    items = json.loads(csl.data)
    assert items == [citation["csl"]]
    jsonschema.validate(items, csl_schema())
    files = opened(client.get(f"{paths[name]}?format=zip"))
    assert (files["citation.bib"], files["citation.csl.json"]) == (bibtex.data, csl.data)


@pytest.mark.parametrize("media_type", ["application/x-bibtex", "application/vnd.citationstyles.csl+json"])
def test_a_citation_is_negotiated(finished: Any, media_type: str) -> None:
    client, paths = finished
    answer = client.get(paths["trend"], headers={"Accept": media_type})
    assert (answer.status_code, answer.mimetype) == (200, media_type)
    tag = answer.headers["ETag"]
    assert client.get(paths["trend"], headers={"Accept": media_type, "If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("form", ["bibtex", "csljson"])
def test_a_statistic_without_citation_is_refused_with_those_that_have_one(finished: Any, form: str) -> None:
    client, paths = finished
    reason = assert_error(client.get(f"{paths['best5']}?format={form}"), 400)
    assert reason == f"results of best5 have no citation; those of {', '.join(CITED)} have one"


def test_a_result_of_an_earlier_version_has_no_citation_and_the_reason_says_why(
    client: FlaskClient, services: Services
) -> None:
    earlier = document(orjson.dumps({"status": "done", "data": [], "provenance": {"rows_used": 0}}))
    job = services.pool.add_task(job_request("estimate", b'{"question":"q"}'), lambda: earlier)
    client.get(f"/api/get_results/{job.id}?wait=10")
    reason = assert_error(client.get(f"/api/get_results/{job.id}?format=bibtex"), 400)
    assert reason == f"{job.id} has no citation: an earlier version of the server computed it; submit the request again"
