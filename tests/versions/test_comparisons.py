"""Comparisons of kept versions: cached, one at a time, and summed up in the log."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.services import Services
from app.settings import Settings
from app.versions import comparisons
from app.versions.changes import Comparison, compare
from app.versions.comparisons import LONGEST_WAIT_SECONDS, MOST_WAITING, Comparisons, ComparisonsBusyError
from support.small_survey import assert_error
from support.vintages import FIRST, SECOND, THIRD, served_version, write_rows

LOG_SECONDS = 20.0


@pytest.fixture
def settings(settings: Settings, survey_file: Path) -> Settings:
    """Settings of a server over the first version."""
    write_rows(survey_file, FIRST)
    return settings


def comparing(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return a list that gets the ids of each pair of versions that is compared."""
    pairs = []

    def noted(old: Any, new: Any) -> Comparison:
        pairs.append((old.id, new.id))
        return compare(old, new)

    monkeypatch.setattr(comparisons, "compare", noted)
    return pairs


def test_a_pair_is_compared_once_and_the_cache_is_bounded(
    client: FlaskClient, services: Services, survey_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = services.ingestor.table.id
    second, third = (served_version(client, survey_file, rows) for rows in (SECOND, THIRD))
    services.maintenance.stop()  # it compares too, for the log
    pairs = comparing(monkeypatch)
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


def test_beyond_a_few_that_wait_comparisons_are_refused(services: Services) -> None:
    busy, current = Comparisons(services.tables), services.ingestor.table.id
    places = [busy._places.acquire() for _ in range(1 + MOST_WAITING)]
    assert all(places)
    with pytest.raises(ComparisonsBusyError, match="try again in 5 s"):
        busy.between(current, current)
    for _ in places:
        busy._places.release()
    assert busy.between(current, current).same == len(FIRST)
    with busy.turn(), pytest.raises(ComparisonsBusyError):
        busy.between(current, "another", seconds=0)


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


def test_the_log_waits_for_other_comparisons_without_holding_maintenance_up(
    client: FlaskClient, services: Services, survey_file: Path, settings: Settings
) -> None:
    with services.comparisons.turn():
        served_version(client, survey_file, SECOND)
        started = time.monotonic()
        for _ in range(3):
            services.comparisons.log_new(services.ingestor.table.id)
        assert time.monotonic() - started < LONGEST_WAIT_SECONDS
        assert "replaces" not in settings.log_file.read_text()
    (line,) = wait_for_log(settings, "replaces")
    assert "2 cells changed" in line


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
    with services.comparisons.turn():  # nothing is compared meanwhile
        second = served_version(client, survey_file, SECOND)
        (settings.results_dir / "tables" / f"{first}.parquet").write_bytes(b"damaged")
    lines = wait_for_log(settings, "they cannot be compared")
    assert f"WARNING [Maintenance] table {second[:12]} replaces {first[:12]}; they cannot be compared: " in lines[-1]
    assert client.get("/api/dataset").get_json()["data"]["table_id"] == second
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
    assert client.get("/api/dataset").get_json()["data"]["table_id"] == second
    time.sleep(2.5)  # two more rounds of maintenance
    assert settings.log_file.read_text().count("Traceback") == 1
