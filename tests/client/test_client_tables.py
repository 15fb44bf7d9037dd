"""Readable tables of every shape of answer."""

from typing import Any

import pytest

from app.client.tables import rendered, sections, shown

CELL = {"location": "Ohio", "year": 2019, "value": 34.8, "low": 33.5, "high": 36.1, "sample_size": 11000, "flags": []}
HIDDEN = {**CELL, "location": "Guam", "value": None, "low": None, "high": None, "flags": ["suppressed", "no_limits"]}
YEARS = [
    {"year": 2011, "value": 29.7, "fitted": 29.9, "flags": []},
    {"year": 2012, "value": None, "fitted": 30.4, "flags": ["suppressed"]},
]


def table(data: Any, width: int = 200) -> list[str]:
    """Return the lines of the tables of an answer, with one blank between columns."""
    return [" ".join(line.split()) for line in rendered(list(sections(data)), width).splitlines()]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ({"Colorado": 24.0885, "Hawaii": 25.0}, ["Colorado 24.09", "Hawaii 25.00"]),
        ({"global_mean": 0.01234}, ["global_mean 0.012"]),
        (
            {"('Ohio', 'Age (years)', '18 - 24')": 1.0, "('Utah', \"Women's\", 'x')": 2.5},
            ["location category stratum value", "Ohio Age (years) 18 - 24 1.00", "Utah Women's x 2.50"],
        ),
        ({"Ohio": {"('Total', 'Total')": 31.0}}, ["Ohio", "category stratum value", "Total Total 31.00"]),
        (
            [CELL, HIDDEN],
            [
                "location year value low high sample_size flags",
                "Ohio 2019 34.80 33.50 36.10 11000 -",
                "Guam 2019 - - - 11000 suppressed, no_limits",
            ],
        ),
        (
            {"location": "Ohio", "slope": {"value": 0.5, "low": -0.3, "p_value": 0.00031}, "years": YEARS},
            [
                "location Ohio",
                "",
                "value low p_value",
                "slope 0.50 -0.30 0.00031",
                "",
                "years",
                "year value fitted flags",
                "2011 29.70 29.90 -",
                "2012 - 30.40 suppressed",
            ],
        ),
        (
            {
                "of": "year",
                "a": {"year": 2011, "rows": 1},
                "b": {"year": 2019, "rows": 2},
                "difference": {"z": 2.1},
            },
            ["of year", "", "year rows", "a 2011 1", "b 2019 2", "", "z", "difference 2.10"],
        ),
        ({}, []),
        ([], []),
        ({"rows_skipped": {}, "reload": None, "modelled": True}, ["rows_skipped -", "reload -", "modelled yes"]),
        (7, ["7"]),
    ],
)
def test_an_answer_is_shown_as_tables(data: Any, lines: list[str]) -> None:
    assert table(data) == lines


def test_numbers_stand_at_the_right_and_texts_at_the_left() -> None:
    text = rendered(list(sections([{"name": "a", "value": 1.0}, {"name": "bcd", "value": 100.0}])), 80)
    assert text == "name   value\na       1.00\nbcd   100.00\n"


def test_what_is_wider_than_the_terminal_goes_on_below_and_loses_nothing() -> None:
    words = [f"word{number}" for number in range(30)]
    text = rendered(list(sections([{"id": "Q1", "text": " ".join(words)}])), 40)
    assert max(map(len, text.splitlines())) <= 40
    assert [word for word in text.split() if word.startswith("word")] == words


def test_what_looks_like_markup_or_code_stays_as_it_is() -> None:
    data = {"[red]Ohio[/red] :smile:": 1.0, "('not closed": 2.0}
    assert table(data) == ["[red]Ohio[/red] :smile: 1.00", "('not closed 2.00"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00"),
        (-0.5, "-0.50"),
        (0.1, "0.10"),
        (0.0999, "0.1"),
        (1e-9, "1e-09"),
        (2019, "2019"),
        (False, "no"),
        ([2011, 2012, 2013], "2011-2013"),
        ([2011, 2013, 2015], "2011, 2013, 2015"),
        ([2011, 2012], "2011, 2012"),
        ({"from": 2015}, "from 2015"),
    ],
)
def test_numbers_are_shown_to_be_read(value: object, text: str) -> None:
    assert shown(value) == text
