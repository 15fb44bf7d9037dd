"""The natural order of strata."""

import random

import pytest

from app.table.stratum_order import category_order, stratum_order

ORDERS = {
    "Age (years)": ["18 - 24", "25 - 34", "35 - 44", "45 - 54", "55 - 64", "65 or older"],
    "Grade": ["9th", "10th", "11th", "12th"],
    "Education": [
        "Less than high school",
        "High school graduate",
        "Some college or technical school",
        "College graduate",
    ],
    "Income": [
        "Less than $15,000",
        "$15,000 - $24,999",
        "$25,000 - $34,999",
        "$35,000 - $49,999",
        "$50,000 - $74,999",
        "$75,000 or greater",
        "$100,000 or more",
        "Data not reported",
    ],
    "Race/Ethnicity": ["Asian", "Hispanic", "Non-Hispanic Black", "Other", "2 or more races"],
    "Sex + Age Group": ["Female + 18 - 24", "Female + 65 or older", "Male + 18 - 24", "Male + 65 or older"],
}


@pytest.mark.parametrize("category", ORDERS)
def test_strata_are_in_their_natural_order(category: str) -> None:
    shuffled = random.Random(1).sample(ORDERS[category], len(ORDERS[category]))
    assert sorted(shuffled, key=lambda stratum: stratum_order(category, stratum)) == ORDERS[category]


def test_everybody_comes_before_the_categories_by_name() -> None:
    assert sorted(["Sex", "Total", "Age Group"], key=category_order) == ["Total", "Age Group", "Sex"]
