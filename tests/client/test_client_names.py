"""Names that are completed and corrected, and those that could mean several."""

import pytest

from app.client.errors import UsageError
from app.client.names import Name, complete, matches
from app.table.facts import survey_facts

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
        ("Virginia", "Virginia"),  # West Virginia holds it too
        ("kansa", "Kansas"),  # Arkansas holds it too
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
def test_a_part_of_a_question_is_enough(given: str, question_id: str) -> None:
    assert complete("question", given, QUESTIONS, "questions") == survey_facts().questions[question_id].text


@pytest.mark.parametrize(("given", "full"), [("best", "best"), ("worst", "worst5"), ("state_mean", "state_mean")])
def test_a_name_in_full_goes_before_those_that_begin_with_it(given: str, full: str) -> None:
    assert complete("statistic", given, STATISTICS, "statistics") == full


@pytest.mark.parametrize(
    ("given", "ids"),
    [("aerobic", ["Q043", "Q044", "Q045"]), ("muscle", ["Q044", "Q046"]), ("percent of adults 18", ["Q036", "Q037"])],
)
def test_what_could_mean_several_is_answered_with_all_of_them(given: str, ids: list[str]) -> None:
    assert [name.short for name in matches(given, QUESTIONS)] == ids
    with pytest.raises(UsageError, match=f"question {given!r} could mean any of {len(ids)}:") as caught:
        complete("question", given, QUESTIONS, "questions")
    told = str(caught.value).splitlines()[1:]
    assert [line.split()[0] for line in told] == ids


def test_a_long_list_of_meanings_is_cut_off() -> None:
    with pytest.raises(UsageError) as caught:
        complete("state", "north", [Name(f"North {number}") for number in range(30)], "states")
    told = str(caught.value).splitlines()
    assert told[0].endswith("could mean any of 30:")
    assert told[1:-1] == [f"  North {number}" for number in range(12)]
    assert told[-1] == "  … and 18 more"


@pytest.mark.parametrize("given", ["zebra", "Obesity in zebras", "", "  ", "!?"])
def test_what_fits_nothing_is_answered_with_the_closest_and_where_all_are_listed(given: str) -> None:
    with pytest.raises(UsageError, match=r"the closest are:\n(  .+\n){3}`the list` lists them all"):
        complete("question", given, QUESTIONS, "the list")


def test_short_words_are_not_corrected() -> None:
    assert matches("oho", STATES) == []
