"""Which values are percentages, and how variants of one text become questions."""

import pytest

from app.table.question import PERCENT
from app.table.survey_rows.measures import Measure, Variant, measures_of, unit_of


@pytest.mark.parametrize(
    ("value_type", "unit", "wanted"),
    [
        ("Value", "", PERCENT),
        ("Crude Prevalence", "%", PERCENT),
        ("Percentage", "Percent (%)", PERCENT),
        ("", "percentage", PERCENT),
        ("Value", "2019", PERCENT),
        ("Mean", "Number", "Number"),
        ("US Dollars", "$", "$"),
        ("Age-adjusted Rate", "per 100,000 population", "per 100,000 population"),
        ("Mean", "", "Mean"),
        ("Crude Rate", " - ", "Crude Rate"),
        ("Meander", "", PERCENT),
    ],
)
def test_values_are_percentages_unless_their_unit_or_type_says_otherwise(
    value_type: str, unit: str, wanted: str
) -> None:
    assert unit_of(value_type, unit) == wanted


MEASURES: list[tuple[list[Variant], list[Measure]]] = [
    ([("", "", "")], [Measure(None, None, PERCENT)]),
    ([("Value", "%", ""), ("", "", "")], [Measure(None, "Value", PERCENT)] * 2),
    ([("Mean", "days", "Yes"), ("", "days", "")], [Measure("Yes", "Mean", "days")] * 2),
    (
        [("Crude", "%", ""), ("Adjusted", "%", ""), ("", "%", "")],
        [Measure(None, "Crude", PERCENT), Measure(None, "Adjusted", PERCENT), Measure(None, "not given", PERCENT)],
    ),
    (
        [("Mean", "days", ""), ("Mean", "hours", "")],
        [Measure(None, "Mean (days)", "days"), Measure(None, "Mean (hours)", "hours")],
    ),
    ([("", "days", ""), ("", "%", "")], [Measure(None, "days", "days"), Measure(None, PERCENT, PERCENT)]),
]


@pytest.mark.parametrize(("variants", "wanted"), MEASURES)
def test_an_empty_field_means_the_only_one_there_is(variants: list[Variant], wanted: list[Measure]) -> None:
    assert measures_of(variants) == wanted
