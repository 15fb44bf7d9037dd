"""Parse and validate mappings: TOML files that define what the columns and codes of respondents' records mean."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from app.errors import SourceError, one_line, quoted
from app.table.sources.controls import replace_controls
from app.table.stratification import TOTAL


def _code(value: object) -> object:
    """Accept whole numbers and text as codes; numbers become text, as in a CSV file."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _name(text: str) -> str:
    """Reject control characters, which names of survey rows do not have either."""
    if replace_controls(text) != text:
        raise ValueError(f"{quoted(text)} has a control character; remove it")
    return text


Code = Annotated[str, BeforeValidator(_code)]
Codes = Annotated[tuple[Code, ...], Field(min_length=1)]
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[Text, AfterValidator(_name)]


def _require_unique(values: Iterable[str], noun: str) -> None:
    """Raise ValueError if a value occurs twice."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{noun} {quoted(value)} occurs twice; remove one")
        seen.add(value)


def _position_of_code(names: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the position of the name that each code belongs to."""
    return {code: position for position, codes in enumerate(names.values()) for code in codes}


class Section(BaseModel):
    """A section of a mapping. Unknown fields are errors, because most of them are typing mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LocationColumn(Section):
    """The column of a respondent's location. If ``nation`` is set, it is all locations except ``outside_nation``."""

    column: Text
    names: Annotated[dict[Name, Codes], Field(min_length=1)]
    nation: Name | None = None
    outside_nation: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_unique((code for codes in self.names.values() for code in codes), "code")
        unknown = [name for name in self.outside_nation if name not in self.names]
        if unknown:
            raise ValueError(f"outside_nation has {quoted(unknown[0])}, which is not a key of names")
        if self.nation in self.names:
            raise ValueError(f"the nation {quoted(str(self.nation))} must not be a key of names")
        return self

    @property
    def code_of(self) -> dict[str, int]:
        """Location codes (positions in ``names``) by the source's codes."""
        return _position_of_code(self.names)


class YearColumn(Section):
    """The column of the interview's year: its numbers are divided by ``divisor`` and rounded down."""

    column: Text
    divisor: Annotated[int, Field(ge=1)] = 1


class Design(Section):
    """The columns of the sampling design: weight, stratum and sampling unit within the stratum.

    Without ``stratum``, each location and year is one stratum. Without ``unit``, each respondent is a sampling unit.
    ``respondent`` is the respondent's number within a location and year, by which records given twice are noticed.

    Parameters
    ----------
    within_locations: whether strata and units are numbered anew in each location; otherwise the same identifier in
        several locations is the same stratum or unit
    certainty_strata: identifiers of the strata whose units were taken with certainty, which add no variance
    """

    weight: Text
    stratum: Text | None = None
    unit: Text | None = None
    respondent: Text | None = None
    within_locations: bool = False
    certainty_strata: tuple[Code, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.certainty_strata and self.stratum is None:
            raise ValueError("certainty_strata needs the column of the strata as stratum")
        return self


class MappedQuestion(Section):
    """A question: which answers count as yes and which as no. Any other answer is missing."""

    text: Name
    id: Name | None = None
    column: Text
    yes: Codes
    no: Codes

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_unique([*self.yes, *self.no], "answer")
        return self

    @property
    def code_of(self) -> dict[str, int]:
        """1 (yes) or 0 (no) by answer."""
        return dict.fromkeys(self.yes, 1) | dict.fromkeys(self.no, 0)


class Group(Section):
    """A stratification category: its column, and the codes of its strata. Other codes belong to no stratum.

    ``other_columns`` are columns of other files, used instead of ``column``, with codes of their own.
    """

    category: Name
    column: Text
    strata: Annotated[dict[Name, Codes], Field(min_length=1)]
    other_columns: dict[Text, Annotated[dict[Name, Codes], Field(min_length=1)]] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        for strata in (self.strata, *self.other_columns.values()):
            _require_unique((code for codes in strata.values() for code in codes), "code")
            unknown = [name for name in strata if name not in self.strata]
            if unknown:
                raise ValueError(f"other_columns has {quoted(unknown[0])}, which is not a key of strata")
        if self.category == TOTAL:
            raise ValueError(f"the category {TOTAL} is always everybody; remove this group")
        return self

    def code_of(self, column: str) -> dict[str, int]:
        """Return the positions in ``strata`` by the codes of a column of the source."""
        positions = {name: position for position, name in enumerate(self.strata)}
        strata = self.other_columns.get(column, self.strata)
        return {code: positions[name] for name, codes in strata.items() for code in codes}


class StandardPopulation(Section):
    """A population by whose ages prevalences are standardised: its size in each stratum of ``category``.

    ``within`` names further categories whose strata are standardised too. It costs memory: sums are kept for each age
    in each of these strata.
    """

    category: Name
    sizes: Annotated[dict[Name, Annotated[float, Field(gt=0, allow_inf_nan=False)]], Field(min_length=2)]
    within: tuple[Name, ...] = ()


class RecordMapping(Section):
    """The meaning of the columns and codes of respondents' records.

    Parameters
    ----------
    name: the table's ``Datasource``; with "modelled" in it, the server labels the data as modelled
    other_names: names of a column in other files, where it has the same codes
    """

    name: Name
    location: LocationColumn
    year: YearColumn
    design: Design
    questions: Annotated[tuple[MappedQuestion, ...], Field(min_length=1)]
    groups: tuple[Group, ...] = ()
    standard: StandardPopulation | None = None
    other_names: dict[str, Annotated[tuple[Text, ...], Field(min_length=1)]] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_unique((question.text for question in self.questions), "question")
        _require_unique((question.id for question in self.questions if question.id), "question id")
        _require_unique((group.category for group in self.groups), "category")
        unknown = [column for column in self.other_names if column not in self.columns]
        if unknown:
            raise ValueError(f"other_names has {quoted(unknown[0])}, which is not a column of the mapping")
        other_names = (name for names in self.names_elsewhere.values() for name in names)
        _require_unique((*self.columns, *other_names), "column")
        if self.standard is not None:
            self._check_standard(self.standard)
        return self

    def _check_standard(self, standard: StandardPopulation) -> None:
        strata = {group.category: group.strata for group in self.groups}
        unknown = [name for name in (standard.category, *standard.within) if name not in strata]
        if unknown:
            raise ValueError(f"standard names the category {quoted(unknown[0])}, which no group has")
        _require_unique((standard.category, *standard.within), "category of standard")
        if set(standard.sizes) != set(strata[standard.category]):
            raise ValueError(f"standard.sizes needs the strata of {quoted(standard.category)}, each once")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns to read, each once."""
        return tuple(dict.fromkeys(self._columns()))

    @property
    def names_elsewhere(self) -> dict[str, tuple[str, ...]]:
        """The names in other files of each column that has some, whether or not the codes are the same."""
        names = dict(self.other_names)
        for group in self.groups:
            if group.other_columns:
                names[group.column] = tuple(dict.fromkeys((*names.get(group.column, ()), *group.other_columns)))
        return names

    def _columns(self) -> Iterator[str]:
        yield from (self.location.column, self.year.column, self.design.weight)
        yield from filter(None, (self.design.stratum, self.design.unit, self.design.respondent))
        yield from (question.column for question in self.questions)
        yield from (group.column for group in self.groups)

    @property
    def strata(self) -> tuple[tuple[str, str], ...]:
        """Category and name of each stratum of the table: everybody, then the strata of the groups."""
        return ((TOTAL, TOTAL), *((group.category, name) for group in self.groups for name in group.strata))

    def first_stratum(self, category: str) -> int:
        """Return the position in ``strata`` of a group's first stratum."""
        return next(position for position, stratum in enumerate(self.strata) if stratum[0] == category)

    @property
    def crossed(self) -> tuple[tuple[Group, Group], ...]:
        """Pairs of groups whose every combination of strata has sums: one to be standardised, and the ages."""
        if self.standard is None:
            return ()
        groups = {group.category: group for group in self.groups}
        return tuple((groups[name], groups[self.standard.category]) for name in self.standard.within)


def read_mapping(path: Path) -> RecordMapping:
    """Read a mapping.

    Raises
    ------
    SourceError: the file cannot be read, is not TOML, or is not a valid mapping; the reason names the field
    """
    try:
        return RecordMapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SourceError(f"mapping {path}: cannot be read: {one_line(error)}") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"mapping {path}: is not UTF-8 text: {error.reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise SourceError(f"mapping {path}: is not TOML: {error}") from error
    except ValidationError as error:
        raise SourceError(f"mapping {path}: {_one_line(error)}") from error


def _one_line(error: ValidationError) -> str:
    """Format the first problem as ``field: message``."""
    problem = error.errors()[0]
    field = ".".join(map(str, problem["loc"]))
    message = problem["msg"].removeprefix("Value error, ")
    return f"{field}: {message[0].lower()}{message[1:]}" if field else message
