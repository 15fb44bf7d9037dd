"""The registry of statistics: a decorator adds one, and all that depends on its name is read from here.

Routes, validation, API document, CSV and Parquet columns, charts, pages and the client's list of statistics follow.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel

from app.queries.bodies import Body, QuestionBody, used_fields
from app.queries.query import Query
from app.statistics.records import Record, Records, as_is
from app.table.question import PERCENT
from app.table.survey_table import SurveyTable

Result = dict[str, Any] | list[dict[str, Any]]
ChartKind = Literal["bars", "map", "tiles", "dots", "heatmap", "lines", "trend", "comparison", "scatter", "figure"]
POINTS = "percentage points"  # the unit of differences; charts draw these around zero

Asked = TypeVar("Asked", bound=Query)


@dataclass(frozen=True, slots=True)
class Input(Generic[Body, Asked]):
    """What a statistic takes. Statistics of one family share it.

    Parameters
    ----------
    body: model of the request body
    resolve: turns the names of a body into the codes of a table. Raises InvalidRequestError when the table does not
        hold what is named, or not enough of it to compute the statistic
    example: a body that CDC's table can answer
    """

    body: type[Body]
    resolve: Callable[[Body, SurveyTable], Asked]
    example: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Output:
    """What a statistic returns. Statistics of one family share it.

    Parameters
    ----------
    model: model of the result, for the API document
    records: turns a result into flat records, which make CSV, Parquet, tables and charts
    charts: kinds of chart that may suit a result, the usual one first; ``app.charts`` drops those that cannot draw it
    value: the column of the records that charts draw
    unit: the unit of that column, as charts label it: ``PERCENT`` for figures in the unit of the question, ``POINTS``
        for their differences, or another word
    """

    model: type[BaseModel]
    records: Records = as_is
    charts: tuple[ChartKind, ...] = ()
    value: str = "value"
    unit: str = PERCENT


@dataclass(frozen=True, slots=True)
class Statistic:
    """A registered statistic. Types of bodies and queries differ, so the decorator checks that they fit together.

    Parameters
    ----------
    name: its name in routes
    summary: a line for programmers, the first of the docstring
    title: a short name for people
    compute: returns the result, in the unit of the question
    provenance: whether results carry their provenance. Those of the nine statistics that clients of other servers of
        this API know do not, since these clients expect their result as it is
    """

    name: str
    summary: str
    title: str
    input: Input[Any, Any]
    output: Output
    compute: Callable[[SurveyTable, Any], Result]
    provenance: bool

    @property
    def body(self) -> type[QuestionBody]:
        """The model of the request body."""
        body: type[QuestionBody] = self.input.body
        return body

    @property
    def example(self) -> Mapping[str, Any]:
        """A body that CDC's table can answer."""
        return self.input.example

    @property
    def result(self) -> type[BaseModel]:
        """The model of the result."""
        return self.output.model

    @property
    def required_fields(self) -> list[str]:
        """The fields that a body must have."""
        return [name for name, field in used_fields(self.body).items() if field.is_required()]

    @property
    def optional_fields(self) -> list[str]:
        """The fields that a body may have."""
        return [name for name, field in used_fields(self.body).items() if not field.is_required()]


_registry: dict[str, Statistic] = {}
STATISTICS: Mapping[str, Statistic] = MappingProxyType(_registry)


def statistic(
    input_: Input[Body, Asked], output: Output, title: str, *, provenance: bool = True
) -> Callable[[Callable[[SurveyTable, Asked], Result]], Callable[[SurveyTable, Asked], Result]]:
    """Register the decorated function under its own name; its docstring's first line becomes the summary."""

    def register(compute: Callable[[SurveyTable, Asked], Result]) -> Callable[[SurveyTable, Asked], Result]:
        name, summary = compute.__name__, (compute.__doc__ or "").splitlines()[0]
        _registry[name] = Statistic(name, summary, title, input_, output, compute, provenance)
        return compute

    return register


def records_of(statistic_name: str, data: Any) -> list[Record]:
    """Return a result as flat records; one of an unregistered statistic, whose request is lost, as it is."""
    known = STATISTICS.get(statistic_name)
    return list((known.output.records if known else as_is)(data))
