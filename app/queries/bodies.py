"""Request bodies: the models that statistics share, with the filters that all of them take, and their validation.

The same models make the schemas of the API document.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from app.errors import InvalidRequestError, join_first, quoted
from app.table.facts import Direction
from app.table.stratification import JOINT

LONGEST_LIST = 1000
PROBLEMS_LISTED = 3

# One line for each problem that pydantic reports, by its type: field and context in, sentence out.
EXPLANATIONS: dict[str, Callable[[str, Any], str]] = {
    "missing": lambda field, _: f"field {field} is missing",
    "extra_forbidden": lambda field, _: f"unknown field {field}",
    "string_type": lambda field, _: f"field {field} must be a string",
    "string_too_short": lambda field, _: f"field {field} is empty",
    "literal_error": lambda field, context: f"field {field} must be {context['expected']}",
    "int_type": lambda field, _: f"field {field} must be a whole number",
    "tuple_type": lambda field, _: f"field {field} must be a list",
    "model_type": lambda field, _: f"field {field} must be an object",
    "model_attributes_type": lambda field, _: f"field {field} must be an object",
    "greater_than_equal": lambda field, context: f"field {field} must be at least {context['ge']}",
    "less_than_equal": lambda field, context: f"field {field} must be at most {context['le']}",
    "string_pattern_mismatch": lambda field, context: f"field {field} must match {context['pattern']}",
    "too_short": lambda field, context: f"field {field} must have at least {context['min_length']} element(s)",
    "too_long": lambda field, context: f"field {field} must have at most {context['max_length']} element(s)",
}
JOINT_EXPLANATION = 'must be a list of objects with "category", and with "value" in all of them or in none'
LOCATION_FIELDS = frozenset({"state", "states", "location"})
LOCATIONS_HINT = ' (use "locations" with a list: "locations": ["Ohio"])'
UNION_TAGS = frozenset({"range", "list"})  # pydantic puts them into the path of a problem within "years"

BestEnd = Annotated[
    Direction | None,
    Field(description='"min" or "max": which end is good; needed only if the server does not know'),
]
Dimension = Literal["location", "year", "category", "stratum"]
Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], Field(min_length=1, max_length=LONGEST_LIST)]
TableId = Annotated[str, Field(pattern="^[0-9a-f]{8,64}$")]
Year = Annotated[int, Field(ge=0, le=9999)]


class StrictModel(BaseModel):
    """A part of a body: unknown fields are errors, and no value is converted to another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class YearRange(StrictModel):
    """A range of years, both ends included; one of the two is optional."""

    first: Year | None = Field(None, alias="from", description="the first year")
    last: Year | None = Field(None, alias="to", description="the last year")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.first is None and self.last is None:
            raise PydanticCustomError("years", 'needs "from" or "to", or both')
        if self.first is not None and self.last is not None and self.first > self.last:
            raise PydanticCustomError("years", "must go from an earlier year to a later one")
        return self

    def covers(self, first: int, last: int) -> bool:
        """Return whether the range includes all years from ``first`` to ``last``."""
        return (self.first is None or first >= self.first) and (self.last is None or last <= self.last)


def _type_of_years(value: object) -> str:
    if isinstance(value, list | tuple):
        return "list"
    return "range" if isinstance(value, dict | YearRange) else "neither"


Years = Annotated[
    Annotated[YearRange, Tag("range")]
    | Annotated[tuple[Year, ...], Field(min_length=1, max_length=LONGEST_LIST), Tag("list")],
    Discriminator(
        _type_of_years,
        custom_error_type="years",
        custom_error_message='must be a list of years, or a range such as {"from": 2015, "to": 2019}',
    ),
]


class Stratification(StrictModel):
    """A stratification category, or one stratum of it."""

    category: Name = Field(description="such as Gender or Age (years)")
    value: Name | None = Field(None, description="one stratum of the category, such as Female")


def _join(value: Any) -> Any:
    """Return a list of stratifications as the one that all of them make; anything else as it is, to be validated.

    Raises
    ------
    PydanticCustomError: the list holds something else, or only some of them name a stratum
    """
    if not isinstance(value, list):
        return value
    fields = [part.keys() if isinstance(part, dict) else {} for part in value]
    texts = [text for part in value if isinstance(part, dict) for text in part.values()]
    alike = all(keys == fields[0] for keys in fields)
    if (
        not fields
        or not alike
        or fields[0] not in ({"category"}, {"category", "value"})
        or not all(isinstance(text, str) and text for text in texts)
    ):
        raise PydanticCustomError("stratification", JOINT_EXPLANATION)
    return {name: JOINT.join(part[name] for part in value) for name in fields[0]}


OneStratification = Annotated[
    Stratification,
    BeforeValidator(_join, json_schema_input_type=Stratification | tuple[Stratification, ...]),
]


class QuestionBody(StrictModel):
    """One question, with the filters that every statistic takes."""

    question: Name = Field(description="the question's full text, or its id, such as Q036")
    years: Years | None = Field(None, description="only rows of these years: a range or a list")
    value_type: Name | None = Field(
        None,
        description="for a question with several value types, such as Crude Prevalence; by default the crude one, or "
        "the only one",
    )
    response: Name | None = Field(None, description="which response is counted, for a question with several")
    stratification: OneStratification | None = Field(
        None, description="only rows of this category or stratum; a list for those in several strata at once"
    )
    locations: Names | None = Field(None, description="only rows of these locations: full names or abbreviations")
    exclude: Names | None = Field(None, description="no rows of these locations, such as National")
    suppressed: Literal["include", "exclude"] = Field(
        "include", description="whether to use rows that have a value although CDC's footnote marks them as suppressed"
    )
    standardize: Literal["age"] | None = Field(
        None, description='"age": standardised to the ages of a standard population, if the table has such figures'
    )
    table: TableId | None = Field(
        None,
        description="a version of the table: its id, or the first 8 or more characters; by default the current one",
    )
    as_of: Name | None = Field(
        None, description="the version of the table that was served at this date (at its end, in UTC) or time"
    )


class PlaceBody(QuestionBody):
    """One question in one location: by default the nation, if the table has it."""

    state: Name | None = Field(
        None, description="the location's full name or abbreviation; by default the nation, if the table has it"
    )


Body = TypeVar("Body", bound=QuestionBody)


def parse_body(raw: bytes, model: type[Body]) -> Body:
    """Parse and validate a JSON body. Names are not looked up: that is the statistic's resolver's task.

    Raises
    ------
    InvalidRequestError: the body is not a JSON object, or a field is missing, unknown, empty, or of the wrong type
    """
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=True, include_input=False)
        raise _invalid_body(problems, model) from error


def used_fields(model: type[QuestionBody]) -> dict[str, FieldInfo]:
    """Return the fields of a body, except those that are accepted and ignored."""
    return {name: field for name, field in model.model_fields.items() if not field.exclude}


def _invalid_body(problems: list[Any], model: type[QuestionBody]) -> InvalidRequestError:
    """Turn pydantic's list of problems into one error, at the field of the first."""
    if not problems[0]["loc"]:
        detail = problems[0].get("ctx", {}).get("error")
        reason = f"the body must be a JSON object with the {_fields(model)}" + (f" ({detail})" if detail else "")
        return InvalidRequestError(reason)
    problems = [problem for problem in problems if not _follows_from_another(problem, problems)]
    named = join_first([_problem(problem, model) for problem in problems], PROBLEMS_LISTED, "; ")
    path = _path(problems[0])
    named_field = re.compile(f"field {re.escape(quoted(path))}:?")
    words = f"{named_field.sub('This', _problem(problems[0], model))}."  # a page shows them at the field
    return InvalidRequestError(f"{named}. The body takes the {_fields(model)}", path, words=words)


def _follows_from_another(problem: Any, problems: list[Any]) -> bool:
    """Return whether a list is too short only because pydantic does not count its invalid elements."""
    path = problem["loc"]
    within = (other["loc"] for other in problems if len(other["loc"]) > len(path))
    return problem["type"] == "too_short" and any(deeper[: len(path)] == path for deeper in within)


def _problem(problem: Any, model: type[QuestionBody]) -> str:
    path = _path(problem)
    field = quoted(path)
    explain = EXPLANATIONS.get(problem["type"])
    if explain is None:
        return f"field {field}: {problem['msg']}"
    hint = _place_hint(path, model) if problem["type"] == "extra_forbidden" else ""
    return explain(field, problem.get("ctx")) + hint


def _path(problem: Any) -> str:
    return ".".join(str(part) for part in problem["loc"] if part not in UNION_TAGS)


def _place_hint(path: str, model: type[QuestionBody]) -> str:
    """Return how to name a location, if an unknown field was meant for one."""
    if path not in LOCATION_FIELDS:
        return ""
    return ' (use "state" for one location)' if "state" in used_fields(model) else LOCATIONS_HINT


def _fields(model: type[QuestionBody]) -> str:
    fields = used_fields(model)
    needed = [name for name, field in fields.items() if field.is_required()]
    optional = [f"{name} (optional)" for name in fields if name not in needed]
    return "fields " + ", ".join(needed + optional)
