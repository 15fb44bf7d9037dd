"""Request bodies: how they become queries, and which error an invalid one gets."""

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from pydantic import ValidationError

from app.errors import InvalidRequestError
from app.queries.bodies import QuestionBody, parse_body, used_fields
from app.queries.query import Query
from app.statistics.means import (
    FIVE,
    LOCATION,
    QUESTION,
    RANKING,
    AllLocationsBody,
    FiveBody,
    LocationQuery,
    RankingBody,
    RankingQuery,
    StateBody,
)
from app.statistics.registry import Input
from app.table.cells import Cells
from app.table.facts import Direction
from app.table.question import Question, QuestionData
from app.table.survey_table import DatasetReport, Location, Period, Stratum, SurveyTable

OBESITY = "Percent of adults aged 18 years and older who have obesity"
STRENGTH = "Percent of adults who engage in muscle-strengthening activities on 2 or more days a week"
SINGING = "Percent of adults who sing in the shower"
SILENT = "Percent of adults who never answer"
INPUTS: dict[type[QuestionBody], Input[Any, Any]] = {
    input_.body: input_ for input_ in (QUESTION, LOCATION, FIVE, RANKING)
}
MODELS: list[type[QuestionBody]] = [AllLocationsBody, StateBody, FiveBody, RankingBody]
LONGEST_REASON_CHARS = 4000


def _question(text: str, question_id: str | None, best: Direction | None, places: list[int]) -> QuestionData:
    question = Question(text, question_id, None, best, (2019,), len(places), 0)
    codes, unknown = np.zeros(len(places), np.int64), np.full(len(places), np.nan)
    values = np.ones(len(places))
    keys = (np.array(places, np.int64), codes, codes, codes - 1, codes > 0, codes == 0)
    return QuestionData(question, Cells(*keys, codes + 1, codes, codes, values, values * 0, *[unknown] * 6))


TABLE = SurveyTable(
    locations=[Location("Maine", "ME"), Location("Ohio", "OH"), Location("Texas", "TX"), Location("Utopia", None)],
    strata=[Stratum("Total", "Total")],
    periods=[Period(2019, 2019)],
    questions=[
        _question(OBESITY, "Q036", "min", [0, 1, 2]),
        _question(STRENGTH, "Q046", "max", [0, 1, 2]),
        _question(SINGING, None, None, [0, 3]),
        _question(SILENT, "Q999", "max", []),
    ],
    report=DatasetReport("survey.csv", (), False, "0" * 64, datetime.now(UTC), 8, 8, 0, 0, {}, (2019,), ()),
)


def query_of(model: type[QuestionBody], body: Any) -> Query:
    """Parse and resolve a body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    query: Query = INPUTS[model].resolve(parse_body(raw, model), TABLE)
    return query


def reason_of(model: type[QuestionBody], body: Any) -> str:
    """Return the reason for which a body is rejected; it is one printable line."""
    with pytest.raises(InvalidRequestError) as caught:
        query_of(model, body)
    reason = caught.value.reason
    assert caught.value.status == 400
    assert len(reason.splitlines()) == 1
    assert reason.isprintable()
    assert len(reason) < LONGEST_REASON_CHARS
    return reason


@pytest.mark.parametrize(("named", "code"), [(OBESITY, 0), ("Q036", 0), (STRENGTH, 1), ("Q046", 1), (SINGING, 2)])
def test_a_question_is_found_by_its_text_and_by_its_id(named: str, code: int) -> None:
    assert query_of(AllLocationsBody, {"question": named}) == Query(code)


@pytest.mark.parametrize(("named", "code"), [("Maine", 0), ("ME", 0), ("Texas", 2), ("TX", 2)])
def test_a_state_is_found_by_its_name_and_by_its_abbreviation(named: str, code: int) -> None:
    assert query_of(StateBody, {"question": "Q036", "state": named}) == LocationQuery(0, location=code)


@pytest.mark.parametrize(
    ("body", "best"),
    [
        ({"question": OBESITY}, "min"),
        ({"question": STRENGTH}, "max"),
        ({"question": STRENGTH, "best": None}, "max"),
        ({"question": OBESITY, "best": "max"}, "max"),
        ({"question": STRENGTH, "best": "min"}, "min"),
        ({"question": SINGING, "best": "min"}, "min"),
        ({"question": SINGING, "best": "max"}, "max"),
    ],
)
def test_the_direction_of_the_body_overrides_the_known_one(body: dict[str, Any], best: Direction) -> None:
    query = query_of(RankingBody, body)
    assert isinstance(query, RankingQuery)
    assert query.best == best


@pytest.mark.parametrize("body", [{"question": SINGING}, {"question": SINGING, "best": None}])
def test_a_ranking_without_a_known_direction_is_rejected(body: dict[str, Any]) -> None:
    reason = reason_of(RankingBody, body)
    assert SINGING in reason
    assert '"best": "min" or "best": "max"' in reason


NO_OBJECTS = [b"", b" ", b"null", b"true", b"17", b'"Q036"', b"[]", b'[{"question": "Q036"}]', b"NaN"]
NO_JSON = [b"{", b"{'question': 'Q036'}", b'{"question": "Q036",}', b'{"question": "Q036"} x', b"question=Q036"]
NO_TEXT = [b"\xff", b"\x00", b'{"question": "\xff"}', '{"question": "Q036"}'.encode("utf-16"), b'{"question": "a\nb"}']
LONE_SURROGATES = [rb'{"question": "\ud800"}', rb'{"question": "\udc00x"}', rb'{"question": "Q036", "\ud83d": 1}']
TOO_DEEP = [b"[" * 60_000, b'{"question":' * 5000, b'{"question": ' + b"[" * 5000 + b"]" * 5000 + b"}"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("raw", [*NO_OBJECTS, *NO_JSON, *NO_TEXT, *LONE_SURROGATES, *TOO_DEEP])
def test_a_body_that_is_not_a_json_object_is_rejected_with_the_fields(model: type[QuestionBody], raw: bytes) -> None:
    reason = reason_of(model, raw)
    assert reason.startswith("the body must be a JSON object")
    assert all(field in reason for field in used_fields(model))


@pytest.mark.parametrize(
    ("model", "body", "missing"),
    [
        (AllLocationsBody, {}, ["question"]),
        (RankingBody, {"best": "min"}, ["question"]),
        (StateBody, {"question": OBESITY}, ["state"]),
        (StateBody, {"state": "Ohio"}, ["question"]),
        (StateBody, {}, ["question", "state"]),
    ],
)
def test_every_missing_field_is_named(model: type[QuestionBody], body: dict[str, Any], missing: list[str]) -> None:
    reason = reason_of(model, body)
    assert [name for name in model.model_fields if f"field {name!r} is missing" in reason] == missing


@pytest.mark.parametrize(("model", "field"), [(AllLocationsBody, "best"), (StateBody, "best"), (RankingBody, "Best")])
def test_an_unknown_field_gets_an_error_that_lists_the_valid_fields(model: type[QuestionBody], field: str) -> None:
    body = {"question": OBESITY, "state": "Ohio"} if model is StateBody else {"question": OBESITY}
    reason = reason_of(model, {**body, field: "min"})
    assert f"unknown field {field!r}" in reason
    assert all(name in reason.partition("The body takes the fields ")[2] for name in used_fields(model))


def test_many_unknown_fields_are_counted() -> None:
    reason = reason_of(AllLocationsBody, {"question": OBESITY, **{f"field_{number}": 1 for number in range(1000)}})
    assert "and 997 more" in reason


@pytest.mark.parametrize("field", ["question", "state"])
@pytest.mark.parametrize(
    "value", [None, True, 0, 36, 1.5, float("nan"), float("inf"), [], ["Q036"], {}, {"id": "Q036"}]
)
def test_a_value_that_is_not_a_string_is_rejected_with_the_name_of_its_field(field: str, value: Any) -> None:
    reason = reason_of(StateBody, {"question": OBESITY, "state": "Ohio", field: value})
    assert reason.startswith(f"field '{field}' must be a string")


@pytest.mark.parametrize("digits", [100, 4301, 60_000])
def test_a_number_of_any_length_is_rejected(digits: int) -> None:
    reason_of(AllLocationsBody, b'{"question": ' + b"9" * digits + b"}")


@pytest.mark.parametrize("field", ["question", "state"])
def test_an_empty_value_is_rejected(field: str) -> None:
    reason = reason_of(StateBody, {"question": OBESITY, "state": "Ohio", field: ""})
    assert reason.startswith(f"field '{field}' is empty")


@pytest.mark.parametrize("best", ["", "MIN", "lowest", " min", 0, True, ["min"], {}, float("nan")])
def test_a_direction_is_min_or_max(best: Any) -> None:
    assert reason_of(RankingBody, {"question": OBESITY, "best": best}).startswith("field 'best' must be 'min' or 'max'")


def test_the_last_value_of_a_repeated_field_is_used() -> None:
    assert query_of(AllLocationsBody, b'{"question": "Q036", "question": "Q046"}') == Query(1)
    assert "is empty" in reason_of(AllLocationsBody, b'{"question": "Q036", "question": ""}')


def test_escapes_and_spaces_in_the_json_do_not_matter() -> None:
    assert query_of(StateBody, rb' { "question" : "\u00510\u00336" , "state":"\u004fhio" } ') == LocationQuery(
        0, location=1
    )


@pytest.mark.parametrize(
    ("given_name", "closest"),
    [
        (OBESITY.lower(), OBESITY),
        (OBESITY + " ", OBESITY),
        ("adults who have obesty", OBESITY),
        ("muscle strengthening", STRENGTH),
        ("sing in the showr", SINGING),
    ],
)
def test_an_unknown_question_gets_the_closest_ones_and_the_route_that_lists_all(given_name: str, closest: str) -> None:
    reason = reason_of(AllLocationsBody, {"question": given_name})
    assert reason.startswith(f"unknown question {given_name!r}; the closest are: ")
    assert repr(closest) in reason.partition("; the closest are: ")[2]
    assert "GET /api/questions" in reason


@pytest.mark.parametrize(
    ("given_name", "closest"),
    [("ohio", "Ohio"), ("Ohoi", "Ohio"), ("Texas ", "Texas"), ("Tejas", "Texas"), ("me", "ME")],
)
def test_an_unknown_state_gets_the_closest_ones_and_the_route_that_lists_all(given_name: str, closest: str) -> None:
    reason = reason_of(StateBody, {"question": OBESITY, "state": given_name})
    assert reason.startswith(f"unknown state {given_name!r}; the closest are: ")
    assert repr(closest) in reason.partition("; the closest are: ")[2]
    assert "GET /api/states" in reason


@pytest.mark.parametrize("text", [" ", "\x00", "Ohio\x00", "\x1b[31mOhio", "Oh\u2028io", "Oh\u202eio", "💡", "?" * 50])
@pytest.mark.parametrize("field", ["question", "state"])
def test_a_name_of_odd_characters_is_escaped_in_the_error(field: str, text: str) -> None:
    reason = reason_of(StateBody, {"question": OBESITY, "state": "Ohio", field: text})
    assert reason.startswith(f"unknown {field} {text!r}")


@pytest.mark.parametrize("field", ["question", "state"])
def test_a_huge_name_is_shortened_in_the_error(field: str) -> None:
    reason = reason_of(StateBody, {"question": OBESITY, "state": "Ohio", field: "Ohio " * 12_000})
    assert reason.startswith(f"unknown {field} 'Ohio Ohio")


def test_a_huge_name_of_a_field_is_shortened_in_the_error() -> None:
    assert "unknown field 'aaa" in reason_of(AllLocationsBody, {"question": OBESITY, "a" * 60_000: 1})


def test_a_state_without_a_value_is_rejected_with_both_names() -> None:
    reason = reason_of(StateBody, {"question": "Q036", "state": "Utopia"})
    assert reason.startswith(f"Utopia has no value for the question {OBESITY!r}")
    assert "another state or another question" in reason


@pytest.mark.parametrize("model", MODELS)
def test_a_question_without_any_value_is_rejected(model: type[QuestionBody]) -> None:
    body = {"question": "Q999", "state": "Ohio"} if model is StateBody else {"question": "Q999"}
    assert "has no values" in reason_of(model, body)


@pytest.mark.parametrize("model", MODELS)
def test_a_body_is_immutable(model: type[QuestionBody]) -> None:
    body = parse_body(b'{"question": "Q036"' + (b', "state": "OH"}' if model is StateBody else b"}"), model)
    for name in used_fields(model):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(body, name, "Q046")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)
NAMES = st.sampled_from([OBESITY, "Q036", SINGING, "Q999", "Ohio", "OH", "Utopia", "min", "max", ""])
NEAR_BODIES = st.dictionaries(st.sampled_from(["question", "state", "best", "more"]), NAMES | JSON)


def _check_query_or_error(model: type[QuestionBody], raw: bytes) -> None:
    """Check that a body gives a query or an InvalidRequestError, and nothing else."""
    reason = "none"
    try:
        assert query_of(model, raw).question in {0, 1, 2}
    except InvalidRequestError as error:
        reason = error.reason
    assert len(reason.splitlines()) == 1


@pytest.mark.parametrize("model", MODELS)
@limits(deadline=None)
@given(body=JSON | NEAR_BODIES)
def test_any_json_becomes_a_query_or_one_line_of_error(model: type[QuestionBody], body: Any) -> None:
    _check_query_or_error(model, json.dumps(body).encode())
    _check_query_or_error(model, json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("model", MODELS)
@limits(deadline=None)
@given(raw=st.binary() | st.text('{}[]":,\\ud8questionate0N', max_size=40).map(str.encode))
def test_any_bytes_become_a_query_or_one_line_of_error(model: type[QuestionBody], raw: bytes) -> None:
    _check_query_or_error(model, raw)
