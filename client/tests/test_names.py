"""Completion and correction of names."""

import pytest

from app.table.facts import survey_facts
from health_statistics.errors import UsageError
from health_statistics.names import Name, complete, matches, typo_count

STATES = [Name(name, short) for name, short in survey_facts().abbreviations.items()]
QUESTIONS = [Name(known.text, known.id) for key, known in survey_facts().questions.items() if key == known.id]
STATISTICS = [Name(name) for name in ("best", "best5", "worst5", "state_mean", "state_mean_by_category")]


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("Ohio", "Ohio"),
        ("ohio", "Ohio"),
        ("OH", "Ohio"),
        (" oh ", "Ohio"),
        ("Virginia", "Virginia"),  # part of West Virginia, too
        ("kansa", "Kansas"),  # part of Arkansas, too
        ("west v", "West Virginia"),
        ("york new", "New York"),
        ("wisco", "Wisconsin"),
        ("Ohoi", "Ohio"),
        ("Masachusets", "Massachusetts"),
        ("New Jersy", "New Jersey"),
    ],
)
def test_a_state_is_completed_and_corrected(given: str, full: str) -> None:
    assert complete("state", given, STATES, "states") == full


@pytest.mark.parametrize(
    ("given", "question_id"),
    [
        ("obesity", "Q036"),
        ("q036", "Q036"),
        ("Obesty", "Q036"),
        ("have obesity", "Q036"),
        ("weight", "Q037"),
        ("fruit", "Q018"),
        ("vegetables", "Q019"),
        ("vegtables", "Q019"),
        ("no leisure", "Q047"),
        ("leisure-time", "Q047"),
        ("300 minutes", "Q045"),
        ("aerobic muscle", "Q044"),
    ],
)
def test_part_of_a_question_is_enough(given: str, question_id: str) -> None:
    assert complete("question", given, QUESTIONS, "questions") == survey_facts().questions[question_id].text


@pytest.mark.parametrize(("given", "full"), [("best", "best"), ("worst", "worst5"), ("state_mean", "state_mean")])
def test_a_full_name_wins_over_longer_names(given: str, full: str) -> None:
    assert complete("statistic", given, STATISTICS, "statistics") == full


@pytest.mark.parametrize(
    ("given", "ids"),
    [("aerobic", ["Q043", "Q044", "Q045"]), ("muscle", ["Q044", "Q046"]), ("percent of adults 18", ["Q036", "Q037"])],
)
def test_an_ambiguous_name_raises_with_its_candidates(given: str, ids: list[str]) -> None:
    assert [name.short for name in matches(given, QUESTIONS)] == ids
    with pytest.raises(UsageError, match=f"question {given!r} matches {len(ids)}; be more specific:") as caught:
        complete("question", given, QUESTIONS, "questions")
    lines = str(caught.value).splitlines()[1:]
    assert [line.split()[0] for line in lines] == ids


def test_a_long_list_of_candidates_is_cut_off() -> None:
    with pytest.raises(UsageError) as caught:
        complete("state", "north", [Name(f"North {number}") for number in range(30)], "states")
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("matches 30; be more specific:")
    assert lines[1:-1] == [f"  North {number}" for number in range(12)]
    assert lines[-1] == "  … and 18 more"


@pytest.mark.parametrize("given", ["zebra", "Obesity in zebras", "", "  ", "!?"])
def test_an_unknown_name_raises_with_the_closest_ones(given: str) -> None:
    with pytest.raises(UsageError, match=r"the closest are:\n(  .+\n){3}`the list` lists them all"):
        complete("question", given, QUESTIONS, "the list")


def test_short_words_are_not_corrected() -> None:
    assert matches("oho", STATES) == []


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [("", "", 0), ("ohio", "ohio", 0), ("ohio", "", 4), ("ohoi", "ohio", 1), ("utha", "utah", 1), ("ca", "abc", 3)],
)
def test_typos_are_counted_with_swapped_letters_as_one(first: str, second: str, count: int) -> None:
    assert typo_count(first, second) == typo_count(second, first) == count


def test_the_closest_names_come_first() -> None:
    with pytest.raises(UsageError, match=r"the closest are:\n  OH    Ohio\n"):
        complete("state", "Ohiiio", STATES, "states")
