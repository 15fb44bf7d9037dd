"""The nine statistics against a plain computation over lists and dictionaries."""

import ast
import csv
import json
from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.errors import InvalidRequestError
from app.queries.bodies import parse_body
from app.statistics import STATISTICS
from app.table.engines.pandas_reader import read_table
from tools.make_reference_cases import STATISTICS as NINE

HEADER = ("LocationDesc", "Question", "Data_Value", "StratificationCategory1", "Stratification1")
TEXT = st.text("abAB '\"\\,(é", min_size=1, max_size=4).map(str.strip).filter(bool)
STRATUM = st.one_of(st.just(("", "")), st.tuples(TEXT, TEXT))
# Tenths, as CDC publishes them, and few, so that equal means come up.
ROWS = st.lists(
    st.tuples(TEXT, TEXT, st.integers(0, 60).map(lambda tenths: tenths / 10), STRATUM), min_size=1, max_size=60
)

Row = tuple[str, str, float, tuple[str, str]]


def compute(path: Path, statistic: str, **body: str) -> Any:
    """Compute a statistic as the server does."""
    table = read_table(path)
    entry = STATISTICS[statistic]
    raw = bytes(json.dumps(body), "utf-8")
    return entry.compute(table, entry.input.resolve(parse_body(raw, entry.body), table))


def plain(rows: list[Row], statistic: str, question: str, state: str, best: str) -> Any:
    """Compute a statistic from the rows of one question, straight from its definition."""
    asked = [row for row in rows if row[1] == question]
    overall = fmean(row[2] for row in asked)
    by_state, by_cell = defaultdict(list), defaultdict(list)
    for location, _, value, stratum in asked:
        by_state[location].append(value)
        if stratum != ("", ""):
            by_cell[(location, *stratum)].append(value)
    means = {location: fmean(values) for location, values in by_state.items()}
    cells = {key: fmean(values) for key, values in sorted(by_cell.items())}
    return {
        "states_mean": means,
        "state_mean": {state: means.get(state)},
        "best5": means,
        "worst5": means,
        "global_mean": {"global_mean": overall},
        "diff_from_mean": {location: overall - mean for location, mean in means.items()},
        "state_diff_from_mean": {state: overall - means.get(state, 0)},
        "mean_by_category": {repr(key): mean for key, mean in cells.items()},
        "state_mean_by_category": {state: {repr(key[1:]): mean for key, mean in cells.items() if key[0] == state}},
    }[statistic]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


def write(path: Path, rows: list[Row]) -> Path:
    """Write rows as a table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows((location, question, value, *stratum) for location, question, value, stratum in rows)
    return path


@pytest.mark.parametrize("statistic", NINE)
@given(rows=ROWS, best=st.sampled_from(["min", "max"]))
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_statistic_equals_its_plain_definition(folder: Path, statistic: str, rows: list[Row], best: str) -> None:
    location, question = rows[0][:2]
    body = {"question": question}
    if statistic.startswith("state_"):
        body["state"] = location
    if statistic in {"best5", "worst5"}:
        body["best"] = best
    result = compute(write(folder / f"{statistic}.csv", rows), statistic, **body)
    wanted = plain(rows, statistic, question, location, best)
    if statistic in {"best5", "worst5"}:
        _check_ranking(result, wanted, highest_first=(statistic == "best5") == (best == "max"))
        return
    assert _rounded(result) == _rounded(wanted)
    _check_order(statistic, result, plain(rows, "states_mean", question, location, best))


def _check_ranking(result: dict[str, float], means: dict[str, float], *, highest_first: bool) -> None:
    """Check the five against all the means: right values, the extreme ones, in order."""
    assert _rounded(result) == _rounded({name: means[name] for name in result})
    ordered = sorted(means.values(), reverse=highest_first)
    assert list(result.values()) == pytest.approx(ordered[:5], abs=1e-9)


def _check_order(statistic: str, result: Any, means: dict[str, float]) -> None:
    """Check the order that the contract gives."""
    if statistic in {"states_mean", "diff_from_mean"}:
        in_order = [means[name] for name in result]
        assert in_order == pytest.approx(sorted(in_order), abs=1e-9)
    elif statistic == "mean_by_category":
        assert list(result) == sorted(result, key=ast.literal_eval)
    elif statistic == "state_mean_by_category":
        (cells,) = result.values()
        assert list(cells) == sorted(cells, key=ast.literal_eval)


def _rounded(value: Any) -> Any:
    """Round the numbers of a nested dictionary to 9 decimals, whatever the order of its keys."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return pytest.approx(value, abs=1e-9)


def test_equal_means_are_in_the_order_of_the_names(folder: Path) -> None:
    rows: list[Row] = [(name, "q", 30.0, ("", "")) for name in ("Utah", "Iowa", "Ohio", "Maine", "Texas", "Guam")]
    path = write(folder / "ties.csv", rows)
    assert list(compute(path, "states_mean", question="q")) == ["Guam", "Iowa", "Maine", "Ohio", "Texas", "Utah"]
    for statistic in ("best5", "worst5"):
        assert list(compute(path, statistic, question="q", best="max")) == ["Guam", "Iowa", "Maine", "Ohio", "Texas"]


def test_a_question_with_suppressed_rows_only_is_rejected(folder: Path) -> None:
    path = folder / "suppressed.csv"
    path.write_text(",".join(HEADER) + ",Data_Value_Footnote_Symbol\nOhio,asked,,,,~\nOhio,other,5,,,\n")
    with pytest.raises(InvalidRequestError, match="question 'asked' has no values"):
        compute(path, "global_mean", question="asked")


def test_every_statistic_has_a_summary() -> None:
    assert len(STATISTICS) >= 9
    for name, entry in STATISTICS.items():
        assert entry.name == name
        assert entry.summary.endswith(".")
