"""What the columns and codes of respondents' records mean: a small TOML file, checked when it is read."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from app.errors import SourceError, one_line, quoted
from app.table.survey_table import TOTAL


def _code(value: object) -> object:
    """Take whole numbers and texts for codes: a code is kept as it is written in a text file."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Code = Annotated[str, BeforeValidator(_code)]
Codes = Annotated[tuple[Code, ...], Field(min_length=1)]
Text = Annotated[str, Field(min_length=1)]


def _refuse_repeated(values: Iterable[str], kind: str) -> None:
    """Raise ValueError where a value occurs twice."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{kind} {quoted(value)} stands there twice")
        seen.add(value)


def _in_order(names: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return for each code the place of its name among the names."""
    return {code: place for place, codes in enumerate(names.values()) for code in codes}


class Part(BaseModel):
    """A part of a mapping; unknown fields are refused, as they are most often misspelt."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LocationColumn(Part):
    """Where a respondent lives. The nation, where it is named, is all locations but those outside it."""

    column: Text
    names: Annotated[dict[str, Codes], Field(min_length=1)]
    nation: Text | None = None
    outside_nation: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        _refuse_repeated((code for codes in self.names.values() for code in codes), "the code")
        unknown = [name for name in self.outside_nation if name not in self.names]
        if unknown:
            raise ValueError(f"outside_nation names {quoted(unknown[0])}, which is not among the names")
        if self.nation in self.names:
            raise ValueError(f"the nation {quoted(str(self.nation))} is among the names of its locations")
        return self

    @property
    def code_of(self) -> dict[str, int]:
        """The place among the names that each code stands for."""
        return _in_order(self.names)


class YearColumn(Part):
    """The year of the interview: the column's number over ``divisor``, rounded down."""

    column: Text
    divisor: Annotated[int, Field(ge=1)] = 1


class Design(Part):
    """How respondents were sampled: a weight each; strata, and sampling units within them, by number.

    Without ``stratum`` each location and year is one stratum; without ``unit`` each respondent is a sampling unit.
    """

    weight: Text
    stratum: Text | None = None
    unit: Text | None = None


class AskedQuestion(Part):
    """A question: which answers count as yes and as no. Any other answer, and none at all, is a missing one."""

    text: Text
    id: Text | None = None
    column: Text
    yes: Codes
    no: Codes

    @model_validator(mode="after")
    def _check(self) -> Self:
        _refuse_repeated([*self.yes, *self.no], "the answer")
        return self

    @property
    def code_of(self) -> dict[str, int]:
        """1 for the answers that count as yes, 0 for those that count as no."""
        return dict.fromkeys(self.yes, 1) | dict.fromkeys(self.no, 0)


class Group(Part):
    """A stratification category: its column, and which codes its strata have. Other codes are of no stratum."""

    category: Text
    column: Text
    strata: Annotated[dict[str, Codes], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        _refuse_repeated((code for codes in self.strata.values() for code in codes), "the code")
        if self.category == TOTAL:
            raise ValueError(f"the category {TOTAL} is made of everybody and must not be mapped")
        return self

    @property
    def code_of(self) -> dict[str, int]:
        """The place among the strata that each code stands for."""
        return _in_order(self.strata)


class RecordMapping(Part):
    """What the columns and codes of respondents' records mean.

    ``name`` tells whose records they are, and becomes the table's ``Datasource``; records whose name says that they are
    modelled are told to be so. ``other_names`` are those that a column has in other files, with the same codes.
    """

    name: Text
    location: LocationColumn
    year: YearColumn
    design: Design
    questions: Annotated[tuple[AskedQuestion, ...], Field(min_length=1)]
    groups: tuple[Group, ...] = ()
    other_names: dict[str, Annotated[tuple[Text, ...], Field(min_length=1)]] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        _refuse_repeated((question.text for question in self.questions), "the question")
        _refuse_repeated((question.id for question in self.questions if question.id), "the question id")
        _refuse_repeated((group.category for group in self.groups), "the category")
        unknown = [column for column in self.other_names if column not in self.columns]
        if unknown:
            raise ValueError(f"other_names has {quoted(unknown[0])}, which is no column of the mapping")
        others = (name for names in self.other_names.values() for name in names)
        _refuse_repeated((*self.columns, *others), "the column")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, each once."""
        return tuple(dict.fromkeys(self._columns()))

    def _columns(self) -> Iterator[str]:
        yield from (self.location.column, self.year.column, self.design.weight)
        yield from filter(None, (self.design.stratum, self.design.unit))
        yield from (question.column for question in self.questions)
        yield from (group.column for group in self.groups)

    @property
    def strata(self) -> tuple[tuple[str, str], ...]:
        """Category and name of each stratum that cells are made of: everybody first, then those of the groups."""
        of_groups = ((group.category, name) for group in self.groups for name in group.strata)
        return ((TOTAL, TOTAL), *of_groups)


def read_mapping(path: Path) -> RecordMapping:
    """Read a mapping.

    Raises
    ------
    SourceError: the file cannot be read, is not TOML, or is no mapping; the reason names the field and what is wrong
    """
    try:
        return RecordMapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SourceError(f"mapping {path}: cannot be read: {one_line(error)}") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"mapping {path}: is not text in UTF-8: {error.reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise SourceError(f"mapping {path}: is not TOML: {error}") from error
    except ValidationError as error:
        raise SourceError(f"mapping {path}: {_one_line(error)}") from error


def _one_line(error: ValidationError) -> str:
    """Say which field is wrong, and why."""
    problem = error.errors()[0]
    place = ".".join(map(str, problem["loc"]))
    message = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {message[0].lower()}{message[1:]}" if place else message
