"""The routes of the table's versions: list, one, removal, and what changed between two."""

import io
import time
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
from app.errors import UnavailableError
from app.services import Services
from app.settings import Settings
from app.versions import comparisons
from app.versions.changes import Comparison, compare
from app.versions.comparisons import MOST_WAITING, Comparisons
from support.small_survey import assert_error
from support.survey_files import WALKING, Row, row
from support.vintages import served_version, write_rows

CYCLING = {"Question": "Percent of adults who cycle", "QuestionID": "Q901"}
FORMULA = "=1+1"
FIRST: list[Row] = [row(), row(LocationDesc="Utah", Data_Value=20), row(**CYCLING)]
SECOND: list[Row] = [
    row(Data_Value=31.5),
    row(LocationDesc="Utah", Data_Value=17),
    row(LocationDesc=FORMULA, YearStart=2020, YearEnd=2020),
    row(LocationDesc="Maine", YearStart=2020, YearEnd=2020),
]
THIRD: list[Row] = [*SECOND, row(LocationDesc="Iowa")]
LOG_SECONDS = 20.0


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


# Comparing


def comparing(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return a list that gets the ids of each pair of versions that is compared."""
    pairs = []

    def noted(old: Any, new: Any) -> Comparison:
        pairs.append((old.id, new.id))
        return compare(old, new)

    monkeypatch.setattr(comparisons, "compare", noted)
    return pairs


def test_a_pair_is_compared_once_and_the_cache_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    services: Services = site.client.application.extensions["services"]
    pairs = comparing(monkeypatch)
    first, second, third = site.ids
    unbounded = Comparisons(services.tables)
    for _ in range(2):
        unbounded.between(first, second)
        unbounded.between(second, third)
    assert pairs == [(first, second), (second, third)]
    bounded = Comparisons(services.tables, most_bytes=1)
    pairs.clear()
    for _ in range(2):
        bounded.between(first, second)
        bounded.between(first, second)
        bounded.between(second, third)
    assert pairs == [(first, second), (second, third)] * 2


def test_beyond_a_few_that_wait_comparisons_are_refused(site: Site) -> None:
    services: Services = site.client.application.extensions["services"]
    busy = Comparisons(services.tables)
    places = [busy._places.acquire() for _ in range(1 + MOST_WAITING)]
    assert all(places)
    with pytest.raises(UnavailableError, match="try again in 5 s"):
        busy.between(*site.ids[:2])
    for _ in places:
        busy._places.release()
    assert busy.between(*site.ids[:2]).size == 5


# The log


def wait_for_log(settings: Settings, words: str) -> list[str]:
    """Wait for a line of the log with some words; return all lines about a table."""
    deadline = time.monotonic() + LOG_SECONDS
    while words not in settings.log_file.read_text():
        assert time.monotonic() < deadline, settings.log_file.read_text()
        time.sleep(0.05)
    return [line for line in settings.log_file.read_text().splitlines() if " table " in line]


def test_the_log_sums_up_what_a_new_table_changed(
    client: FlaskClient, services: Services, survey_file: Path, settings: Settings
) -> None:
    first = services.ingestor.table.id
    second = served_version(client, survey_file, SECOND)
    (line,) = wait_for_log(settings, "replaces")
    assert line.endswith(
        f"INFO [Maintenance] table {second[:12]} replaces {first[:12]}: 2 cells changed (largest: Utah 2019, Female, "
        "Percent of adults who walk to work: 20.0 to 17.0), 2 added, 1 removed"
    )
    assert served_version(client, survey_file, FIRST) == first
    assert f"table {first[:12]} replaces {second[:12]}: 2 cells changed" in wait_for_log(settings, "2 removed")[-1]


def test_a_restart_logs_a_table_that_changed_meanwhile_and_only_that(
    start_app: Callable[[Settings], Flask], settings: Settings, survey_file: Path
) -> None:
    for rows in (FIRST, FIRST, SECOND, SECOND):
        write_rows(survey_file, rows)
        services: Services = start_app(settings).extensions["services"]
        services.comparisons.log_new(services.ingestor.table.id)
        assert services.close()
    lines = [line for line in settings.log_file.read_text().splitlines() if "replaces" in line]
    assert len(lines) == 1
    assert "2 cells changed" in lines[0]


def test_a_table_that_cannot_be_compared_is_served_all_the_same(
    client: FlaskClient, services: Services, survey_file: Path, settings: Settings
) -> None:
    first = services.ingestor.table.id
    (settings.results_dir / "tables" / f"{first}.parquet").write_bytes(b"damaged")
    second = served_version(client, survey_file, SECOND)
    lines = wait_for_log(settings, "they cannot be compared")
    assert f"WARNING [Maintenance] table {second[:12]} replaces {first[:12]}; they cannot be compared: " in lines[-1]
    assert data_at(client, "/api/dataset")["table_id"] == second
    assert client.get("/readyz").status_code == 200
    assert_error(client.get("/api/tables/current/changes"), 410)


def test_a_fault_of_the_comparison_is_logged_once_and_leaves_the_reload_alone(
    client: FlaskClient, survey_file: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(old: Any, new: Any) -> Comparison:
        raise ZeroDivisionError

    monkeypatch.setattr(comparisons, "compare", fail)
    second = served_version(client, survey_file, SECOND)
    wait_for_log(settings, "ZeroDivisionError")
    assert data_at(client, "/api/dataset")["table_id"] == second
    time.sleep(2.5)  # two more rounds of maintenance
    assert settings.log_file.read_text().count("Traceback") == 1
