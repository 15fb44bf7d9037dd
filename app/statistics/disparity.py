"""The disparity between the strata of a category: the gap between the worst and the best."""

import math
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from app.errors import InvalidRequestError
from app.queries.bodies import BestEnd, OneStratification, PlaceBody
from app.queries.narrowing import estimable, good_end, one_location
from app.queries.query import Query, count_years, select
from app.statistics.comparison import ALPHA, Gap, difference_with_limits
from app.statistics.estimate import cells_of
from app.statistics.records import rows_of
from app.statistics.registry import Input, Output, Result, statistic
from app.statistics.result_models import Equality, Figures, ResultObject
from app.table.cells import LIMITS_Z, TIE_DECIMALS, Values
from app.table.estimates import Estimates, are_unreliable, estimates_over_years, missing_limits_error, yearly_estimates
from app.table.facts import Direction
from app.table.stratification import NOT_A_GROUP
from app.table.survey_table import STRATUM_FIELD, SurveyTable

EQUAL = (
    "the strata cannot be told apart (test of equality, p = {p:.2g}): the gap between those that happen to be the best "
    "and the worst is then larger than the true one, and its limits are too narrow"
)


class DisparityBody(PlaceBody):
    """A comparison of all strata of one category; ``stratification`` names the category."""

    stratification: OneStratification = Field(description="the category whose strata are compared; takes no value here")
    best: BestEnd = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisparityQuery(Query):
    """A query about the strata of one category in one location; ``best`` is the good end."""

    best: Direction

    def caveats(self, table: SurveyTable) -> list[str]:
        """Return whether the gap may come from having chosen the best and the worst alone."""
        p_value = _equality(table, _groups(table, self))["p_value"]
        return [EQUAL.format(p=p_value)] if p_value is not None and p_value >= ALPHA else []


def resolve_disparity(body: DisparityBody, table: SurveyTable) -> DisparityQuery:
    """Return a query about the strata of one category in one location; checks that two of them can be compared."""
    question, filters = estimable(body, table)
    if body.stratification.value is not None:
        reason = 'a disparity is between all the strata of a category: leave "value" out'
        raise InvalidRequestError(reason, STRATUM_FIELD, words="Choose a category: all of its groups are compared.")
    best = good_end(body.best, question, table)
    query = DisparityQuery(question, one_location(body.state, table, filters), best=best)
    _groups(table, query)
    return query


class Ratio(ResultObject):
    """A ratio with its limits."""

    value: float
    low: float
    high: float


class Group(Figures):
    """The estimate of one stratum."""

    stratum: str
    compared: bool = Field(description="false if its estimate is too unreliable to be the best or the worst")


class Disparity(ResultObject):
    """The strata of one category, and the gap between the worst and the best."""

    location: str
    category: str
    groups: list[Group]
    best: str
    worst: str
    absolute_gap: Gap
    relative_gap: Ratio
    equality: Equality = Field(description="test of the hypothesis that all compared strata are equal")


@statistic(
    Input(
        DisparityBody,
        resolve_disparity,
        {"question": "Q036", "stratification": {"category": "Education"}, "state": "OH"},
    ),
    Output(Disparity, rows_of("groups"), ("dots",)),
    "Disparity between the strata of a category",
)
def disparity(table: SurveyTable, query: DisparityQuery) -> Result:
    """Return the strata of one category with the gap between the worst and the best: absolute and relative.

    The absolute gap is worst less best, with the standard error of a difference of independent estimates. The relative
    gap is worst over best; its limits are those of the logarithm, whose variance by the delta method is (se_worst /
    worst)² + (se_best / best)² (Keppel and others, Methodological Issues in Measuring Health Disparities, Vital and
    Health Statistics, series 2, number 141, 2005). Strata whose estimate is unreliable or below the NCHS standard are
    shown but not compared. The test over all compared strata is Cochran's Q.
    """
    groups = _groups(table, query)
    compared = _comparable(table, groups)
    ranked = sorted(compared, key=lambda position: round(float(groups.values[position]), TIE_DECIMALS))
    best, worst = (ranked[0], ranked[-1]) if query.best == "min" else (ranked[-1], ranked[0])
    shown = cells_of(table, groups, ["location", "category", "stratum"])
    absolute, relative = gaps(groups.values[[worst, best]], groups.errors[[worst, best]])
    return {
        "location": shown[0]["location"],
        "category": shown[0]["category"],
        "groups": [
            {k: v for k, v in cell.items() if k not in {"location", "category"}} | {"compared": place in compared}
            for place, cell in enumerate(shown)
        ],
        "best": shown[best]["stratum"],
        "worst": shown[worst]["stratum"],
        "absolute_gap": absolute,
        "relative_gap": relative,
        "equality": _equality(table, groups),
    }


def gaps(values: Values, errors: Values) -> tuple[dict[str, float], dict[str, float]]:
    """Return the difference and the ratio of two independent estimates, worst and best, with their 95 % limits."""
    (worst, best), (error_worst, error_best) = values.tolist(), errors.tolist()
    ratio = worst / best
    factor = math.exp(LIMITS_Z * math.hypot(error_worst / worst, error_best / best))
    absolute = difference_with_limits(worst - best, math.hypot(error_worst, error_best))
    return absolute, {"value": ratio, "low": ratio / factor, "high": ratio * factor}


def _groups(table: SurveyTable, query: DisparityQuery) -> Estimates:
    """Return an estimate for each stratum of the category, suppressed ones included.

    Raises
    ------
    InvalidRequestError: fewer than two of them can be compared
    """
    selection = select(table, query.question, query.filters, needs_value=False)
    years = count_years(table, query.question, query.filters)
    groups = estimates_over_years(yearly_estimates(selection.cells), years)
    if len(_comparable(table, groups)) < 2:
        raise missing_limits_error(
            table,
            "a disparity needs at least two strata with a reliable value and confidence limits; ask for another "
            "category, state, question or years",
        )
    return groups


def _equality(table: SurveyTable, groups: Estimates) -> dict[str, float | int | None]:
    """Return the test of equality of the groups that can be compared."""
    from app.statistics.fits import equality  # noqa: PLC0415 - heavy, see there

    compared = _comparable(table, groups)
    return equality(groups.values[compared], groups.errors[compared])


def _comparable(table: SurveyTable, groups: Estimates) -> list[int]:
    """Return the positions of the groups that can be the best or the worst one."""
    positions = np.flatnonzero((groups.errors > 0) & ~are_unreliable(groups) & (groups.values > 0)).tolist()
    return [position for position in positions if table.strata[groups.strata[position]].name != NOT_A_GROUP]
