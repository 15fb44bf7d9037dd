"""The commands ask, result and the lists: their output, their requests, and the exit codes."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from health_statistics import __version__
from health_statistics.__main__ import main
from health_statistics.arguments import create_parser
from support.real_server import free_port
from support.small_survey import OBESITY, OBESITY_BY_GENDER, SINGING, STRENGTH
from support.stub_server import Response, StubServer

QUESTIONS = [{"id": "Q036", "question": OBESITY, "best": "min", "years": [2019]}]
STATES = [
    {"name": "Ohio", "abbreviation": "OH"},
    {"name": "Utah", "abbreviation": "UT"},
    {"name": "National", "abbreviation": "US"},
]
DONE = {"status": "done", "data": {"Utah": 25.0}}
FIFTH_YEAR = {"location": "Ohio", "years": [{"year": 2015, "value": 31.0}]}

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def survey_stub(stub: StubServer) -> StubServer:
    """A stub with a question and three states that computes the same result for every trend."""
    stub.on("GET /api/questions", {"status": "done", "data": QUESTIONS})
    stub.on("GET /api/states", {"status": "done", "data": STATES})
    stub.on("GET /api/dataset", {"status": "done", "data": {"modelled": False}})
    stub.on("POST /api/trend", {"job_id": "job_id_1"})
    stub.on("GET /api/get_results/job_id_1", DONE)
    return stub


def sent(stub: StubServer, *options: str) -> Any:
    """Ask a stub for a trend with some options, and return the body that it received."""
    assert main(["-a", stub.address, "ask", "trend", *options]) == 0
    return stub.bodies("POST /api/trend")[-1]


def means() -> dict[str, float]:
    """Return the mean of each location in the small survey, computed from its rows."""
    expected = {state: (female + male) / 2 for state, _, female, male in OBESITY_BY_GENDER}
    return expected | {"Ohio": (30.0 + 32.0 + 31.0) / 3, "Utah": (24.0 + 26.0 + 20.0) / 3}


# Asking


def test_ask_completes_the_question_and_prints_a_table(address: str, capsys: Printed) -> None:
    assert main(["ask", "best5", "--question", "obesity", "--address", address]) == 0
    printed = capsys.readouterr()
    best = sorted(means().items(), key=lambda item: item[1])[:5]
    lines = [line.split() for line in printed.out.splitlines()]
    assert lines == [f"best5: {OBESITY}".split(), [], *([state, f"{mean:.2f}"] for state, mean in best)]
    assert f"question 'obesity': {OBESITY}" in printed.err


def test_a_state_for_a_statistic_of_many_locations_is_an_error_that_names_the_option(
    address: str, capsys: Printed
) -> None:
    assert main(["-a", address, "ask", "estimate", "-q", "Q036", "-s", "ohoi"]) == 2
    assert "error: estimate does not accept --state; use --locations 'Ohio'" in capsys.readouterr().err


def test_ask_prints_the_document_as_json(address: str, capsys: Printed) -> None:
    assert main(["-a", address, "ask", "state_mean", "-q", "Q036", "-s", "ohoi", "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"status": "done", "data": {"Ohio": pytest.approx(means()["Ohio"])}}


def test_ask_writes_a_table_to_a_file(address: str, tmp_path: Path, capsys: Printed) -> None:
    target = tmp_path / "table.txt"
    assert main(["-a", address, "ask", "state_mean", "-q", "Q036", "-s", "UT", "-o", str(target)]) == 0
    assert f"Utah  {means()['Utah']:.2f}" in target.read_text(encoding="utf-8")
    assert capsys.readouterr().out == ""


def test_result_prints_the_result_of_an_earlier_job(address: str, capsys: Printed) -> None:
    main(["-a", address, "ask", "global_mean", "-q", "Q036"])
    capsys.readouterr()
    assert main(["-a", address, "result", "job_id_1", "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"].keys() == {"global_mean"}


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (["ask", "best5", "-q", "percent of adults"], [OBESITY, STRENGTH, SINGING]),
        (["ask", "state_m", "-q", "obesity"], ["state_mean", "state_mean_by_category"]),
        (
            ["ask", "state_mean", "-q", "obesity", "-s", "zzz"],
            ["unknown state 'zzz'", "`health-statistics states` lists them all"],
        ),
        (["ask", "best5", "-q", "obesity", "--stratum", "Male"], ["--stratum needs --category"]),
        (["ask", "best5", "-q", "obesity", "-o", "no/such/folder/x.csv"], ["folder 'no/such/folder' does not exist"]),
        (["ask", "best5", "-q", "obesity", "-o", "x.xlsx"], ["ending '.xlsx' is not supported; use .txt, .pq, .json"]),
        (["states", "-o", "x.csv"], ["ending '.csv' is not supported; use .txt, .json, or add --format"]),
        (["ask", "best5", "-q", "obesity", "--theme", "dark", "-o", "x.csv"], ["--kind and --theme need a picture"]),
        (["result", "job_id_1", "--kind", "map"], ["--kind and --theme need a picture"]),
        (["ask", "best5", "-q", "obesity", "--cite", "-f", "csv"], ["leave --format out"]),
        (["ask", "best5", "-q", "obesity", "--cite", "-o", "no/such/x.bib"], ["folder 'no/such' does not exist"]),
        (["batch", "no-such-file.jsonl"], ["no-such-file.jsonl: No such file"]),
    ],
)
def test_wrong_arguments_are_reported_and_nothing_is_submitted(
    address: str, capsys: Printed, arguments: list[str], messages: list[str]
) -> None:
    assert main(["-a", address, *arguments]) == 2
    error = capsys.readouterr().err
    assert [text for text in messages if text not in error] == []
    main(["-a", address, "jobs", "-f", "json"])
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["ask"],
        ["ask", "best5", "--years", "15-19"],
        ["ask", "best5", "--years", "2015,soon"],
        ["ask", "best5", "--years", "-"],
        ["ask", "best5", "--between", "location=Ohio"],
        ["ask", "best5", "--between", "Ohio,Utah"],
        ["ask", "best5", "--between", "year=2015,soon"],
        ["ask", "best5", "--locations", ","],
        ["ask", "best5", "--field", "n"],
        ["ask", "best5", "--field", "timeout_seconds=1"],
        ["ask", "best5", "--format", "pdf"],
        ["ask", "best5", "--timeout", "-1"],
        ["ask", "best5", "--timeout", "nan"],
        ["jobs", "--last", "-1"],
        ["jobs", "--retries", "many"],
    ],
)
def test_a_usage_error_prints_the_usage(arguments: list[str], capsys: Printed) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: health-statistics" in capsys.readouterr().err


def test_a_rejected_request_is_reported(address: str, capsys: Printed) -> None:
    assert main(["-a", address, "ask", "state_mean", "-q", "obesity"]) == 1
    assert "'state' is missing" in capsys.readouterr().err


def test_without_a_server_the_error_says_how_to_start_one(capsys: Printed) -> None:
    assert main(["--retries", "0", "jobs", "-a", f"127.0.0.1:{free_port()}"]) == 3
    assert "make run_server" in capsys.readouterr().err


def test_another_kind_of_server_is_reported(stub: StubServer, capsys: Printed) -> None:
    stub.on("GET /api/states", Response(b"<html>"))
    assert main(["-a", stub.address, "states"]) == 4
    assert "is not a health statistics server" in capsys.readouterr().err


def test_after_a_timeout_the_error_says_how_to_get_the_result_later(
    address: str, capsys: Printed, open_gate: Callable[[], None]
) -> None:
    arguments = ["-a", address, "ask", "global_mean", "-q", "obesity"]
    assert main([*arguments, "--timeout", "0"]) == 5
    job_id = "job_id_3"  # behind the two that keep the runners busy
    assert f"Get its result later with `health-statistics result {job_id}`" in capsys.readouterr().err
    open_gate()
    assert main(["-a", address, "result", job_id]) == 0


def test_the_default_address_comes_from_the_environment(
    address: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATS_URL", address)
    assert main(["states", "-f", "json"]) == 0
    assert {"name": "Ohio", "abbreviation": "OH"} in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", ["statistics", "questions", "states", "dataset"])
@pytest.mark.parametrize("format", ["table", "json"])
def test_statistics_questions_states_and_dataset_are_listed(
    address: str, capsys: Printed, command: str, format: str
) -> None:
    assert main(["-a", address, command, "-f", format]) == 0
    printed = capsys.readouterr().out
    expected = {"statistics": "state_mean_by_category", "questions": OBESITY, "states": "Ohio", "dataset": "survey.csv"}
    assert expected[command] in printed
    assert format == "table" or json.loads(printed)


def test_the_title_of_a_table_has_the_fields_of_the_request(survey_stub: StubServer, capsys: Printed) -> None:
    sent(survey_stub, "-q", "obesity", "-s", "utah", "--years", "2015-", "--exclude", "National,Ohio")
    title = ["state Utah; years from 2015; exclude National, Ohio", "", f"Utah  {25:.2f}"]
    assert capsys.readouterr().out.splitlines() == [f"trend: {OBESITY}", *title]


def test_a_notice_about_modelled_data_follows_every_table(survey_stub: StubServer, capsys: Printed) -> None:
    survey_stub.on("GET /api/dataset", {"status": "done", "data": {"notice": "modelled: do not cite"}})
    main(["-a", survey_stub.address, "ask", "trend", "-q", "obesity"])
    assert capsys.readouterr().out.splitlines()[-1] == "modelled: do not cite"


def test_the_number_of_rows_follows_the_table(survey_stub: StubServer, capsys: Printed) -> None:
    provenance = {"table": {"source": "brfss.csv"}, "rows_used": 6, "other": {"rows_used": 5}}
    document = {"status": "done", "data": FIFTH_YEAR, "provenance": provenance}
    survey_stub.on("GET /api/get_results/job_id_1", document)
    main(["-a", survey_stub.address, "ask", "trend", "-q", "obesity"])
    assert "From 11 rows of brfss.csv." in capsys.readouterr().out


# Requests


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ([], {}),
        (["-q", "obesity"], {"question": OBESITY}),
        (["--other-question", "obes", "-s", "uta"], {"other_question": OBESITY, "state": "Utah"}),
        (["--years", "2015-2019"], {"years": {"from": 2015, "to": 2019}}),
        (["--years", "2015-"], {"years": {"from": 2015}}),
        (["--years", "-2019"], {"years": {"to": 2019}}),
        (["--years", "2015,2017"], {"years": [2015, 2017]}),
        (["--years", "2015"], {"years": [2015]}),
        (["--category", "Gender"], {"stratification": {"category": "Gender"}}),
        (["--category", "Gender", "--stratum", "Male"], {"stratification": {"category": "Gender", "value": "Male"}}),
        (["--locations", "OH, uta"], {"locations": ["Ohio", "Utah"]}),
        (["--exclude", "National", "--exclude-suppressed"], {"exclude": ["National"], "suppressed": "exclude"}),
        (["--best", "max", "-n", "3"], {"best": "max", "n": 3}),
        (["--by", "location,year"], {"by": ["location", "year"]}),
        (["--field", "limit=5", "--field", "mode=fast"], {"limit": 5, "mode": "fast"}),
        (["--between", "location=Ohio,UT"], {"between": {"location": ["Ohio", "Utah"]}}),
        (["--between", "year=2015,2019"], {"between": {"year": [2015, 2019]}}),
        (
            ["--between", "stratum=$15,000 - $24,999;Less than $15,000"],
            {"between": {"stratum": ["$15,000 - $24,999", "Less than $15,000"]}},
        ),
    ],
)
def test_only_the_fields_that_are_set_are_sent(
    survey_stub: StubServer, options: list[str], fields: dict[str, Any]
) -> None:
    assert sent(survey_stub, *options) == fields


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        (["--category", "gend"], {"stratification": {"category": "Gender"}}),
        (
            ["--category", "age", "--stratum", "18-24"],
            {"stratification": {"category": "Age (years)", "value": "18 - 24"}},
        ),
        (["--between", "stratum=fem,male"], {"between": {"stratum": ["Female", "Male"]}}),
    ],
)
def test_strata_are_completed_if_the_server_lists_them(
    survey_stub: StubServer, options: list[str], fields: dict[str, Any]
) -> None:
    strata = {"Age (years)": ["18 - 24", "25 - 34"], "Gender": ["Female", "Male"]}
    survey_stub.on("GET /api/dataset", {"status": "done", "data": {"stratifications": strata}})
    assert sent(survey_stub, *options) == fields
    assert main(["-a", survey_stub.address, "ask", "trend", "--category", "age", "--stratum", "Male"]) == 2


@pytest.mark.parametrize(
    ("ending", "format", "content_type"),
    [
        ("csv", "csv", "text/csv"),
        ("pq", "parquet", "application/vnd.apache.parquet"),
        ("PARQUET", "parquet", "application/vnd.apache.parquet"),
        ("svg", "svg", "image/svg+xml"),
        ("png", "png", "image/png"),
        ("bib", "bibtex", "application/x-bibtex"),
        ("zip", "zip", "application/zip"),
    ],
)
def test_a_file_format_is_written_unchanged(
    survey_stub: StubServer, tmp_path: Path, ending: str, format: str, content_type: str
) -> None:
    content = bytes(range(256))
    survey_stub.on("GET /api/get_results/job_id_1", DONE, Response(content, headers={"Content-Type": content_type}))
    target = tmp_path / f"result.{ending}"
    sent(survey_stub, "-q", "obesity", "-o", str(target))
    assert target.read_bytes() == content
    assert [request.query["format"] for request in survey_stub.requests if "format" in request.query] == [format]


def test_a_file_format_is_piped_unchanged(survey_stub: StubServer, capfdbinary: Any) -> None:
    survey_stub.on("GET /api/get_results/job_id_1", DONE, Response(b"a\r\n1\r\n", headers={"Content-Type": "text/csv"}))
    sent(survey_stub, "-q", "obesity", "-f", "csv")
    assert capfdbinary.readouterr().out == b"a\r\n1\r\n"


@pytest.mark.parametrize(
    ("ending", "content"), [("csv", b"Utah"), ("parquet", b"PAR1"), ("svg", b"<svg"), ("png", b"\x89PNG")]
)
def test_the_application_supports_the_file_formats(address: str, tmp_path: Path, ending: str, content: bytes) -> None:
    target = tmp_path / f"result.{ending}"
    assert main(["-a", address, "ask", "best5", "-q", "obesity", "-o", str(target)]) == 0
    assert content in target.read_bytes()


def test_kind_and_theme_of_a_picture_are_sent(survey_stub: StubServer, tmp_path: Path) -> None:
    picture = Response(b"<svg/>", headers={"Content-Type": "image/svg+xml"})
    survey_stub.on("GET /api/get_results/job_id_1", DONE, picture)
    sent(survey_stub, "-q", "obesity", "-o", str(tmp_path / "x.svg"), "--kind", "lines", "--theme", "dark")
    queries = [request.query for request in survey_stub.requests if "format" in request.query]
    assert queries == [{"format": "svg", "kind": "lines", "theme": "dark"}]


def test_the_application_draws_the_kind_and_the_theme(address: str, tmp_path: Path, capsys: Printed) -> None:
    pictures = []
    for options in (["--kind", "bars"], ["--kind", "map"], ["--kind", "map", "--theme", "dark"]):
        target = tmp_path / "picture.svg"
        assert main(["-a", address, "ask", "states_mean", "-q", "obesity", "-o", str(target), *options]) == 0
        pictures.append(target.read_bytes())
    assert len(set(pictures)) == 3
    assert main(["-a", address, "ask", "best5", "-q", "obesity", "-f", "svg", "--kind", "spiral"]) == 1
    assert "spiral" in capsys.readouterr().err


def test_the_result_of_another_request_is_not_printed(survey_stub: StubServer, capsys: Printed) -> None:
    details = {"job_id": "job_id_1", "statistic": "trend", "body": {"question": OBESITY, "state": "Texas"}}
    survey_stub.on("GET /api/job_details", {"status": "done", "data": [details]})
    assert main(["-a", survey_stub.address, "ask", "trend", "-q", "obesity", "-s", "ohio"]) == 4
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"job_id_1 belongs to another request (trend, {OBESITY}, Texas)" in printed.err


# Other commands


def test_the_version_is_printed(capsys: Printed) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"health-statistics {__version__}\n"


COMPLETE = """
source /dev/stdin
COMP_WORDS=({words})
_health_statistics health-statistics "${{COMP_WORDS[-1]}}" "${{COMP_WORDS[-2]}}"
echo "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        (["st"], ["statistics", "states"]),
        (["-a", "http://stats", "que"], ["questions"]),
        (["ask", "best5", "--o"], ["--output", "--other-question"]),
        (["ask", "best5", "--format", "p"], ["parquet", "png"]),
        (["ask", "best5", "-f", "s"], ["svg"]),
        (["jobs", "--state", ""], ["running", "done", "error"]),
        (["completion", "z"], ["zsh"]),
        (["ask", "best5", "--output", ""], []),
    ],
)
def test_bash_completes_commands_options_and_choices(words: list[str], completions: list[str], capsys: Printed) -> None:
    assert main(["completion", "bash"]) == 0
    quoted = " ".join(f"'{word}'" for word in ["health-statistics", *words])
    command = ["/bin/bash", "-c", COMPLETE.format(words=quoted)]
    ran = subprocess.run(command, input=capsys.readouterr().out, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == completions


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_scripts_of_other_shells_have_all_commands_and_parse(shell: str, capsys: Printed) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert {name for name in create_parser().parse_args(["completion", shell]).commands if name not in script} == set()
    if program := shutil.which(shell):
        subprocess.run([program, "-n", "/dev/stdin"], input=script, text=True, check=True)
