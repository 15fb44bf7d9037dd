"""The view models of the pages: form fields, choices, tables, code snippets, job rows."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.jobs.job_details import JobDetails, JobState, moment
from app.pages.form import Choices, FormChoices
from app.pages.job_list import job_row
from app.pages.result_view import result_table
from app.pages.snippets import snippets
from app.pages.wording import age, duration, figure
from app.queries.form_fields import address_of, body_of, fields_of
from app.services import Services
from app.settings import Settings
from app.statistics import STATISTICS
from app.table.stratification import TOTAL
from app.table.stratum_order import stratum_order

NOW = 1_800_000_000.0

# Statistic, form fields as a browser sends them, and the request body they describe.
FORMS: list[tuple[str, dict[str, list[str]], dict[str, Any]]] = [
    ("best5", {"question": ["Q036"], "state": ["Ohio"], "n": ["7"]}, {"question": "Q036"}),
    ("best", {"question": [" Q036 "], "n": ["7"], "best": ["min"]}, {"question": "Q036", "n": 7, "best": "min"}),
    ("best", {"question": ["Q036"], "n": ["many"]}, {"question": "Q036", "n": "many"}),
    ("trend", {"question": ["Q036"], "from": ["2015"], "to": [""]}, {"question": "Q036", "years": {"from": 2015}}),
    ("trend", {"question": ["Q036"], "years": ["2015, 2019"]}, {"question": "Q036", "years": [2015, 2019]}),
    (
        "estimate",
        {"question": ["Q036"], "by": ["location", "year"], "locations": ["OH, Utah,"], "suppressed": ["exclude"]},
        {"question": "Q036", "by": ["location", "year"], "locations": ["OH", "Utah"], "suppressed": "exclude"},
    ),
    ("estimate", {"question": ["Q036"], "by": [""]}, {"question": "Q036", "by": []}),
    (
        "disparity",
        {"question": ["Q036"], "stratification": ["Education"]},
        {"question": "Q036", "stratification": {"category": "Education"}},
    ),
    (
        "trend",
        {"question": ["Q036"], "stratification": ["Age (years)|18 - 24"], "exclude": ["National"]},
        {
            "question": "Q036",
            "stratification": {"category": "Age (years)", "value": "18 - 24"},
            "exclude": ["National"],
        },
    ),
    (
        "compare",
        {"question": ["Q036"], "between": ["year"], "a": ["2015"], "b": ["2019"]},
        {"question": "Q036", "between": {"year": [2015, 2019]}},
    ),
]


@pytest.mark.parametrize(("statistic", "fields", "body"), FORMS)
def test_a_body_has_the_filled_in_fields_that_the_statistic_takes(
    statistic: str, fields: dict[str, list[str]], body: dict[str, Any]
) -> None:
    assert body_of(fields, STATISTICS[statistic].body) == body


@pytest.mark.parametrize(("statistic", "body"), [(name, body) for name, _, body in FORMS])
def test_the_fields_of_a_body_describe_the_same_body(statistic: str, body: dict[str, Any]) -> None:
    assert body_of(fields_of(statistic, body), STATISTICS[statistic].body) == body


def test_the_form_can_submit_every_example_of_the_registry() -> None:
    for name, statistic in STATISTICS.items():
        again = body_of(fields_of(name, statistic.example), statistic.body)
        expected: dict[str, Any] = dict(statistic.example)
        if "years" in expected:
            assert expected["years"] == [2019]
            expected["years"] = {"from": 2019, "to": 2019}
        assert again == expected


def test_an_address_holds_every_field() -> None:
    fields = {"statistic": ["best"], "question": ["A & B?"], "by": ["year", "location"]}
    assert address_of(fields) == "/?statistic=best&question=A+%26+B%3F&by=year&by=location"


def test_the_choices_come_from_the_table_and_the_registry(services: Services) -> None:
    choices = FormChoices().over(services.ingestor.table)
    assert [statistic.name for statistic in choices.statistics] == list(STATISTICS)
    assert "Guam" in choices.places
    assert choices.years == (2019, 2020, 2021)
    assert choices.strata["Gender"] == [("Gender|Female", "Female"), ("Gender|Male", "Male")]
    assert choices.defaults["state"] == ["National"]


def test_each_application_keeps_the_choices_of_its_own_table(
    start_app: Callable[[Settings], Flask], settings: Settings, tmp_path: Path
) -> None:
    apps = [start_app(settings), start_app(settings.model_copy(update={"results_dir": tmp_path / "other"}))]

    def choices() -> list[Choices]:
        return [app.extensions["form_choices"].over(app.extensions["services"].ingestor.table) for app in apps]

    for before, after in zip(choices(), choices(), strict=True):
        assert after is before


def test_a_column_with_one_value_in_all_rows_becomes_a_constant() -> None:
    slope = {"value": 0.5, "low": 0.25, "high": 0.75, "standard_error": 0.1, "p_value": 0.0002}
    years: list[dict[str, Any]] = [{"year": year, "value": 30.0, "flags": []} for year in (2019, 2020)]
    table = result_table("trend", {"location": "Ohio", "slope": slope, "years": years})
    assert [column.heading for column in table.columns] == ["Year", "Value"]
    assert [[cell.text for cell in row] for row in table.rows] == [["2019", "30.0"], ["2020", "30.0"]]
    assert dict(table.constants)["Location"] == "Ohio"
    assert dict(table.constants)["Slope: p"] == "< 0.001"
    assert "Flags" not in dict(table.constants)


def test_a_constant_without_a_value_is_left_out_and_a_table_of_many_columns_is_wide() -> None:
    slope = {"value": 0.5, "low": None}
    years: list[dict[str, Any]] = [{"year": year, "value": 30.0, "flags": [], "low": 1.0} for year in (2019, 2020)]
    table = result_table("trend", {"location": "Ohio", "slope": slope, "years": years})
    assert "Slope: low" not in dict(table.constants)
    assert not table.is_wide
    wide = result_table("trend", {"years": [{**years[0], **{f"extra_{n}": n for n in range(3)}}]})
    assert wide.is_wide


def test_the_difference_of_two_sides_says_which_is_taken_from_which() -> None:
    sides = {"a": {"location": "Ohio", "value": 30.0}, "b": {"location": "Utah", "value": 36.3}}
    table = result_table("compare", {**sides, "difference": {"value": -6.3, "low": -8.0}})
    assert dict(table.constants) == {"Difference, a minus b": "-6.3", "Difference: low": "-8.0"}


def test_a_single_row_has_only_the_columns_that_say_something_of_it() -> None:
    row = {"location": "Ohio", "value": 36.6, "low": 35.4, "high": None, "flags": [], "footnote": None, "rows": 1}
    table = result_table("estimate", [row])
    assert [column.name for column in table.columns] == ["location", "value", "low", "high"]
    assert dict(table.constants) == {"Rows of the table in each": "1"}


def test_columns_that_repeat_for_each_location_are_a_table_of_their_own() -> None:
    years = [{"year": year, "value": 30.0 + year} for year in (2019, 2020)]
    lines = [
        {"location": name, "slope": {"value": rise, "low": rise - 1, "high": rise + 1}, "years": years}
        for name, rise in (("Utah", 0.5), ("Ohio", 0.25))
    ]
    table = result_table("trends", {"category": "Total", "stratum": "Total", "trends": lines})
    assert [column.heading for column in table.columns] == ["Location", "Year", "Value"]
    assert len(table.rows) == 4
    assert table.of_locations is not None
    assert [column.name for column in table.of_locations.columns] == ["location", "slope", "slope_low", "slope_high"]
    assert [[cell.text for cell in row][:2] for row in table.of_locations.rows] == [
        ["Utah", "0.500"],
        ["Ohio", "0.250"],
    ]
    few = result_table("trends", {"trends": [{**line, "slope": {"value": 0.5}} for line in lines]})
    assert few.of_locations is None


def test_a_table_of_long_names_is_wide() -> None:
    short, long = ({repr((place, "Income", place * size)): 30.0 for place in ("Utah", "Ohio")} for size in (5, 15))
    assert not result_table("mean_by_category", short).is_wide
    assert result_table("mean_by_category", long).is_wide


def test_the_strata_of_each_location_are_in_their_natural_order() -> None:
    amounts = ("$15,000 - $24,999", "Data not reported", "Less than $15,000")
    means = {repr((place, "Income", amount)): 30.0 for place in ("Utah", "Ohio") for amount in amounts}
    table = result_table("mean_by_category", means)
    assert [(row[0].text, row[1].text) for row in table.rows] == [
        (place, amount)
        for place in ("Utah", "Ohio")
        for amount in ("Less than $15,000", "$15,000 - $24,999", "Data not reported")
    ]


def test_the_form_offers_strata_in_their_natural_order(services: Services) -> None:
    strata = FormChoices().over(services.ingestor.table).strata
    for category, choices in strata.items():
        names = [name for _, name in choices]
        assert names == sorted(names, key=lambda name: stratum_order(category, name))
    assert next(iter(strata)) == TOTAL


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("value", 31.25, "31.2"),
        ("value", None, "—"),
        ("sample_size", 12345, "12,345"),
        ("year", 2019, "2019"),
        ("reference_year", 2011, "2011"),
        ("slope_standard_error", 0.06149, "0.061"),
        ("difference_p_value", 0.0004, "< 0.001"),
        ("location", "Ohio", "Ohio"),
        ("years", "2011;2012;2013", "2011 to 2013"),
        ("years", "2011;2013;2014", "2011, 2013, 2014"),
        ("flags", "incomplete;nchs", "some years are missing, below the NCHS standard"),
    ],
)
def test_figures_are_rounded_to_the_precision_of_their_column(column: str, value: Any, text: str) -> None:
    assert figure(column, value) == text


def test_durations_and_ages_use_their_largest_unit() -> None:
    assert [duration(seconds) for seconds in (0, 0.0125, 1.9, 61, 7300, 200_000)] == [
        *("under 1 ms", "12 ms", "1 s", "1 min", "2 h", "2 d"),
    ]
    assert [age(seconds) for seconds in (-1, 0.2, 90)] == ["now", "now", "1 min ago"]
    assert moment(1_700_000_000) == "2023-11-14T22:13:20Z"


def test_the_snippets_quote_any_body() -> None:
    body = {"question": 'Who\'s "best"? $HOME'}
    code = snippets("http://127.0.0.1:5000", "best5", body)
    words = shlex.split(code.curl)
    assert words[1] == "http://127.0.0.1:5000/api/best5"
    assert json.loads(words[words.index("-d") + 1]) == body
    assert repr(body) in code.python


def details(state: JobState, **times: float) -> JobDetails:
    known = {"accepted_at": None, "started_at": None, "ended_at": None, **times}
    return JobDetails(7, "job_id_7", "best5", b'{"question":"Q036"}', None, state, None, **known)


@pytest.mark.parametrize(
    ("job", "took"),
    [
        (details(JobState.WAITING, accepted_at=NOW - 70), "waiting 1 min"),
        (details(JobState.RUNNING, accepted_at=NOW - 70, started_at=NOW - 5), "5 s"),
        (details(JobState.DONE, accepted_at=NOW - 70, started_at=NOW - 60, ended_at=NOW - 59.75), "250 ms"),
        (details(JobState.DONE), ""),
    ],
)
def test_a_job_row_shows_how_long_the_job_ran_or_has_waited(job: JobDetails, took: str) -> None:
    row = job_row(job, {"Q036": "x" * 100}, NOW)
    assert row.took == took
    assert row.question == "x" * 90 + "…"


@pytest.mark.parametrize(
    ("statistic", "fields", "about"),
    [
        ("state_mean", {"state": "Ohio"}, "Ohio"),
        ("states_mean", {"state": "Ohio"}, ""),  # accepted and ignored
        ("trend", {"state": "OH", "years": {"from": 2015, "to": 2019}}, "OH · 2015 to 2019"),
        ("estimate", {"years": {"from": 2019, "to": 2019}}, "2019"),
        (
            "estimate",
            {"years": {"from": 2015}, "stratification": {"category": "Gender", "value": "Female"}},
            "from 2015 · Female",
        ),
        (
            "estimate",
            {"years": [2021], "stratification": [{"category": "Gender"}, {"category": "Age (years)"}]},
            "2021 · Gender, Age (years)",
        ),
        ("estimate", {"locations": ["OH", "UT", "TX", "ME", "IA"]}, "OH, UT, TX, ME, and 1 more"),
        ("compare", {"between": {"year": [2015, 2019]}, "state": "Ohio"}, "2015 and 2019 · Ohio"),
        ("estimate", {"years": {"to": 2019}, "locations": None, "stratification": None}, "to 2019"),
    ],
)
def test_a_job_row_names_places_years_and_group(statistic: str, fields: dict[str, object], about: str) -> None:
    body = json.dumps({"question": "Q036", **fields}).encode()
    job = JobDetails(7, "job_id_7", statistic, body, None, JobState.DONE, None, None, None, None)
    assert job_row(job, {}, NOW).about == about
