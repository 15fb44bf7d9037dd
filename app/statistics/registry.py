"""The registry of statistics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from app.queries.bodies import QuestionBody
from app.queries.query import Query
from app.table.survey_table import SurveyTable

Result = dict[str, Any] | list[dict[str, Any]]
Compute = Callable[[SurveyTable, Query], Result]
Check = Callable[[SurveyTable, Query], object]


@dataclass(frozen=True, slots=True)
class Statistic:
    """One statistic.

    Parameters
    ----------
    name: its name in the routes
    body: the model of the body that it takes
    compute: returns its result, in percent or percentage points
    summary: a line that says what it is
    check: raises InvalidRequestError where there is not enough to compute from; called when a job is submitted
    provenance: whether its answers tell where the figures come from; those of the contract's nine do not
    example: a body that can be asked of CDC's table
    result: the model of its result, for the API document
    """

    name: str
    body: type[QuestionBody]
    compute: Compute
    summary: str
    check: Check | None
    provenance: bool
    example: Mapping[str, Any]
    result: type[BaseModel]


_registry: dict[str, Statistic] = {}
STATISTICS: Mapping[str, Statistic] = MappingProxyType(_registry)


def statistic(
    body: type[QuestionBody],
    example: Mapping[str, Any],
    result: type[BaseModel],
    *,
    check: Check | None = None,
    provenance: bool = True,
) -> Callable[[Compute], Compute]:
    """Register the decorated function under its own name; its docstring's first line becomes the summary."""

    def register(compute: Compute) -> Compute:
        name, summary = compute.__name__, (compute.__doc__ or "").splitlines()[0]
        _registry[name] = Statistic(name, body, compute, summary, check, provenance, example, result)
        return compute

    return register
