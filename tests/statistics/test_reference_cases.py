import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import checker
from app.planner import Planner
from app.table.engines.pandas_reader import read_table
from tools import make_reference_cases as reference_cases

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
OFFICIAL = SHARED / "official_cases"
OFFICIAL_TABLE = SHARED / "course_subset_key_columns.csv"
OFFICIAL_COUNT = 114
TESTS = ROOT / "tests" / "cases"

OBESITY = reference_cases.QUESTION_TEXTS["Q036"]
MUSCLES = reference_cases.QUESTION_TEXTS["Q046"]
HEADER = ",LocationDesc,High_Confidence_Limit ,Question,Data_Value ,StratificationCategory1,Stratification1"


def table(*rows: tuple[str, str, str, str, str]) -> str:
    """Return CSV text of rows of location, question, value, category and stratum, with an index and a spare column."""
    lines = (
        f"{index},{place},9.5,{question},{value},{category},{stratum}"
        for index, (place, question, value, category, stratum) in enumerate(rows)
    )
    return "\n".join([HEADER, *lines]) + "\n"


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., reference_cases.Reference]:
    def read_table(*rows: tuple[str, str, str, str, str]) -> reference_cases.Reference:
        path = tmp_path / "table.csv"
        path.write_text(table(*rows), encoding="utf-8")
        return reference_cases.Reference(reference_cases.read_rows(path))

    return read_table


@pytest.fixture(scope="module")
def official_reference() -> reference_cases.Reference:
    if not OFFICIAL.is_dir():
        pytest.skip("no folder ../shared/data beside the project with the official cases")
    return reference_cases.Reference(reference_cases.read_rows(OFFICIAL_TABLE))


def case_files(folder: Path) -> dict[str, bytes]:
    paths = [*folder.glob("*/input/*"), *folder.glob("*/output/*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_the_official_cases_are_all_there(official_reference: reference_cases.Reference) -> None:
    cases = checker.find_cases(OFFICIAL)
    assert len(cases) == OFFICIAL_COUNT
    assert {case.statistic for case in cases} == set(reference_cases.STATISTICS)


@pytest.mark.parametrize("statistic", reference_cases.STATISTICS)
def test_the_reference_equals_the_official_cases(official_reference: reference_cases.Reference, statistic: str) -> None:
    cases = [case for case in checker.find_cases(OFFICIAL) if case.statistic == statistic]
    computed = {case: official_reference.expected(statistic, case.body()) for case in cases}
    ranking = statistic in checker.RANKINGS
    found = [checker.difference(case.expected(), computed[case], ranking=ranking) for case in cases]
    assert found == [None] * len(cases)
    assert cases


def test_the_server_gives_nearly_all_official_numbers_bit_for_bit() -> None:
    """Checkers with exact equality pass for these; the others differ by how the references were summed."""
    if not OFFICIAL_TABLE.exists():
        pytest.skip("no folder ../shared/data beside the project with the official cases")
    planner, same, total = Planner(read_table(OFFICIAL_TABLE)), 0, 0
    for case in checker.find_cases(OFFICIAL):
        document = planner.plan(case.statistic, json.dumps(case.body()).encode()).work()
        for ours, theirs in zip(
            numbers_in(json.loads(document.content)["data"]), numbers_in(case.expected()), strict=True
        ):
            same, total = same + (ours == theirs), total + 1
    assert total > 10_000
    assert same / total >= 0.985


def numbers_in(data: Any) -> list[float]:
    """Return the numbers of a result, sorted by their names."""
    if isinstance(data, dict):
        return [number for name in sorted(data) for number in numbers_in(data[name])]
    return [data]


def test_the_tool_writes_the_cases_that_lie_in_tests(tmp_path: Path) -> None:
    reference_cases.main(["--output", str(tmp_path)])
    written, kept = case_files(tmp_path), case_files(TESTS)
    assert sorted(written) == sorted(kept)
    assert [name for name in kept if kept[name] != written[name]] == []


def test_the_tool_removes_cases_of_an_earlier_run_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "best5" / "input"
    folder.mkdir(parents=True)
    for name in ("in-99.json", "notes.txt"):
        (folder / name).write_text("{}", encoding="utf-8")
    (tmp_path / "small.csv").write_text(table(("Ohio", OBESITY, "30", "Total", "Total")), encoding="utf-8")
    reference_cases.main(["--table", str(tmp_path / "small.csv"), "--output", str(tmp_path)])
    assert sorted(path.name for path in folder.iterdir()) == ["in-1.json", "notes.txt"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("LocationDesc,Question\nOhio,q\n", "has no column 'Data_Value'"),
        ("", "has no value for any"),
        (None, "No such"),
    ],
)
def test_the_tool_says_why_a_table_is_of_no_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, reason: str
) -> None:
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit, match="2"):
        reference_cases.main(["--table", str(path), "--output", str(tmp_path)])
    assert reason in capsys.readouterr().err


def test_the_cases_ask_for_all_that_matters() -> None:
    cases = checker.find_cases(TESTS)
    assert len(cases) >= 110
    for statistic in reference_cases.STATISTICS:
        bodies = [case.body() for case in cases if case.statistic == statistic]
        named = {body["question"] for body in bodies}
        assert {reference_cases.QUESTION_TEXTS.get(name, name) for name in named} == set(reference_cases.BEST)
        assert named & reference_cases.QUESTION_TEXTS.keys()
        if statistic in reference_cases.STATE_STATISTICS:
            states = {body["state"] for body in bodies}
            full_names = {reference_cases.LOCATION_NAMES.get(state, state) for state in states}
            assert len(full_names) >= 15
            assert full_names > {"National", "Guam", "District of Columbia"}
            assert states & reference_cases.LOCATION_NAMES.keys()


@pytest.mark.parametrize("value", ["", "~", "nan", "inf", "-0.1", "100.1"])
def test_rows_without_a_percentage_are_left_out(read: Callable[..., reference_cases.Reference], value: str) -> None:
    reference = read(("Ohio", OBESITY, value, "Total", "Total"), ("Ohio", OBESITY, " 30 ", "Total", "Total"))
    assert reference.expected("global_mean", {"question": "Q036"}) == {"global_mean": 30.0}


def test_rows_without_stratum_count_in_the_means_only(read: Callable[..., reference_cases.Reference]) -> None:
    reference = read(("Ohio", OBESITY, "30", "Gender", "Male"), ("Ohio", OBESITY, "40", "", ""))
    body = {"question": OBESITY, "state": "OH"}
    assert reference.expected("state_mean", body) == {"Ohio": 35.0}
    assert reference.expected("state_mean_by_category", body) == {"Ohio": {"('Gender', 'Male')": 30.0}}
    assert reference.expected("mean_by_category", body) == {"('Ohio', 'Gender', 'Male')": 30.0}


@pytest.mark.parametrize(
    ("question", "statistic", "order"),
    [
        (OBESITY, "best5", ["Iowa", "Alaska", "Ohio", "Utah", "Guam"]),
        (OBESITY, "worst5", ["Texas", "Guam", "Utah", "Alaska", "Ohio"]),
        (MUSCLES, "best5", ["Texas", "Guam", "Utah", "Alaska", "Ohio"]),
        (MUSCLES, "worst5", ["Iowa", "Alaska", "Ohio", "Utah", "Guam"]),
        (MUSCLES, "states_mean", ["Iowa", "Alaska", "Ohio", "Utah", "Guam", "Texas"]),
        (MUSCLES, "diff_from_mean", ["Iowa", "Alaska", "Ohio", "Utah", "Guam", "Texas"]),
    ],
)
def test_rankings_run_in_the_right_direction_and_ties_by_name(
    read: Callable[..., reference_cases.Reference], question: str, statistic: str, order: list[str]
) -> None:
    values = {"Ohio": "20.1", "Texas": "50", "Iowa": "10", "Guam": "40", "Alaska": "20.1", "Utah": "30"}
    reference = read(*((place, question, value, "Total", "Total") for place, value in values.items()))
    result = reference.expected(statistic, {"question": question})
    assert isinstance(result, dict)
    assert list(result) == order


def test_equal_means_of_different_rows_are_a_tie(tmp_path: Path) -> None:
    values = {"Ohio": ("0.1", "0.2", "0.3"), "Iowa": ("0.2", "0.2", "0.2"), "Guam": ("0.3", "0.2", "0.1")}
    rows = [(place, OBESITY, value, "Total", "Total") for place, column in values.items() for value in column]
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(table(*rows).encode("utf-8-sig")))
    result = reference_cases.expected(reference_cases.read_rows(path), "states_mean", {"question": "Q036"})
    assert json.dumps(result) == '{"Guam": 0.2, "Iowa": 0.2, "Ohio": 0.2}'


EXPECTED = {"Iowa": 10.0, "Ohio": 20.0, "Utah": 20.0, "Guam": 30.0}


@pytest.mark.parametrize(
    ("actual", "found"),
    [
        ({**EXPECTED, "Ohio": 20.001}, "data['Ohio'] is 20.001, expected 20.0"),
        ({**EXPECTED, "Ohio": "20.0"}, "data['Ohio'] is '20.0', expected 20.0"),
        ({**EXPECTED, "Ohio": None}, "data['Ohio'] is None, expected 20.0"),
        ({**EXPECTED, "Ohio": float("nan")}, "data['Ohio'] is nan, expected 20.0"),
        ({"Iowa": 10.0, "Guam": 30.0}, "data lacks 'Ohio' and 1 more"),
        ({**EXPECTED, "Texas": 40.0}, "data has 'Texas', which is not expected"),
        (dict(reversed(EXPECTED.items())), "data has 'Guam' at place 1, expected 'Iowa'"),
        ([10.0], "data is [10.0], expected {'Iowa': 10.0, 'Ohio': 20.0, 'Utah': 20.0, 'Guam': 30.0}"),
    ],
)
def test_the_comparison_finds_the_first_difference(actual: object, found: str) -> None:
    assert checker.difference(EXPECTED, actual, ranking=True) == found


def test_the_comparison_looks_into_lists_and_objects() -> None:
    assert checker.difference({"Ohio": {"a": 1}}, {"Ohio": {"a": 2}}) == "data['Ohio']['a'] is 2, expected 1"
    assert checker.difference([1, [2, 3]], [1, [2, 4]]) == "data[1][1] is 4, expected 3"
    assert checker.difference([1], [1, 2]) == "data is [1, 2], expected [1]"
    assert checker.difference(1, True) == "data is True, expected 1"


def test_the_comparison_lets_ties_change_places_in_a_ranking_only() -> None:
    tied = {"Iowa": 10.0, "Utah": 20.0, "Ohio": 20.0, "Guam": 30.0}
    assert checker.difference(EXPECTED, tied, ranking=True) is None
    assert checker.difference(EXPECTED, tied) == "data has 'Utah' at place 2, expected 'Ohio'"


@pytest.mark.parametrize(("expected", "accepted", "refused"), [(20.0, 1e-12, 1e-7), (1e-12, 5e-10, 5e-9)])
def test_the_comparison_allows_for_rounding(expected: float, accepted: float, refused: float) -> None:
    assert checker.difference({"Ohio": expected}, {"Ohio": expected + accepted}) is None
    assert checker.difference({"Ohio": expected}, {"Ohio": expected + refused}) is not None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--cases", "nowhere"], "no such folder"),
        (["--cases", "."], "no file <statistic>/input/in-<number>.json"),
        (["--data", "nowhere.csv"], "no such file"),
        (["--data", ".", "--address", "http://127.0.0.1:1"], "leave out --address"),
        (["--timeout", "0"], "must be a positive number"),
    ],
)
def test_the_checker_refuses_wrong_usage(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        checker.main(arguments)
    assert reason in capsys.readouterr().err


def test_the_checker_says_that_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert checker.main(["--address", "http://127.0.0.1:1"]) == checker.UNUSABLE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("checker.py: GET /api/num_jobs: no response from http://127.0.0.1:1 ")
