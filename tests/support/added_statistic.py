"""A statistic that somebody adds; docs/architecture.md shows this file."""

from dataclasses import dataclass

from pydantic import Field

from app.queries.bodies import QuestionBody
from app.queries.query import Query, question_and_filters, select
from app.statistics.means import location_means
from app.statistics.records import by_location
from app.statistics.registry import POINTS, Input, Output, Result, statistic
from app.statistics.result_models import ResultRoot
from app.table.survey_table import SurveyTable


class AboveBody(QuestionBody):
    at_least: int = Field(ge=1, description="only locations that are so many points above the lowest")


@dataclass(frozen=True, slots=True, kw_only=True)
class AboveQuery(Query):
    at_least: int


def resolve(body: AboveBody, table: SurveyTable) -> AboveQuery:
    query = AboveQuery(*question_and_filters(body, table), at_least=body.at_least)
    select(table, query.question, query.filters)  # rejects filters that leave no row, before the job is accepted
    return query


class PointsAbove(ResultRoot[dict[str, float]]):
    """Percentage points above the lowest mean, by location."""


@statistic(
    Input(AboveBody, resolve, {"question": "Q046", "at_least": 2}),
    Output(PointsAbove, by_location("points"), charts=("bars",), value="points", unit=POINTS),
    "Points above the lowest mean",
)
def above_lowest(table: SurveyTable, query: AboveQuery) -> Result:
    """Return how many percentage points the mean of each location is above the lowest one."""
    means = location_means(table, query)
    lowest = min(means.values())
    return {name: mean - lowest for name, mean in means.items() if mean - lowest >= query.at_least}
