"""Tables with repeated rows over HTTP: two versions of CDC's table, and a value that was revised."""

import csv
import gzip
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from support.real_server import PROJECT_ROOT, RealServer, running_server
from support.survey_files import csv_text, write

CDC_TABLE = PROJECT_ROOT.parent / "shared" / "data" / "cdc_2011_2021.csv.gz"
OHIO = {"value": 34.8, "low": 33.5, "high": 36.1, "sample_size": 12_385, "rows": 1, "flags": [], "footnote": None}
CUT_STATES = ("Ohio", "Utah", "National")

pytestmark = pytest.mark.skipif(not CDC_TABLE.is_file(), reason="the CDC table lies in ../shared/data")


def dataset(server: RealServer) -> Any:
    """Return the report of the table."""
    return requests.get(f"{server.address}/api/dataset", timeout=10).json()["data"]


def cdc_rows() -> list[dict[str, str]]:
    """Return the rows of CDC's table in three locations."""
    with gzip.open(CDC_TABLE) as content:
        lines = csv.DictReader(io.TextIOWrapper(content, encoding="utf-8", newline=""))
        return [line for line in lines if line["LocationDesc"] in CUT_STATES]


def as_newer(line: dict[str, str]) -> dict[str, str]:
    """Return a row as newer versions of the table write it."""
    symbol = "-" if line["Data_Value_Footnote_Symbol"] else ""
    return {**line, "LocationID": line["LocationID"].zfill(2), "Data_Value_Footnote_Symbol": symbol}


def write_versions(folder: Path, revise: Callable[[dict[str, str]], dict[str, str]] = as_newer) -> Path:
    """Write an older and a newer version of the table into a folder."""
    lines = cdc_rows()
    write(folder, csv_text(lines, tuple(lines[0])), "2021.csv")
    write(folder, csv_text([revise(line) for line in lines], tuple(lines[0])), "2023.csv")
    return folder


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with running_server({"STATS_DATA": str(write_versions(tmp_path_factory.mktemp("versions")))}) as server:
        yield server


def test_two_versions_of_cdcs_table_give_the_figures_of_one(versions: RealServer) -> None:
    found = versions.ask("estimate", question="Q036", years=[2019], locations=["OH"])
    assert found["data"] == [{"location": "Ohio", **OHIO}]
    assert {"reason": "identical to a row that was used", "rows": 1} in found["provenance"]["left_out"]
    report = dataset(versions)
    assert (report["rows_identical"] * 2, report["conflicts"]) == (report["rows_read"], {})
    assert any("rows are identical to another row" in note for note in report["notes"])
    assert "WARNING" in next(line for line in versions.log_file.read_text().splitlines() if "are identical" in line)


def test_means_of_rows_use_every_row(versions: RealServer) -> None:
    values = [
        float(line["Data_Value"])
        for line in cdc_rows()
        if line["LocationDesc"] == "Ohio" and line["QuestionID"] == "Q036" and line["Data_Value"]
    ]
    found = versions.ask("state_mean", question="Q036", state="OH")["data"]
    assert found["Ohio"] == pytest.approx(sum(values) / len(values), abs=1e-12)


def test_a_revised_value_is_refused_and_said_everywhere(tmp_path: Path) -> None:
    def revise(line: dict[str, str]) -> dict[str, str]:
        revised = (line["LocationDesc"], line["QuestionID"], line["YearStart"], line["Stratification1"])
        return as_newer(line) | ({"Data_Value": "35.2"} if revised == ("Ohio", "Q036", "2019", "Total") else {})

    with running_server({"STATS_DATA": str(write_versions(tmp_path, revise))}) as server:
        requests_ = [("estimate", {}), ("trend", {}), ("compare", {"between": {"location": ["OH", "UT"]}})]
        reasons = {server.ask(statistic, question="Q036", **body)["reason"] for statistic, body in requests_}
        assert list(dataset(server)["conflicts"].values()) == list(reasons)
        (reason,) = reasons
        assert "Ohio, 2019, Total (2 rows). They differ in Data_Value; keep one of them in the table" in reason
        assert "Questions without estimates" in requests.get(f"{server.address}/data", timeout=10).text
        assert reason in server.log_file.read_text()
        assert "No estimates of 1 questions" in server.output()
        assert server.ask("estimate", question="Q047", years=[2019], locations=["OH"])["data"][0]["rows"] == 1
        assert server.ask("states_mean", question="Q036")["status"] == "done"
