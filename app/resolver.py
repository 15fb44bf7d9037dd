"""A checked body in, a frozen ``Query`` in the codes of a table out, or an error that says what to put right."""

from collections.abc import Callable, Mapping
from typing import Any

from app.bodies import (
    CompareBody,
    CorrelateBody,
    DisparityBody,
    EstimateBody,
    FiveBody,
    QuestionBody,
    RankingBody,
    StateBody,
    TrendBody,
)
from app.estimate_queries import comparison_query, correlation_query, disparity_query, estimate_query, place_query
from app.mean_queries import question_query, ranking_query, state_query
from app.query import Query, filters_of
from app.survey_table import SurveyTable

# What each kind of body takes to fill in the rest of a query about a question and its filters.
Resolver = Callable[[Any, SurveyTable, Query], Query]
RESOLVERS: Mapping[type[QuestionBody], Resolver] = {
    QuestionBody: question_query,
    StateBody: state_query,
    FiveBody: ranking_query,
    RankingBody: ranking_query,
    EstimateBody: estimate_query,
    TrendBody: place_query,
    CompareBody: comparison_query,
    DisparityBody: disparity_query,
    CorrelateBody: correlation_query,
}


def resolve(body: QuestionBody, table: SurveyTable) -> Query:
    """Look up what a body names, and check that the filters leave something.

    Raises
    ------
    InvalidRequestError: the table has no such question, location or stratum, no value for them, or no direction to
        rank in; or the filters leave nothing, or more than the statistic can put together
    """
    query = Query(table.question_code(body.question), filters_of(body, table))
    return RESOLVERS[type(body)](body, table, query)
