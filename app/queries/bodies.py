"""The bodies of requests: a model for each kind of statistic, with the filters that all of them take.

These models check what is sent, and the API document is made from them.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from app.errors import InvalidRequestError, quoted
from app.table.facts import Direction

PROBLEMS_NAMED = 3
RANKING_LENGTH = 5
LONGEST_RANKING = 1000
LONGEST_LIST = 1000
BEST_DESCRIPTION = '"min" or "max": which end is good; needed only where the server does not know'

Dimension = Literal["location", "year", "category", "stratum"]
Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], Field(min_length=1, max_length=LONGEST_LIST)]
Year = Annotated[int, Field(ge=0, le=9999)]


class _Part(BaseModel):
    """A part of a body: nothing unknown is taken, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class YearRange(_Part):
    """The years from one to another, both included; one of the two may be left out."""

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
        """Tell whether all the years from one to another lie in the range."""
        return (self.first is None or first >= self.first) and (self.last is None or last <= self.last)


def _kind_of_years(value: object) -> str:
    if isinstance(value, list | tuple):
        return "list"
    return "range" if isinstance(value, dict | YearRange) else "neither"


Years = Annotated[
    Annotated[YearRange, Tag("range")]
    | Annotated[tuple[Year, ...], Field(min_length=1, max_length=LONGEST_LIST), Tag("list")],
    Discriminator(
        _kind_of_years,
        custom_error_type="years",
        custom_error_message='must be a list of years, or a range such as {"from": 2015, "to": 2019}',
    ),
]


class Stratification(_Part):
    """One stratification category, or one stratum of it."""

    category: Name = Field(description="such as Gender or Age (years)")
    value: Name | None = Field(None, description="one stratum of the category, such as Female")


class QuestionBody(_Part):
    """The body of a statistic about one question, with the filters."""

    question: Name = Field(description="the question's full text, or its id, such as Q036")
    years: Years | None = Field(None, description="only rows of these years: a range or a list")
    stratification: Stratification | None = Field(None, description="only rows of this category or stratum")
    locations: Names | None = Field(None, description="only rows of these locations: full names or abbreviations")
    exclude: Names | None = Field(None, description="no row of these locations, such as National")
    suppressed: Literal["include", "exclude"] = Field(
        "include", description="whether rows count that have a value although CDC's footnote marks them as suppressed"
    )


class StateBody(QuestionBody):
    """The body of a statistic about one question in one location."""

    state: Name = Field(description="the location's full name, or its abbreviation, such as OH")


class FiveBody(QuestionBody):
    """The body of a statistic that ranks locations from best to worst and tells the first five."""

    best: Direction | None = Field(None, description=BEST_DESCRIPTION)


class RankingBody(FiveBody):
    """The body of a statistic that ranks locations and tells as many as are asked for."""

    n: int = Field(RANKING_LENGTH, ge=1, le=LONGEST_RANKING, description="how many locations")


class EstimateBody(QuestionBody):
    """The body of estimates with their uncertainty, for each combination of some keys."""

    by: tuple[Dimension, ...] = Field(
        ("location",), max_length=4, description="the keys that cells are told apart by; none is allowed"
    )


class PlaceBody(QuestionBody):
    """The body of a statistic about one location, which is the nation where none is named."""

    state: Name | None = Field(
        None, description="the location's full name or abbreviation; without one, the nation where the table has it"
    )


class TrendBody(PlaceBody):
    """The body of a trend over the years, in one location and stratum."""


class DisparityBody(PlaceBody):
    """The body of a comparison between the strata of one category; ``stratification`` names the category."""

    stratification: Stratification = Field(description="the category whose strata are compared; takes no value here")
    best: Direction | None = Field(None, description=BEST_DESCRIPTION)


class Between(_Part):
    """The two that are compared: locations, or years, or strata of one category."""

    location: tuple[Name, Name] | None = None
    year: tuple[Year, Year] | None = None
    stratum: tuple[Name, Name] | None = None

    @property
    def pairs(self) -> list[tuple[Dimension, tuple[Any, Any]]]:
        """The dimensions that are set, with the two of each."""
        dimensions: tuple[Dimension, ...] = ("location", "year", "stratum")
        return [(name, getattr(self, name)) for name in dimensions if getattr(self, name) is not None]

    @property
    def pair(self) -> tuple[Dimension, tuple[Any, Any]]:
        """The one dimension that is set, with its two."""
        return self.pairs[0]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.pairs) != 1:
            raise PydanticCustomError("between", "needs one of location, year and stratum, with the two to compare")
        first, second = self.pair[1]
        if first == second:
            raise PydanticCustomError("between", "must name two that differ")
        return self


class CompareBody(PlaceBody):
    """The body of a comparison of two locations, years, or strata."""

    between: Between = Field(description='such as {"location": ["Ohio", "Utah"]}')


class CorrelateBody(QuestionBody):
    """The body of a correlation of two questions across locations."""

    other_question: Name = Field(description="the other question's full text or id")


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
    "too_short": lambda field, context: f"field {field} must have at least {context['min_length']} element(s)",
    "too_long": lambda field, context: f"field {field} must have at most {context['max_length']} element(s)",
}
PLACE_FIELDS = (["state"], ["states"], ["location"])
PLACES_HINT = ' (one or more locations are named by a list: "locations": ["Ohio"])'
UNION_TAGS = frozenset({"range", "list"})


def _explain(problems: list[Any], model: type[QuestionBody]) -> str:
    """Put pydantic's list of problems into a sentence."""
    if not problems[0]["loc"]:
        detail = problems[0].get("ctx", {}).get("error")
        return f"the body must be a JSON object with the {_fields(model)}" + (f" ({detail})" if detail else "")
    problems = [problem for problem in problems if not _follows_from_another(problem, problems)]
    named = [_problem(problem, model) for problem in problems[:PROBLEMS_NAMED]]
    more = len(problems) - len(named)
    return "; ".join(named) + (f"; and {more} more" if more else "") + f". The body takes the {_fields(model)}"


def _follows_from_another(problem: Any, problems: list[Any]) -> bool:
    """Tell whether a list is called too short only because pydantic does not count its elements that are wrong."""
    path = problem["loc"]
    within = (other["loc"] for other in problems if len(other["loc"]) > len(path))
    return problem["type"] == "too_short" and any(deeper[: len(path)] == path for deeper in within)


def _problem(problem: Any, model: type[QuestionBody]) -> str:
    path = [str(part) for part in problem["loc"] if part not in UNION_TAGS]
    field = quoted(".".join(path))
    explain = EXPLANATIONS.get(problem["type"])
    if explain is None:
        return f"field {field}: {problem['msg']}"
    hint = _place_hint(path, model) if problem["type"] == "extra_forbidden" else ""
    return explain(field, problem.get("ctx")) + hint


def _place_hint(path: list[str], model: type[QuestionBody]) -> str:
    """Say how a location is named where an unknown field was meant for one."""
    if path not in PLACE_FIELDS:
        return ""
    return ' (one location is named by "state")' if "state" in model.model_fields else PLACES_HINT


def _fields(model: type[QuestionBody]) -> str:
    needed = [name for name, field in model.model_fields.items() if field.is_required()]
    optional = [f"{name} (optional)" for name in model.model_fields if name not in needed]
    return "fields " + ", ".join(needed + optional)
