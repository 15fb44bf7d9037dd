"""The option --cite: how to cite a result, instead of the result."""

import json
from pathlib import Path

import pytest

from health_statistics.__main__ import main
from support.stub_server import StubServer

Printed = pytest.CaptureFixture[str]


def test_cite_writes_the_citation_that_the_server_gives(address: str, tmp_path: Path, capsys: Printed) -> None:
    command = ["-a", address, "ask", "estimate", "-q", "obesity", "--locations", "Ohio,Utah", "--stratum", "Female"]
    command += ["--category", "Gender"]
    target = tmp_path / "references.bib"
    assert main([*command, "--cite"]) == main([*command, "--cite", "bibtex", "-o", str(target)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("survey.csv [Data set].")
    assert f"{address}/?statistic=estimate&" in text
    assert target.read_text().startswith("@misc{estimate-")
    assert main([*command, "--cite", "csljson"]) == main([*command, "-f", "csljson"]) == 0
    decoder, printed = json.JSONDecoder(), capsys.readouterr().out
    first, length = decoder.raw_decode(printed)
    second, _ = decoder.raw_decode(printed[length:].lstrip())
    assert first == second
    assert first[0]["URL"] in text
    assert first[0]["id"] in target.read_text()


def test_cite_of_a_result_that_was_submitted_before(stub: StubServer, capsys: Printed) -> None:
    citation = {"text": "CDC. Obesity \x1b[2J.", "bibtex": "@misc{x}\n", "csl": {"id": "x"}}
    stub.on("GET /api/get_results/job_id_1", {"status": "done", "data": [], "citation": citation})
    assert main(["-a", stub.address, "result", "job_id_1", "--cite"]) == 0
    assert capsys.readouterr().out == "CDC. Obesity \\u001b[2J.\n"
    assert main(["-a", stub.address, "result", "job_id_1", "--cite", "bibtex"]) == 0
    assert capsys.readouterr().out == "@misc{x}\n"


def test_a_result_without_citation_is_an_error_that_names_the_family(address: str, capsys: Printed) -> None:
    assert main(["-a", address, "ask", "best5", "-q", "obesity", "--cite"]) == 1
    printed = capsys.readouterr()
    assert "job_id_1 has no citation; results of estimate" in printed.err
    assert printed.out == ""
    assert main(["-a", address, "ask", "best5", "-q", "obesity", "-f", "bibtex"]) == 1
    assert "results of best5 have no citation; those of best, worst, estimate," in capsys.readouterr().err
