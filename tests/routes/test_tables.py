"""The routes of the table's versions: list, one, removal, and what changed between two."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pyarrow import parquet
from pydantic import SecretStr

from app import create_app
from app.services import Services
from app.settings import Settings
from support.small_survey import assert_error
from support.survey_files import WALKING
from support.vintages import CYCLING, FIRST, FORMULA, SECOND, THIRD, served_version, write_rows


class Site(NamedTuple):
    """A server that has served three versions of its table, and the ids of these."""

    client: FlaskClient
    ids: list[str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for the tests that only read."""
    folder = tmp_path_factory.mktemp("site")
    path = folder / "survey.csv"
    write_rows(path, FIRST)
    app = create_app(Settings(data=path, results_dir=folder / "results", log_file=folder / "log", threads=1))
    client, services = app.test_client(), app.extensions["services"]
    ids = [services.ingestor.table.id, *(served_version(client, path, rows) for rows in (SECOND, THIRD))]
    yield Site(client, ids)
    assert services.close()


@pytest.fixture
def settings(settings: Settings, survey_file: Path) -> Settings:
    """Settings of a server that may be changed, over the first version."""
    write_rows(survey_file, FIRST)
    return settings


def data_at(client: FlaskClient, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.get_json()["data"]


# Versions


def test_versions_are_listed_the_one_served_last_first(site: Site) -> None:
    listed = data_at(site.client, "/api/tables")
    assert [entry["id"] for entry in listed] == site.ids[::-1]
    assert [entry["current"] for entry in listed] == [True, False, False]
    newest = listed[0]
    assert (newest["source"], newest["rows"], newest["questions"]) == ("survey.csv", 5, 1)
    assert (newest["years"], newest["modelled"]) == ([2019, 2020], False)
    assert newest["first_read"] <= newest["last_read"] <= newest["served_from"][0]
    assert newest["size"] > 1000
    assert newest["sha256"] == data_at(site.client, "/api/dataset")["sha256"]


def test_a_version_is_found_by_its_id_by_the_first_characters_and_as_current(site: Site) -> None:
    listed = data_at(site.client, "/api/tables")
    for name in (site.ids[2], site.ids[2][:8], site.ids[2][:20], "current"):
        assert data_at(site.client, f"/api/tables/{name}") == listed[0]
    assert data_at(site.client, f"/api/tables/{site.ids[0]}") == listed[2]


@pytest.mark.parametrize("name", ["0123456789", "nonsense", "1234567", "CURRENT", "f" * 65, "%2e%2e", "0" * 64])
@pytest.mark.parametrize("ending", ["", "/changes", "/changes/chart"])
def test_an_unknown_version_is_404(site: Site, name: str, ending: str) -> None:
    assert "no version of the table" in assert_error(site.client.get(f"/api/tables/{name}{ending}"), 404)


def test_the_beginning_of_several_ids_is_refused(client: FlaskClient, services: Services) -> None:
    (version,) = services.tables.versions()
    other = f"{version.id[:60]}ffff"
    services.tables._versions[other] = replace(version, id=other)
    assert "add digits" in assert_error(client.get(f"/api/tables/{version.id[:12]}"), 400)
    assert client.get(f"/api/tables/{version.id}").status_code == 200


def test_a_removed_version_is_gone_for_every_route(client: FlaskClient, services: Services, survey_file: Path) -> None:
    first = services.ingestor.table.id
    second = served_version(client, survey_file, SECOND)
    assert client.get(f"/api/tables/{second}/changes").status_code == 200  # also when it was compared before
    answer = client.delete(f"/api/tables/{first[:10]}")
    assert answer.json == {"status": "done", "data": {first: "removed"}}
    assert [entry["id"] for entry in data_at(client, "/api/tables")] == [second]
    for path in (
        f"/{first}",
        f"/{first}/changes",
        f"/{second}/changes?since={first}",
        f"/current/changes?since={first}",
    ):
        assert "was removed on" in assert_error(client.get(f"/api/tables{path}"), 410)
    assert_error(client.delete(f"/api/tables/{first}"), 410)
    assert "since" in assert_error(client.get(f"/api/tables/{second}/changes"), 404)


def test_the_current_version_stays(client: FlaskClient, services: Services) -> None:
    for name in ("current", services.ingestor.table.id):
        assert "current table" in assert_error(client.delete(f"/api/tables/{name}"), 409)
    assert_error(client.delete("/api/tables/0123456789"), 404)


def test_a_version_that_unfinished_jobs_need_stays_until_they_are_done(
    client: FlaskClient, services: Services, survey_file: Path, open_gate: Callable[[], None]
) -> None:
    first = services.ingestor.table.id
    job = client.post("/api/global_mean", json={"question": WALKING}).get_json()["job_id"]
    served_version(client, survey_file, SECOND)
    assert "1 waiting or running job needs" in assert_error(client.delete(f"/api/tables/{first}"), 409)
    open_gate()
    result = client.get(f"/api/get_results/{job}?wait=10").get_json()
    assert result["data"] == {"global_mean": pytest.approx(25.25)}
    assert client.delete(f"/api/tables/{first}").status_code == 200
    assert client.get(f"/api/get_results/{job}").get_json() == result


def test_only_operators_remove_versions(start_app: Callable[[Settings], Flask], settings: Settings) -> None:
    client = start_app(settings.model_copy(update={"admin_token": SecretStr("a long token")})).test_client()
    assert_error(client.delete("/api/tables/current"), 401)
    assert_error(client.delete("/api/tables/current", headers={"Authorization": "Bearer guess"}), 403)
    assert_error(client.delete("/api/tables/current", headers={"Authorization": "Bearer a long token"}), 409)


# What changed


def test_changes_are_summed_up_and_listed(site: Site) -> None:
    data = data_at(site.client, f"/api/tables/{site.ids[1][:8]}/changes")
    assert (data["table"], data["since"]) == (site.ids[1], site.ids[0])  # the version before, by default
    summary = data["summary"]
    assert [summary[name] for name in ("changed", "added", "removed", "same")] == [2, 2, 1, 0]
    counts = [
        (each["question_id"], each["year"], each["changed"], each["added"], each["removed"], each["largest"])
        for each in summary["by_question"]
    ]
    assert counts == [("Q900", 2019, 2, 0, 0, 3.0), ("Q900", 2020, 0, 2, 0, None), ("Q901", 2019, 0, 0, 1, None)]
    assert (data["matching"], data["next"]) == (5, None)
    found = [(each["rank"], each["kind"], each["location"], each["difference"]) for each in data["changes"]]
    assert found == [
        (1, "changed", "Utah", -3.0),
        (2, "changed", "Ohio", 1.0),
        (3, "added", FORMULA, None),
        (4, "added", "Maine", None),
        (5, "removed", "Ohio", None),
    ]
    first, *_, last = data["changes"]
    assert (first["old"]["value"], first["new"]["value"]) == (20.0, 17.0)
    assert (last["question"], last["new"]) == (CYCLING["Question"], None)


def test_any_two_versions_are_compared_in_either_direction(site: Site) -> None:
    first, _, third = site.ids
    there = data_at(site.client, f"/api/tables/current/changes?since={first[:9]}")
    back = data_at(site.client, f"/api/tables/{first}/changes?since=current")
    assert (there["table"], there["since"]) == (back["since"], back["table"]) == (third, first)
    assert there["summary"]["added"] == back["summary"]["removed"] == 3
    assert there["changes"][0]["difference"] == -back["changes"][0]["difference"]
    same = data_at(site.client, "/api/tables/current/changes?since=current")
    assert (same["summary"]["same"], same["changes"], same["next"]) == (5, [], None)


def test_the_first_version_has_none_before_it(site: Site) -> None:
    reason = assert_error(site.client.get(f"/api/tables/{site.ids[0]}/changes"), 404)
    assert "?since=<id>" in reason


def test_pages_of_changes_follow_one_another(site: Site) -> None:
    address = f"/api/tables/{site.ids[1]}/changes"
    ranks, after = [], ""
    for _ in range(3):
        data = data_at(site.client, f"{address}?limit=2{after}")
        ranks.append([each["rank"] for each in data["changes"]])
        after = f"&after={data['next']}"
        assert data["matching"] == 5
    assert ranks == [[1, 2], [3, 4], [5]]
    assert data["next"] is None
    assert data_at(site.client, f"{address}?after=99")["changes"] == []
    assert data_at(site.client, f"{address}?limit=5000")["next"] is None


@pytest.mark.parametrize(
    ("query", "ranks"),
    [
        ("question=Q900", [1, 2, 3, 4]),
        (f"question={WALKING}", [1, 2, 3, 4]),
        ("question=Q901", [5]),
        ("year=2020", [3, 4]),
        ("question=Q900&year=2020&limit=1", [3]),
        ("question=Q900&year=2020&limit=1&after=3", [4]),
        ("year=1999", []),
    ],
)
def test_changes_are_selected_by_question_and_year(site: Site, query: str, ranks: list[int]) -> None:
    address = f"/api/tables/{site.ids[1]}/changes?{query}"
    data = data_at(site.client, address)
    assert [each["rank"] for each in data["changes"]] == ranks
    assert data["summary"]["changed"] == 2
    table = parquet.read_table(io.BytesIO(site.client.get(f"{address}&format=parquet").data))
    assert table.column("rank").to_pylist() == ranks
    if data["next"] is not None:
        assert data_at(site.client, f"{address}&after={data['next']}")["changes"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limit=0", "limit must be"),
        ("limit=x", "limit must be"),
        ("after=-1", "after must be"),
        ("year=last", "year must be"),
        ("question=Q9999", "unknown question 'Q9999'"),
        ("question=", "unknown question ''"),
        ("format=xlsx", "format must be json or csv or parquet or svg or png"),
        ("format=svg&theme=pink", "theme must be"),
    ],
)
def test_a_wrong_argument_is_refused(site: Site, query: str, words: str) -> None:
    assert words in assert_error(site.client.get(f"/api/tables/current/changes?{query}"), 400)


def test_files_hold_all_changes_and_no_formula(site: Site) -> None:
    address = f"/api/tables/{site.ids[1]}/changes"
    text = site.client.get(f"{address}?format=csv")
    assert text.headers["Content-Type"] == "text/csv; charset=utf-8"
    name = f"changes-{site.ids[1][:12]}-since-{site.ids[0][:12]}.csv"
    assert text.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    frame = pd.read_csv(io.StringIO(text.text))
    assert frame["location"].tolist() == ["Utah", "Ohio", f"'{FORMULA}", "Maine", "Ohio"]
    assert frame["old_value"].tolist()[:2] == [20.0, 30.5]
    table = parquet.read_table(io.BytesIO(site.client.get(f"{address}?format=parquet").data))
    assert table.column("location").to_pylist()[2] == FORMULA
    assert table.schema.metadata == {b"table": site.ids[1].encode(), b"since": site.ids[0].encode()}
    assert table.column_names == list(frame.columns)
    assert len(site.client.get(f"{address}?format=csv&limit=2").text.splitlines()) == 3


def test_too_many_changes_for_a_file_are_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.routes.tables.MOST_FILE_CHANGES", 4)
    address = f"/api/tables/{site.ids[1]}/changes?format=csv"
    assert "choose a question or a year" in assert_error(site.client.get(address), 400)
    assert site.client.get(f"{address}&question=Q900").status_code == 200


@pytest.mark.parametrize(("format", "start"), [("svg", b"<svg"), ("png", b"\x89PNG")])
def test_the_largest_changes_are_drawn(site: Site, format: str, start: bytes) -> None:
    for version in site.ids[1:]:  # with changed values, and with added cells alone
        answer = site.client.get(f"/api/tables/{version}/changes?format={format}&theme=dark")
        assert answer.status_code == 200
        assert answer.data.startswith(start)
    chart = site.client.get(f"/api/tables/{site.ids[1]}/changes/chart").get_json()
    assert chart["data"]["values"][0] == {"place": 0, "before": 20.0, "after": 17.0}
    assert chart["title"]["text"] == "Largest changes"
    chart = site.client.get(f"/api/tables/{site.ids[2]}/changes/chart").get_json()
    assert chart["data"]["values"] == [{"place": 0, "kind": "added", "cells": 1}]
