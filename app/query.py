"""A JSON body in, a frozen, validated ``Query`` out, or an error that says what to put right."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import InvalidRequestError, quoted
from app.survey_facts import Direction
from app.survey_table import SurveyTable

PROBLEMS_NAMED = 3


class QuestionBody(BaseModel):
    """The body of a statistic about one question."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    question: str = Field(min_length=1, description="the question's full text, or its id, such as Q036")


class StateBody(QuestionBody):
    """The body of a statistic about one question in one location."""

    state: str = Field(min_length=1, description="the location's full name, or its abbreviation, such as OH")


class RankingBody(QuestionBody):
    """The body of a statistic that ranks locations from best to worst."""

    best: Direction | None = Field(
        None, description='"min" or "max": which end is good; needed only where the server does not know'
    )


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked, in the codes of the table that it was checked against.

    ``location`` is set where the statistic is about one location, ``best`` where it ranks.
    """

    question: int
    location: int | None = None
    best: Direction | None = None


def parse_body(raw: bytes, model: type[QuestionBody]) -> QuestionBody:
    """Check the form of a body.

    Raises
    ------
    InvalidRequestError: the body is not a JSON object, or a field is missing, unknown, empty, or of the wrong type
    """
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=True, include_input=False)
        raise InvalidRequestError(_explain(problems, model)) from error


def resolve(body: QuestionBody, table: SurveyTable) -> Query:
    """Look up what a body names.

    Raises
    ------
    InvalidRequestError: the table has no such question or location, no value for them, or no direction to rank in
    """
    question = table.question_code(body.question)
    if isinstance(body, StateBody):
        location = table.location_code(body.state)
        table.require_value(question, location)
        return Query(question, location=location)
    if isinstance(body, RankingBody):
        return Query(question, best=_direction(body, table, question))
    return Query(question)


def _direction(body: RankingBody, table: SurveyTable, question: int) -> Direction:
    best = body.best or table.questions[question].question.best
    if best is None:
        raise InvalidRequestError(
            f"it is not known whether a low or a high value is good for the question {quoted(body.question)}; "
            'add "best": "min" or "best": "max" to the body'
        )
    return best


EXPLANATIONS: dict[str, Callable[[str, Any], str]] = {
    "missing": lambda field, _: f"field {field} is missing",
    "extra_forbidden": lambda field, _: f"unknown field {field}",
    "string_type": lambda field, _: f"field {field} must be a string",
    "string_too_short": lambda field, _: f"field {field} is empty",
    "literal_error": lambda field, context: f"field {field} must be {context['expected']}",
}


def _explain(problems: list[Any], model: type[QuestionBody]) -> str:
    """Put pydantic's list of problems into a sentence."""
    if not problems[0]["loc"]:
        detail = problems[0].get("ctx", {}).get("error")
        return f"the body must be a JSON object with the {_fields(model)}" + (f" ({detail})" if detail else "")
    named = [_problem(problem) for problem in problems[:PROBLEMS_NAMED]]
    more = len(problems) - len(named)
    return "; ".join(named) + (f"; and {more} more" if more else "") + f". The body takes the {_fields(model)}"


def _problem(problem: Any) -> str:
    field = quoted(str(problem["loc"][0]))
    explain = EXPLANATIONS.get(problem["type"])
    return explain(field, problem.get("ctx")) if explain else f"field {field}: {problem['msg']}"


def _fields(model: type[QuestionBody]) -> str:
    needed = [name for name, field in model.model_fields.items() if field.is_required()]
    optional = [f"{name} (optional)" for name in model.model_fields if name not in needed]
    return "fields " + ", ".join(needed + optional)
