"""The queries of statistics about plain means of rows."""

from dataclasses import replace

from app.bodies import RANKING_LENGTH, FiveBody, QuestionBody, RankingBody, StateBody
from app.errors import InvalidRequestError, quoted
from app.query import Query
from app.selection import NO_FILTERS, select
from app.survey_facts import Direction
from app.survey_table import SurveyTable


def question_query(_body: QuestionBody, table: SurveyTable, query: Query) -> Query:
    """Return the query; checks that the filters leave a value."""
    if query.filters != NO_FILTERS:
        select(table, query.question, query.filters)
    return query


def state_query(body: StateBody, table: SurveyTable, query: Query) -> Query:
    """Return a query about one location; checks that it has a value."""
    location = table.location_code(body.state)
    cells = select(table, query.question, query.filters).cells
    if not cells.rows[cells.locations == location].any():
        text = table.questions[query.question].question.text
        filtered = " with these filters" if query.filters != NO_FILTERS else ""
        raise InvalidRequestError(
            f"{table.location_names[location]} has no value for the question {quoted(text)}{filtered}; "
            "ask for another state or another question"
        )
    return replace(query, location=location)


def ranking_query(body: FiveBody, table: SurveyTable, query: Query) -> Query:
    """Return a query for a ranking."""
    length = body.n if isinstance(body, RankingBody) else RANKING_LENGTH
    best = direction(body.best, body, table, query.question)
    return question_query(body, table, replace(query, best=best, length=length))


def direction(best: Direction | None, body: QuestionBody, table: SurveyTable, question: int) -> Direction:
    """Return which end of a ranking is good: as it is asked for, or as it is known.

    Raises
    ------
    InvalidRequestError: neither is
    """
    best = best or table.questions[question].question.best
    if best is None:
        raise InvalidRequestError(
            f"it is not known whether a low or a high value is good for the question {quoted(body.question)}; "
            'add "best": "min" or "best": "max" to the body'
        )
    return best
