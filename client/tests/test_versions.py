"""Versions of the table: listed, and asked without an id."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from health_statistics.__main__ import main

OHIO = (30.0 + 32.0 + 31.0) / 3  # its mean in the small survey
Printed = pytest.CaptureFixture[str]


def test_an_earlier_version_of_the_table_is_asked_without_its_id(
    address: str, survey_file: Path, capsys: Printed
) -> None:
    assert main(["-a", address, "ask", "state_mean", "-q", "Q036", "-s", "Ohio", "--table", "previous"]) == 2
    assert "keeps no earlier version of its table" in capsys.readouterr().err
    survey_file.write_text(survey_file.read_text(encoding="utf-8").replace("32.0", "52.0"), encoding="utf-8")
    assert main(["-a", address, "reload"]) == 0
    capsys.readouterr()
    values = {}
    for version in (), ("--table", "previous"), ("--as-of", datetime.now(UTC).date().isoformat()):
        assert main(["-a", address, "ask", "state_mean", "-q", "Q036", "-s", "Ohio", *version, "-f", "json"]) == 0
        values[version] = json.loads(capsys.readouterr().out)["data"]["Ohio"]
    current, previous, today = values.values()
    assert previous == pytest.approx(OHIO)
    assert current == today
    assert current > previous + 1


def test_tables_lists_the_versions(address: str, capsys: Printed) -> None:
    assert main(["-a", address, "tables"]) == 0
    header, row = capsys.readouterr().out.strip().split("\n")
    assert header.split() == ["table", "served", "from", "current", "rows", "years", "source"]
    assert row.split()[-1] == "survey.csv"
    assert main(["-a", address, "tables", "-f", "json"]) == 0
    (version,) = json.loads(capsys.readouterr().out)
    assert len(version["id"]) == 64
