"""Steps that resolvers share: narrow filters to one stratum or one location; find the good end of a ranking."""

from dataclasses import replace

from app.errors import InvalidRequestError, quoted
from app.queries.bodies import QuestionBody
from app.queries.query import Filters, question_and_filters
from app.table.facts import Direction
from app.table.stratification import TOTAL
from app.table.survey_table import STRATUM_FIELD, SurveyTable


def estimable(body: QuestionBody, table: SurveyTable) -> tuple[int, Filters]:
    """Return the question of a body about estimates, and filters that leave one row of each cell.

    Raises
    ------
    InvalidRequestError: the question's rows contradict each other, or the table has no such question or name
    """
    question, filters = question_and_filters(body, table)
    table.require_estimates(question)
    return question, replace(filters, copies=False)


def one_stratum(body: QuestionBody, table: SurveyTable, filters: Filters) -> Filters:
    """Return filters that leave one stratum: the one in the body, or else the total.

    Raises
    ------
    InvalidRequestError: the table has no total, or the body names a category with several strata
    """
    if body.stratification is None:
        if TOTAL not in table.categories:
            reason = 'this table has no rows of the total; name a stratum with "stratification"'
            raise InvalidRequestError(reason, "stratification", words="Choose a group: this table has no total of all.")
        return replace(filters, strata=table.strata_codes(TOTAL))
    if filters.strata is not None and len(filters.strata) > 1:
        raise InvalidRequestError(
            f"the strata of {body.stratification.category!r} cannot be averaged, because they differ in size; name one "
            'as "value" beside "category"',
            STRATUM_FIELD,
            words="These groups cannot be averaged, because they differ in size. Choose one of them.",
        )
    return filters


def one_location(state: str | None, table: SurveyTable, filters: Filters, field: str = "state") -> Filters:
    """Return filters that leave one location: the named one, the only one there is, or else the nation.

    Parameters
    ----------
    field: the request's field that names the location, for errors

    Raises
    ------
    InvalidRequestError: the filters exclude the named location, or several locations are left and none is named
    """
    if state is not None:
        location = table.location_code(state, field)
        allowed = filters.locations is None or location in filters.locations
        if not allowed or location in (filters.excluded or ()):
            raise InvalidRequestError(f'the state {quoted(state)} is left out by "locations" or "exclude"', field)
        return replace(filters, locations=(location,))
    left = set(filters.locations if filters.locations is not None else range(len(table.locations)))
    left -= set(filters.excluded or ())
    if len(left) == 1:
        return replace(filters, locations=tuple(left))
    if filters.locations is None and table.national_code in left:
        return replace(filters, locations=(table.national_code,))
    raise InvalidRequestError(
        "estimates of several locations cannot be averaged, because their populations differ; name one location, or "
        "ask by location",
        field,
        words="Places cannot be averaged, because their populations differ. Choose one, or ask one figure for each.",
    )


def without_nation(filters: Filters, table: SurveyTable) -> Filters:
    """Return filters that leave out the nation as a whole, unless they name the locations."""
    if filters.locations is not None or table.national_code is None:
        return filters
    return replace(filters, excluded=(*(filters.excluded or ()), table.national_code))


def good_end(best: Direction | None, question: int, table: SurveyTable) -> Direction:
    """Return which end of a ranking is good: as the body says, or else as is known of the question.

    Raises
    ------
    InvalidRequestError: neither says
    """
    about = table.questions[question].question
    direction = best or about.best
    if direction is None:
        raise InvalidRequestError(
            f"the server does not know whether a low or a high value is good for the question {quoted(about.text)}; "
            'add "best": "min" or "best": "max" to the body',
            "best",
            words="It is not known whether low or high values are better for this question. Choose one.",
        )
    return direction
