"""The command line: what is printed, what is sent, and the exit codes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.client.command_line import main
from support.real_server import free_port
from support.small_survey import OBESITY, OBESITY_BY_GENDER, SINGING, STRENGTH
from support.stub_server import Answer, StubServer

QUESTIONS = [{"id": "Q036", "question": OBESITY, "best": "min", "years": [2019]}]
STATES = [
    {"name": "Ohio", "abbreviation": "OH"},
    {"name": "Utah", "abbreviation": "UT"},
    {"name": "National", "abbreviation": "US"},
]
DONE = {"status": "done", "data": {"Utah": 25.0}}
FIFTH_YEAR = {"location": "Ohio", "years": [{"year": 2015, "value": 31.0}]}

Printed = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _no_settings_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATS_URL", "STATS_ADMIN_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def asking_stub(stub: StubServer) -> StubServer:
    """A stub that knows a question and three states, and answers every trend with the same result."""
    stub.on("GET /api/questions", {"status": "done", "data": QUESTIONS})
    stub.on("GET /api/states", {"status": "done", "data": STATES})
    stub.on("GET /api/dataset", {"status": "done", "data": {"modelled": False}})
    stub.on("POST /api/trend", {"job_id": "job_id_1"})
    stub.on("GET /api/get_results/job_id_1", DONE)
    return stub


def sent(stub: StubServer, *options: str) -> Any:
    """Ask a stub for a trend with some options and return the body that it got."""
    assert main(["-a", stub.address, "ask", "trend", *options]) == 0
    return stub.bodies("POST /api/trend")[-1]


def means() -> dict[str, float]:
    """Return the mean of each location in the small survey, worked out from its rows by hand."""
    found = {state: (female + male) / 2 for state, _, female, male in OBESITY_BY_GENDER}
    return found | {"Ohio": (30.0 + 32.0 + 31.0) / 3, "Utah": (24.0 + 26.0 + 20.0) / 3}


# Asking


def test_a_question_is_completed_asked_and_answered_by_a_table(address: str, capsys: Printed) -> None:
    assert main(["ask", "best5", "--question", "obesity", "--address", address]) == 0
    printed = capsys.readouterr()
    best = sorted(means().items(), key=lambda item: item[1])[:5]
    lines = [line.split() for line in printed.out.splitlines()]
    assert lines == [f"best5: {OBESITY}".split(), [], *([state, f"{mean:.2f}"] for state, mean in best)]
    assert f"question 'obesity': {OBESITY}" in printed.err


def test_a_state_where_a_list_of_locations_is_taken_is_told_with_the_option_to_use(
    address: str, capsys: Printed
) -> None:
    assert main(["-a", address, "ask", "estimate", "-q", "Q036", "-s", "ohoi"]) == 2
    assert "error: estimate takes no --state; name one or more by --locations 'Ohio'" in capsys.readouterr().err


def test_the_document_is_printed_as_json(address: str, capsys: Printed) -> None:
    assert main(["-a", address, "ask", "state_mean", "-q", "Q036", "-s", "ohoi", "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"status": "done", "data": {"Ohio": pytest.approx(means()["Ohio"])}}


def test_a_table_goes_to_a_file(address: str, tmp_path: Path, capsys: Printed) -> None:
    target = tmp_path / "table.txt"
    assert main(["-a", address, "ask", "state_mean", "-q", "Q036", "-s", "UT", "-o", str(target)]) == 0
    assert f"Utah  {means()['Utah']:.2f}" in target.read_text(encoding="utf-8")
    assert capsys.readouterr().out == ""


def test_a_result_is_fetched_later(address: str, capsys: Printed) -> None:
    main(["-a", address, "ask", "global_mean", "-q", "Q036"])
    capsys.readouterr()
    assert main(["-a", address, "result", "job_id_1", "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"].keys() == {"global_mean"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ask", "best5", "-q", "percent of adults"], [OBESITY, STRENGTH, SINGING]),
        (["ask", "state_m", "-q", "obesity"], ["state_mean", "state_mean_by_category"]),
        (["ask", "state_mean", "-q", "obesity", "-s", "zzz"], ["no state is known by 'zzz'", "client states`"]),
        (["ask", "best5", "-q", "obesity", "--stratum", "Male"], ["--stratum needs the --category"]),
        (["ask", "best5", "-q", "obesity", "-o", "no/such/folder/x.csv"], ["no folder 'no/such/folder'"]),
        (["batch", "no-such-file.jsonl"], ["no-such-file.jsonl: No such file"]),
    ],
)
def test_what_makes_no_sense_is_told_and_nothing_is_submitted(
    address: str, capsys: Printed, arguments: list[str], told: list[str]
) -> None:
    assert main(["-a", address, *arguments]) == 2
    error = capsys.readouterr().err
    assert [text for text in told if text not in error] == []
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
        ["ask", "best5", "--format", "pdf"],
        ["ask", "best5", "--timeout", "-1"],
        ["ask", "best5", "--timeout", "nan"],
        ["jobs", "--last", "-1"],
        ["jobs", "--retries", "many"],
    ],
)
def test_a_command_line_that_is_wrong_is_told_with_its_usage(arguments: list[str], capsys: Printed) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m app.client" in capsys.readouterr().err


def test_a_request_that_the_server_refuses_is_told(address: str, capsys: Printed) -> None:
    assert main(["-a", address, "ask", "state_mean", "-q", "obesity"]) == 1
    assert "'state' is missing" in capsys.readouterr().err


def test_where_no_server_answers_it_is_told_how_to_get_one(capsys: Printed) -> None:
    assert main(["--retries", "0", "jobs", "-a", f"127.0.0.1:{free_port()}"]) == 3
    assert "make run_server" in capsys.readouterr().err


def test_what_is_no_such_server_is_told(stub: StubServer, capsys: Printed) -> None:
    stub.on("GET /api/states", Answer(b"<html>"))
    assert main(["-a", stub.address, "states"]) == 4
    assert "not the health statistics server" in capsys.readouterr().err


def test_a_job_that_takes_too_long_is_left_to_be_fetched(
    address: str, capsys: Printed, open_gate: Callable[[], None]
) -> None:
    arguments = ["-a", address, "ask", "global_mean", "-q", "obesity"]
    assert main([*arguments, "--timeout", "0"]) == 5
    job_id = "job_id_3"  # behind the two that keep the runners busy
    assert f"`python -m app.client result {job_id}` fetches it later" in capsys.readouterr().err
    open_gate()
    assert main(["-a", address, "result", job_id]) == 0


def test_the_address_is_taken_from_the_environment(
    address: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATS_URL", address)
    assert main(["states", "-f", "json"]) == 0
    assert {"name": "Ohio", "abbreviation": "OH"} in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", ["statistics", "questions", "states", "dataset"])
@pytest.mark.parametrize("form", ["table", "json"])
def test_what_can_be_asked_is_listed(address: str, capsys: Printed, command: str, form: str) -> None:
    assert main(["-a", address, command, "-f", form]) == 0
    printed = capsys.readouterr().out
    named = {"statistics": "state_mean_by_category", "questions": OBESITY, "states": "Ohio", "dataset": "survey.csv"}
    assert named[command] in printed
    assert form == "table" or json.loads(printed)


def test_the_table_tells_what_was_asked(asking_stub: StubServer, capsys: Printed) -> None:
    sent(asking_stub, "-q", "obesity", "-s", "utah", "--years", "2015-", "--exclude", "National,Ohio")
    asked = ["state Utah; years from 2015; exclude National, Ohio", "", f"Utah  {25:.2f}"]
    assert capsys.readouterr().out.splitlines() == [f"trend: {OBESITY}", *asked]


def test_modelled_data_is_called_so_under_every_table(asking_stub: StubServer, capsys: Printed) -> None:
    asking_stub.on("GET /api/dataset", {"status": "done", "data": {"notice": "modelled: do not cite"}})
    main(["-a", asking_stub.address, "ask", "trend", "-q", "obesity"])
    assert capsys.readouterr().out.splitlines()[-1] == "modelled: do not cite"


def test_what_a_new_statistic_was_computed_from_stands_under_its_table(
    asking_stub: StubServer, capsys: Printed
) -> None:
    provenance = {"table": {"source": "brfss.csv"}, "rows_used": 6, "other": {"rows_used": 5}, "notes": ["a note"]}
    document = {"status": "done", "data": FIFTH_YEAR, "provenance": provenance}
    asking_stub.on("GET /api/get_results/job_id_1", document)
    main(["-a", asking_stub.address, "ask", "trend", "-q", "obesity"])
    printed = capsys.readouterr().out
    assert "a note" in printed
    assert "From 11 rows of brfss.csv." in printed


# What is sent


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
        (["--between", "location=Ohio,UT"], {"between": {"location": ["Ohio", "Utah"]}}),
        (["--between", "year=2015,2019"], {"between": {"year": [2015, 2019]}}),
        (
            ["--between", "stratum=$15,000 - $24,999;Less than $15,000"],
            {"between": {"stratum": ["$15,000 - $24,999", "Less than $15,000"]}},
        ),
    ],
)
def test_the_fields_that_are_given_are_sent_and_no_other(
    asking_stub: StubServer, options: list[str], fields: dict[str, Any]
) -> None:
    assert sent(asking_stub, *options) == fields


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
def test_strata_are_completed_where_the_server_tells_them(
    asking_stub: StubServer, options: list[str], fields: dict[str, Any]
) -> None:
    strata = {"Age (years)": ["18 - 24", "25 - 34"], "Gender": ["Female", "Male"]}
    asking_stub.on("GET /api/dataset", {"status": "done", "data": {"stratifications": strata}})
    assert sent(asking_stub, *options) == fields
    assert main(["-a", asking_stub.address, "ask", "trend", "--category", "age", "--stratum", "Male"]) == 2


@pytest.mark.parametrize(
    ("form", "content_type"),
    [
        ("csv", "text/csv"),
        ("parquet", "application/vnd.apache.parquet"),
        ("svg", "image/svg+xml"),
        ("png", "image/png"),
    ],
)
def test_a_form_is_fetched_and_written_as_it_comes(
    asking_stub: StubServer, tmp_path: Path, form: str, content_type: str
) -> None:
    content = bytes(range(256))
    asking_stub.on("GET /api/get_results/job_id_1", DONE, Answer(content, headers={"Content-Type": content_type}))
    target = tmp_path / f"result.{form}"
    sent(asking_stub, "-q", "obesity", "-o", str(target))
    assert target.read_bytes() == content
    fetched = [asked for asked in asking_stub.asked if asked.query.get("format")]
    assert [asked.query["format"] for asked in fetched] == [form]


def test_a_form_goes_to_the_output_as_it_comes(asking_stub: StubServer, capfdbinary: Any) -> None:
    asking_stub.on("GET /api/get_results/job_id_1", DONE, Answer(b"a\r\n1\r\n", headers={"Content-Type": "text/csv"}))
    sent(asking_stub, "-q", "obesity", "-f", "csv")
    assert capfdbinary.readouterr().out == b"a\r\n1\r\n"


@pytest.mark.parametrize(
    ("form", "holds"), [("csv", b"Utah"), ("parquet", b"PAR1"), ("svg", b"<svg"), ("png", b"\x89PNG")]
)
def test_forms_of_the_application_are_written(address: str, tmp_path: Path, form: str, holds: bytes) -> None:
    target = tmp_path / f"result.{form}"
    assert main(["-a", address, "ask", "best5", "-q", "obesity", "-o", str(target)]) == 0
    assert holds in target.read_bytes()
