"""Tables with a second and a third stratification over HTTP: strata of several categories at once."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from support.measured_tables import measured_text
from support.real_server import RealServer, running_server
from support.survey_files import Row, row, write

OLD, MALE, FEMALE = ("Age Group", "65 years or older"), ("Gender", "Male"), ("Gender", "Female")
AGES, GENDERS = ("Overall", "50-64 years", OLD[1]), ("Overall", "Male", "Female")
VALUES = {
    (age, gender): 20.0 + 10 * place + 3 * number
    for place, age in enumerate(AGES)
    for number, gender in enumerate(GENDERS)
}


def crossed_rows() -> list[Row]:
    """Return a question by age and gender; a question that has both at once alone; and one without a second one."""
    rows = []
    for (age, gender), value in VALUES.items():
        strata = {"StratificationCategory1": "Age Group", "Stratification1": age}
        if gender != "Overall":
            strata |= {"StratificationCategory2": "Gender", "Stratification2": gender}
        limits = {"Low_Confidence_Limit": value - 2, "High_Confidence_Limit ": value + 2}
        figures = {"Data_Value": value, "Question": "both", "QuestionID": "Q1", **limits}
        rows.append(row(**figures, **strata))
        if "Overall" not in {age, gender}:
            rows.append(row(**{**figures, "Question": "only both", "QuestionID": "Q2"}, **strata))
            third = {"StratificationCategory3": "Income", "Stratification3": "Low"}
            rows.append(row(**{**figures, "Data_Value": value + 0.5}, **strata, **third))
    return rows


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    path = write(tmp_path_factory.mktemp("crossed"), measured_text(crossed_rows()))
    with running_server({"STATS_DATA": str(path)}) as server:
        yield server


def values(document: Any) -> list[float]:
    """Return the values of a finished estimate."""
    assert document.get("status") == "done", document
    return [cell["value"] for cell in document["data"]]


def both(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"category": category, "value": value} for category, value in pairs]


def test_rows_of_everybody_are_the_total_whatever_they_are_called(server: RealServer) -> None:
    assert values(server.ask("estimate", question="Q1")) == [VALUES["Overall", "Overall"]]


@pytest.mark.parametrize("pairs", [(OLD, MALE), (MALE, OLD)], ids=["as in the table", "the other way round"])
def test_a_list_names_a_stratum_of_several_categories(server: RealServer, pairs: list[tuple[str, str]]) -> None:
    found = server.ask("estimate", question="Q1", stratification=both(*pairs))
    assert values(found) == [VALUES[OLD[1], "Male"]]
    named = [{"category": "Age Group + Gender", "value": "65 years or older + Male"}]
    assert found["provenance"]["filters"]["stratification"] == named


def test_a_stratum_of_everybody_in_a_list_restricts_nothing(server: RealServer) -> None:
    for second in ("Gender", "Age Group"):
        named = [OLD, (second, "Overall")] if second == "Gender" else [MALE, (second, "Overall")]
        key = (OLD[1], "Overall") if second == "Gender" else ("Overall", "Male")
        assert values(server.ask("estimate", question="Q1", stratification=both(*named))) == [VALUES[key]]


def test_three_stratifications_at_once(server: RealServer) -> None:
    named = both(("Income", "Low"), OLD, FEMALE)
    assert values(server.ask("estimate", question="Q1", stratification=named)) == [VALUES[OLD[1], "Female"] + 0.5]


def test_rows_of_several_categories_are_not_mixed_with_those_of_one(server: RealServer) -> None:
    by_gender = server.ask("estimate", question="Q1", by=["stratum"], stratification={"category": "Sex"})
    assert values(by_gender) == [VALUES["Overall", "Female"], VALUES["Overall", "Male"]]
    single = [value for key, value in VALUES.items() if "Overall" in key]
    mean = server.ask("state_mean", question="Q1", state="OH")["data"]["Ohio"]
    assert mean == pytest.approx(sum(single) / len(single))
    strata = server.ask("estimate", question="Q1", by=["category", "stratum"])
    assert {cell["category"] for cell in strata["data"]} == {"Total", "Gender", "Age Group"}
    assert {"reason": "strata of several categories", "rows": 8} in strata["provenance"]["left_out"]


def test_a_question_that_has_nothing_else_uses_its_rows_of_several_categories(server: RealServer) -> None:
    wanted = [value for key, value in VALUES.items() if "Overall" not in key]
    assert server.ask("state_mean", question="Q2", state="OH")["data"]["Ohio"] == pytest.approx(sum(wanted) / 4)
    assert len(values(server.ask("estimate", question="Q2", by=["stratum"]))) == 4


def test_strata_of_several_categories_are_compared_like_others(server: RealServer) -> None:
    pair = ["65 years or older + Male", "50-64 years + Male"]
    found = server.ask("compare", question="Q1", between={"stratum": pair})["data"]
    assert found["difference"]["value"] == pytest.approx(10)
    category = [{"category": "Gender"}, {"category": "Age Group"}]
    groups = server.ask("disparity", question="Q1", best="min", stratification=category)["data"]
    assert (groups["best"], groups["worst"]) == ("50-64 years + Male", "65 years or older + Female")


@pytest.mark.parametrize(
    ("stratification", "part"),
    [
        ([], "must be a list of objects"),
        ([{"category": "Gender", "value": "Male"}, {"category": "Age Group"}], "in all of them or in none"),
        ([{"category": "Gender", "stratum": "Male"}], "must be a list of objects"),
        ([{"category": "Gender", "value": 1}], "must be a list of objects"),
        ([OLD], "must be a list of objects"),
        (both(MALE, ("Age Group", "older")), "the closest are: '50-64 years + Male'"),
        (both(MALE, ("Education", "College")), "unknown stratification category 'Gender + Education'"),
        ("Gender", "must be an object"),
    ],
)
def test_other_lists_are_refused_with_the_reason(server: RealServer, stratification: Any, part: str) -> None:
    answer = requests.post(
        f"{server.address}/api/estimate", json={"question": "Q1", "stratification": stratification}, timeout=10
    )
    assert answer.status_code == 400
    assert part in answer.json()["reason"]


def test_a_recorded_request_has_the_names_of_the_table(server: RealServer) -> None:
    answer = requests.post(
        f"{server.address}/api/estimate", json={"question": "Q1", "stratification": both(MALE, OLD)}, timeout=10
    )
    job = requests.get(f"{server.address}/api/jobs/{answer.json()['job_id']}", timeout=10).json()
    stratum = {"category": "Age Group + Gender", "value": "65 years or older + Male"}
    assert job["data"]["body"]["stratification"] == stratum
