"""Titles of results over a table, and of results whose provenance is lost."""

from typing import Any

import pytest

from app.findings import title_of
from app.table.facts import survey_facts

OBESITY = "Percent of adults aged 18 years and older who have obesity"
FEMALE: dict[str, Any] = {"stratification": [{"category": "Gender", "value": "Female"}]}
STATES = [{"location": name} for name in ("Ohio", "Guam", "Utah", "National")]


def about(years: tuple[int, ...] = (2021,), **filters: Any) -> dict[str, Any]:
    """Return the provenance of a result about obesity."""
    return {"question": OBESITY, "years": list(years), "filters": filters}


@pytest.mark.parametrize(
    ("statistic", "data", "provenance", "title"),
    [
        ("estimate", STATES, about(), "Adult obesity by state, 2021"),
        ("estimate", STATES, about((2020, 2021)), "Adult obesity by state, mean of the years, 2020, 2021"),
        ("estimate", STATES, about(**FEMALE), "Adult obesity by state, Female, 2021"),
        ("estimate", [{"location": f"{n} County"} for n in "ABCD"], about(), "Adult obesity by place, 2021"),
        ("estimate", STATES[:1], about(), "Adult obesity in Ohio, 2021"),
        ("estimate", STATES[:3], about(), "Adult obesity in Ohio, Guam and Utah, 2021"),
        (
            "estimate",
            [{"location": name, "year": year} for name in ("Ohio", "Utah") for year in (2020, 2021)],
            about((2020, 2021)),
            "Adult obesity in Ohio and Utah, 2020, 2021",
        ),
        ("estimate", [{"year": 2021}], about(locations=["National"]), "Adult obesity by year in the nation, 2021"),
        (
            "estimate",
            [{}],
            about(locations=["District of Columbia"]),
            "Adult obesity in the District of Columbia, 2021",
        ),
        (
            "estimate",
            [{"location": "Ohio", "stratum": "Female"}, {"location": "Utah", "stratum": "Female"}],
            about(**FEMALE),
            "Adult obesity by gender in Ohio, 2021",
        ),
        (
            "compare",
            {"dimension": "location", "a": {"location": "Ohio"}, "b": {"location": "Utah"}},
            about((2020, 2021)),
            "Adult obesity in Ohio and in Utah, mean of the years, 2020, 2021",
        ),
        ("rank", {"locations": STATES}, about(), "Adult obesity: states from the best to the worst, 2021"),
        ("trend", {"location": "Ohio"}, about((2011, 2012, 2013)), "Adult obesity in Ohio, 2011 to 2013"),
        (
            "trends",
            {"trends": [{"location": "Ohio"}, {"location": "District of Columbia"}]},
            about((2011, 2012, 2013)),
            "Adult obesity in Ohio and the District of Columbia, 2011 to 2013",
        ),
        (
            "compare",
            {"dimension": "year", "a": {"location": "Ohio", "years": [2011]}, "b": {"years": [2021]}},
            about((2011,)),
            "Adult obesity in Ohio, 2011 and 2021",
        ),
        ("states_mean", {"Ohio": 1.0, "Utah": 2.0}, about(), "Adult obesity by state, simple means of rows, 2021"),
        (
            "best5",
            {"Ohio": 1.0, "Utah": 2.0},
            about(),
            "Adult obesity: the 2 best states by simple means of rows, 2021",
        ),
        ("global_mean", {"global_mean": 1.0}, about(), "Adult obesity, simple mean of all rows, 2021"),
        ("states_mean", {"Ohio": 1.0, "Utah": 2.0}, {}, "Figures by state, simple means of rows"),
        ("no_statistic", {}, about(), ""),
        ("estimate", [], about(), "Adult obesity: estimates with their 95 % confidence limits, 2021"),
    ],
)
def test_a_title_says_what_the_figures_are_of(
    statistic: str, data: Any, provenance: dict[str, Any], title: str
) -> None:
    assert title_of(statistic, data, provenance) == title


def test_a_question_without_a_short_name_keeps_its_text_and_its_measure() -> None:
    provenance = {"question": "Adults who sing", "value_type": "Age-adjusted Prevalence", "years": [2020]}
    assert title_of("estimate", STATES, provenance) == "Adults who sing (Age-adjusted Prevalence) by state, 2020"


def test_every_question_of_cdc_has_a_short_name() -> None:
    names = {question.id: question.short for question in survey_facts().questions.values()}
    assert len(set(names.values())) == len(names) == 9
    assert max(map(len, names.values())) <= 45
