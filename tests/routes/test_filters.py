"""Filters: the nine statistics over the rows they leave, rejected filters, and provenance."""

import json
import random
from typing import Any

import pytest

from app.errors import InvalidRequestError
from app.planner import Planner
from app.queries.bodies import parse_body
from app.queries.provenance import NAME, VERSION
from app.settings import BUNDLED_TABLE
from app.statistics import STATISTICS
from app.table.engines.pandas_reader import read_table
from app.table.survey_table import SurveyTable
from support.plain_survey import PlainRow, kept, means_by, plain_rows
from support.survey_files import NEEDED_COLUMNS, row, write_csv

QUESTIONS = ["Q018", "Q036", "Q043", "Q047"]
RANDOM_QUERIES = 150
OHIO_IN_2019 = {"question": "Q036", "years": [2019], "locations": ["Ohio"]}


@pytest.fixture(scope="module")
def table() -> SurveyTable:
    return read_table(BUNDLED_TABLE)


@pytest.fixture(scope="module")
def rows() -> list[PlainRow]:
    return plain_rows(BUNDLED_TABLE)


def ask(table: SurveyTable, statistic: str, body: dict[str, Any]) -> Any:
    """Return the document of a job."""
    return json.loads(Planner(table).plan(statistic, json.dumps(body).encode()).work().content)


def refused(table: SurveyTable, statistic: str, body: dict[str, Any]) -> str:
    """Return the reason for which a body is rejected."""
    with pytest.raises(InvalidRequestError) as caught:
        Planner(table).plan(statistic, json.dumps(body).encode())
    return caught.value.reason


def random_body(draw: random.Random, rows: list[PlainRow]) -> dict[str, Any]:
    """Return a body with some filters, whose names all occur in the table."""
    body: dict[str, Any] = {"question": draw.choice(QUESTIONS)}
    first, second = draw.choice(rows), draw.choice(rows)
    start = draw.randint(2011, 2021)
    filters: dict[str, Any] = {
        "years": draw.choice([{"from": start}, {"to": start}, {"from": start, "to": start + 2}, [start, start + 2]]),
        "stratification": {"category": first.category, "value": first.stratum},
        "locations": sorted({first.place, second.place, draw.choice(rows).place}),
        "exclude": ["National", second.place],
    }
    if not first.category or draw.random() < 0.5:
        filters["stratification"] = {"category": "Gender"}
    for name in draw.sample(sorted(filters), draw.randint(1, 3)):
        body[name] = filters[name]
    return body


def expected(statistic: str, left: list[PlainRow], state: str) -> Any:
    """Compute one of the nine over the rows that are left; those of one location for one of these."""
    overall = means_by(left, lambda _: "global_mean")
    by_place = means_by(left, lambda each: each.place)
    strata = [each for each in left if each.category]
    return {
        "states_mean": by_place,
        "state_mean": {state: by_place.get(state)},
        "global_mean": overall,
        "diff_from_mean": {place: overall["global_mean"] - mean for place, mean in by_place.items()},
        "state_diff_from_mean": {state: overall["global_mean"] - by_place.get(state, 0)},
        "mean_by_category": means_by(strata, lambda each: repr((each.place, each.category, each.stratum))),
        "state_mean_by_category": {
            state: means_by(
                [each for each in strata if each.place == state], lambda each: repr((each.category, each.stratum))
            )
        },
    }[statistic]


def test_the_nine_use_the_rows_that_the_filters_leave(table: SurveyTable, rows: list[PlainRow]) -> None:
    draw = random.Random(5)
    computed = 0
    while computed < RANDOM_QUERIES:
        body = random_body(draw, rows)
        left = kept(rows, body)
        places = sorted({each.place for each in left if each.value is not None})
        if not places:
            assert "leaves no row" in refused(table, "states_mean", body)
            continue
        computed += 1
        state = draw.choice(places)
        for statistic in ("states_mean", "global_mean", "diff_from_mean", "mean_by_category"):
            assert ask(table, statistic, body)["data"] == close(expected(statistic, left, state)), body
        for statistic in ("state_mean", "state_diff_from_mean", "state_mean_by_category"):
            answer = ask(table, statistic, body | {"state": state})["data"]
            assert answer == close(expected(statistic, left, state)), body


def close(wanted: Any) -> Any:
    """Return what compares equal to the same keys with nearly the same numbers."""
    if isinstance(wanted, dict):
        return {key: close(value) for key, value in wanted.items()}
    return pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("n", [1, 3, 1000])
def test_a_ranking_has_the_requested_length(table: SurveyTable, rows: list[PlainRow], n: int) -> None:
    body = {"question": "Q036", "exclude": ["National"], "years": {"from": 2018}}
    means = means_by(kept(rows, body), lambda each: each.place)
    for statistic, highest_first in (("best", False), ("worst", True)):
        answer = ask(table, statistic, body | {"n": n})["data"]
        wanted = sorted(means.values(), reverse=highest_first)[:n]
        assert list(answer.values()) == pytest.approx(wanted, abs=1e-9)
        assert answer == close({place: means[place] for place in answer})


def test_best5_is_the_ranking_of_five(table: SurveyTable) -> None:
    for five, any_length in (("best5", "best"), ("worst5", "worst")):
        body = {"question": "Q043", "exclude": ["US"]}
        assert ask(table, five, body)["data"] == ask(table, any_length, body)["data"]


@pytest.mark.parametrize(
    ("filters", "named"),
    [
        ({"years": [1985]}, "'years'"),
        ({"years": {"from": 2011, "to": 2011}, "stratification": {"category": "Age (years)"}}, "'stratification'"),
        ({"locations": ["Guam"], "exclude": ["Guam"]}, "'exclude'"),
        ({"years": [2019], "locations": ["Ohio"], "exclude": ["OH"]}, "'exclude'"),
    ],
)
def test_a_filter_that_leaves_nothing_is_named(table: SurveyTable, filters: dict[str, Any], named: str) -> None:
    body = {"question": "Q036", **filters}
    for statistic, asked in (("global_mean", {}), ("best", {}), ("state_mean", {"state": "OH"})):
        assert f"the filter {named} leaves no row" in refused(table, statistic, body | asked)


def test_an_error_about_groups_names_the_years_that_have_them(table: SurveyTable) -> None:
    body = {"question": "Q036", "stratification": {"category": "Income"}, "years": [2015]}
    reason = refused(table, "global_mean", body)
    assert reason.endswith("; choose others, or other years: of these, the question has figures of 2022")


@pytest.mark.parametrize("name", ["the nation", "Nation", "USA", "U.S.", "the United States of America", "National"])
def test_the_nation_has_the_names_that_people_use(table: SurveyTable, name: str) -> None:
    body = {"question": "Q036", "years": [2021], "locations": [name]}
    assert ask(table, "estimate", body)["data"] == ask(table, "estimate", {**body, "locations": ["US"]})["data"]


def test_an_error_about_years_lists_those_that_the_question_has(table: SurveyTable) -> None:
    reason = refused(table, "global_mean", {"question": "Q018", "years": [2012]})
    assert "it has the years 2017, 2019, 2021" in reason


def test_a_table_without_years_gets_an_error_that_says_so(tmp_path: Any) -> None:
    table = read_table(write_csv(tmp_path, [row(Data_Value=30)]))
    body = {"question": table.questions[0].question.text, "years": [2019]}
    assert "this table does not give the years of its rows; leave it out" in refused(table, "global_mean", body)


def test_an_error_names_what_a_filter_keeps_if_another_field_set_it(tmp_path: Any) -> None:
    total = row(StratificationCategory1="Total", Stratification1="Total", Data_Value=30)
    table = read_table(write_csv(tmp_path, [total, row(LocationDesc="Guam", Data_Value=30)]))
    body = {"question": table.questions[0].question.text, "state": "Guam"}
    assert "(it keeps 'Guam'); choose others" in refused(table, "trend", body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            {"between": {"location": ["Ohio", "GU"]}},
            "\"between\" names the location 'GU', whose value is suppressed (Guam, Total, 2019)",
        ),
        (
            {"between": {"year": [2019, 2020]}, "state": "GU"},
            "names the year '2019', whose value is suppressed (Guam, ",
        ),
        ({"between": {"location": ["Ohio", "Utah"]}}, "\"between\" names the location 'Utah', of which"),
        ({"between": {"location": ["Ohio", "GU"]}, "years": [1990]}, "the filter 'years' leaves no row"),
    ],
)
def test_a_comparison_names_the_side_without_a_value(tmp_path: Any, body: dict[str, Any], reason: str) -> None:
    total = {"StratificationCategory1": "Total", "Stratification1": "Total", "YearStart": 2019, "YearEnd": 2019}
    guam = {**total, "LocationDesc": "Guam", "LocationAbbr": "GU", "Data_Value": "", "Data_Value_Footnote_Symbol": "~"}
    utah = {**total, "LocationDesc": "Utah", "LocationAbbr": "UT", "Question": "Other question", "Data_Value": 5}
    ohio = {**total, "Data_Value": 30}
    rows = [row(**each) for each in (ohio, {**ohio, "YearStart": 2020, "YearEnd": 2020}, guam, utah)]
    table = read_table(write_csv(tmp_path, rows, (*NEEDED_COLUMNS, *sorted({*guam} - {*NEEDED_COLUMNS}))))
    question = next(each.question.text for each in table.questions if each.question.text != "Other question")
    assert reason in refused(table, "compare", {"question": question, **body})


@pytest.mark.parametrize(
    ("filters", "reason"),
    [
        ({"stratification": {"category": "Agee"}}, "the closest are: 'Age (years)'"),
        ({"stratification": {"category": "Gender", "value": "Femal"}}, "the closest are: 'Female'"),
        ({"locations": ["Ohoi"]}, "unknown state 'Ohoi'"),
        ({"exclude": ["Nationn"]}, "the closest are: 'National'"),
        ({"years": {"from": 2019, "to": 2015}}, "must go from an earlier year to a later one"),
        ({"years": {}}, 'needs "from" or "to"'),
        ({"years": "2019"}, "must be a list of years, or a range"),
        ({"years": [2019.5]}, "must be a whole number"),
        ({"years": []}, "at least 1 element"),
        ({"years": [-1]}, "field 'years.0' must be at least 0. The body"),
        ({"years": ["2019"]}, "field 'years.0' must be a whole number. The body"),
        ({"years": {"until": 2019}}, "unknown field 'years.until'"),
        ({"locations": []}, "at least 1 element"),
        ({"locations": "Ohio"}, "field 'locations' must be a list"),
        ({"stratification": "Gender"}, "field 'stratification' must be an object"),
        ({"stratification": {"value": "Female"}}, "field 'stratification.category' is missing"),
        ({"suppressed": "no"}, "field 'suppressed' must be 'include' or 'exclude'"),
    ],
)
def test_a_filter_that_makes_no_sense_is_rejected(table: SurveyTable, filters: dict[str, Any], reason: str) -> None:
    assert reason in refused(table, "global_mean", {"question": "Q036", **filters})


def test_rows_with_a_value_and_a_footnote_can_be_excluded(tmp_path: Any) -> None:
    filled = row(Data_Value=50, Data_Value_Footnote_Symbol="~")
    columns = tuple(filled)
    table = read_table(write_csv(tmp_path, [row(Data_Value=30), filled], columns))
    body = {"question": table.questions[0].question.text}
    assert ask(table, "global_mean", body)["data"] == {"global_mean": 40.0}
    assert ask(table, "global_mean", body | {"suppressed": "exclude"})["data"] == {"global_mean": 30.0}


def test_all_statistics_but_the_nine_carry_provenance_and_citation(table: SurveyTable) -> None:
    for name, statistic in STATISTICS.items():
        answer = ask(table, name, dict(statistic.example))
        assert list(answer) == ["status", "data", *(["provenance", "citation"] if statistic.provenance else [])]


def test_used_and_left_out_are_all_rows_of_the_question(table: SurveyTable, rows: list[PlainRow]) -> None:
    for name, statistic in STATISTICS.items():
        if not statistic.provenance:
            continue
        provenance = ask(table, name, dict(statistic.example))["provenance"]
        for part in (provenance, *([provenance["other"]] if "other" in provenance else [])):
            (asked,) = {each.question for each in rows if question_text(table, each.question) == part["question"]}
            total = part["rows_used"] + sum(item["rows"] for item in part["left_out"])
            assert total == sum(each.question == asked for each in rows)


def question_text(table: SurveyTable, question_id: str) -> str:
    """Return the text of a question."""
    return table.questions[table.question_code(question_id)].question.text


def test_the_provenance_has_the_table_the_filters_and_the_reasons(table: SurveyTable, rows: list[PlainRow]) -> None:
    provenance = ask(table, "estimate", {**OHIO_IN_2019, "by": ["year"]})["provenance"]
    of_question = [each for each in rows if each.question == "Q036"]
    in_2019 = [each for each in of_question if each.year == 2019]
    total = [each for each in in_2019 if each.stratum == "Total"]
    assert provenance["server"] == {"name": NAME, "version": VERSION}
    assert provenance["table"] == {
        "id": table.id,
        "title": table.report.source,
        "publisher": None,
        "dataset_id": None,
        "vintage": {"last_year": 2022, "first_loaded": table.report.loaded_at.date().isoformat()},
        "source": table.report.source,
        "sha256": table.report.sha256,
        "loaded_at": table.report.loaded_at.isoformat().replace("+00:00", "Z"),
        "modelled": True,
    }
    assert provenance["filters"] == {
        "years": [2019],
        "stratification": [{"category": "Total", "value": "Total"}],
        "locations": ["Ohio"],
    }
    assert provenance["rows_used"] == 1
    assert provenance["left_out"] == [
        {"reason": "other years", "rows": len(of_question) - len(in_2019)},
        {"reason": "other strata", "rows": len(in_2019) - len(total)},
        {"reason": "other locations", "rows": len(total) - 1},
    ]


def test_the_order_of_years_in_a_request_does_not_change_the_query(table: SurveyTable) -> None:
    bodies = [json.dumps({"question": "Q036", "years": years}).encode() for years in ([2019, 2015], [2015, 2019])]
    input_ = STATISTICS["states_mean"].input
    first, second = (input_.resolve(parse_body(body, input_.body), table) for body in bodies)
    assert first == second
    assert hash(first) == hash(second)
