"""Questions with several value types and units over HTTP: crude and age-adjusted figures, rates and means."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from app.table.question import PERCENT
from support.measured_tables import ADJUSTED, CRUDE, DAYS, DEATHS, RATE, measured_text, published, several_value_types
from support.real_server import RealServer, running_server
from support.survey_files import WALKING, Row, write

Z = 1.959963984540054


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    path = write(tmp_path_factory.mktemp("measures"), measured_text(several_value_types()))
    with running_server({"STATS_DATA": str(path)}) as server:
        yield server


def one(server: RealServer, **body: Any) -> Any:
    """Return the only estimate of a request about Ohio in 2019 with its provenance."""
    document = server.ask("estimate", locations=["OH"], years=[2019], **body)
    assert document.get("status") == "done", document
    (cell,) = document["data"]
    return cell, document["provenance"]


def test_the_crude_prevalence_is_used_unless_a_request_names_another_value_type(server: RealServer) -> None:
    cell, provenance = one(server, question="Q900")
    assert (cell["value"], cell["low"], cell["high"]) == (30, 25, 35.5)
    assert (provenance["value_type"], provenance["unit"], provenance["question"]) == (CRUDE, PERCENT, WALKING)
    cell, provenance = one(server, question="Q900", value_type=ADJUSTED)
    assert (cell["value"], cell["low"], cell["high"]) == (28, 24, 32.4)
    assert provenance["value_type"] == ADJUSTED
    assert not any("crude" in note for note in provenance["notes"])


def test_means_of_rows_keep_value_types_apart_too(server: RealServer) -> None:
    assert server.ask("state_mean", question=WALKING, state="Ohio")["data"] == {"Ohio": 30}
    assert server.ask("state_mean", question=WALKING, state="Ohio", value_type=ADJUSTED)["data"] == {"Ohio": 28}
    assert server.ask("state_mean", question=DEATHS, state="Utah")["data"] == {"Utah": 102.5}


@pytest.mark.parametrize("statistic", ["estimate", "states_mean"])
def test_an_error_lists_the_value_types_to_choose_from(server: RealServer, statistic: str) -> None:
    reason = server.ask(statistic, question="Q902")["reason"]
    assert f"the question '{DAYS}' has several value types; name one as 'value_type': " in reason
    assert "'Mean'" in reason
    assert "'Age-adjusted Mean'" in reason
    reason = server.ask(statistic, question="Q902", value_type="Median")["reason"]
    assert reason.startswith("unknown value type 'Median'")
    assert server.ask(statistic, question="Q902", value_type="Mean")["status"] == "done"


def test_a_response_that_the_table_does_not_have_is_refused(server: RealServer) -> None:
    assert "leave 'response' out" in server.ask("estimate", question="Q900", response="Yes")["reason"]


def test_rates_above_100_are_used_and_have_symmetric_limits_that_are_not_cut(server: RealServer) -> None:
    cell, provenance = one(server, question=DEATHS)
    assert (cell["value"], cell["low"], cell["high"]) == (95, 88, 102)
    assert (provenance["unit"], provenance["limits_scale"]) == (RATE, "linear")
    (mean,) = server.ask("estimate", question=DEATHS, locations=["Utah"])["data"]
    error = 7 / 3**0.5
    assert (mean["value"], mean["low"], mean["high"]) == pytest.approx((102.5, 102.5 - error, 102.5 + error), rel=1e-12)
    assert requests.get(f"{server.address}/api/dataset", timeout=10).json()["data"]["rows_skipped"] == {}


def test_statistics_with_tests_work_in_any_unit(server: RealServer) -> None:
    gap = server.ask("compare", question=DEATHS, between={"location": ["Utah", "Ohio"]}, years=[2019])["data"]
    assert gap["difference"]["value"] == 7.5
    assert gap["difference"]["standard_error"] == pytest.approx(2**0.5 * 7 / Z, rel=1e-12)
    ranking = server.ask("rank", question=DEATHS, best="min", years=[2019])["data"]
    assert [place["location"] for place in ranking["locations"]] == ["Ohio", "Iowa", "Utah"]
    assert ranking["simulation"].endswith("linear scale")
    slope = server.ask("trend", question=DEATHS, state="Ohio")["data"]["slope"]
    assert slope["value"] == pytest.approx(0, abs=1e-12)


def test_the_scale_of_the_limits_belongs_to_the_value_type(server: RealServer) -> None:
    scales = {
        each: one(server, question="Q902" if "ean" in each else "Q900", value_type=each)[1]["limits_scale"]
        for each in (CRUDE, "Mean", "Age-adjusted Mean")
    }
    assert scales == {CRUDE: "logit", "Mean": "linear", "Age-adjusted Mean": "linear"}


def test_the_standard_for_proportions_does_not_flag_other_units(server: RealServer) -> None:
    assert one(server, question=DEATHS)[0]["flags"] == []


def test_questions_are_listed_once_for_each_value_type(server: RealServer) -> None:
    listed = requests.get(f"{server.address}/api/questions", timeout=10).json()["data"]
    found = [(each["question"], each["value_type"], each["unit"], each["rows"]) for each in listed]
    assert found == [
        (DEATHS, "Crude Rate", RATE, 9),
        (WALKING, ADJUSTED, PERCENT, 9),
        (WALKING, CRUDE, PERCENT, 9),
        (DAYS, "Age-adjusted Mean", "Number", 9),
        (DAYS, "Mean", "Number", 9),
    ]


def test_the_dataset_names_its_layout_and_what_it_lacks(server: RealServer) -> None:
    report = requests.get(f"{server.address}/api/dataset", timeout=10).json()["data"]
    assert report["layout"] == "Nutrition, Physical Activity, and Obesity: adults (BRFSS)"
    assert report["notes"] == []
    assert report["layout"] in requests.get(f"{server.address}/data", timeout=10).text


def test_pages_and_charts_show_the_unit_and_the_value_type(server: RealServer) -> None:
    answer = requests.post(f"{server.address}/api/states_mean", json={"question": DEATHS}, timeout=10)
    address = f"{server.address}{answer.headers['Location']}"
    assert requests.get(f"{address}?wait=10", timeout=20).json()["status"] == "done"
    chart = requests.get(f"{address}/chart", timeout=20).text
    assert RATE in chart
    assert f"{DEATHS} (Crude Rate)" in chart
    assert "percent" not in chart
    page = requests.get(f"{server.address}/?statistic=estimate", headers={"Accept": "text/html"}, timeout=20).text
    assert 'name="value_type"' in page
    assert CRUDE in requests.get(f"{server.address}/data", timeout=10).text


def test_two_questions_are_correlated_by_the_value_types_that_the_request_names(tmp_path_factory: Any) -> None:
    rows: list[Row] = []
    for number, place in enumerate(("Ohio", "Utah", "Iowa", "Guam", "Maine")):
        for value_type, sign in ((CRUDE, 1), (ADJUSTED, -1)):
            for question, base in (("x", 30), ("y", 50)):
                value = base + (sign if question == "y" else 1) * (2 * number + number % 2)
                about = {"Question": question, "QuestionID": "", "Data_Value_Type": value_type}
                rows.append(published(value, value - 2, value + 2, LocationDesc=place, LocationAbbr="", **about))
    path = write(tmp_path_factory.mktemp("pairs"), measured_text(rows))
    with running_server({"STATS_DATA": str(path)}) as server:
        body = {"question": "x", "other_question": "y"}
        assert server.ask("correlate", **body)["data"]["pearson"]["r"] == pytest.approx(1)
        found = server.ask("correlate", **body, other_value_type=ADJUSTED)
        assert found["data"]["pearson"]["r"] == pytest.approx(-1)
        assert found["provenance"]["other"]["value_type"] == ADJUSTED
