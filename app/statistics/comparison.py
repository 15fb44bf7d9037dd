"""Differences between estimates: of two, and between all the strata of a category."""

import math
from typing import Any

import numpy as np

from app.queries.bodies import CompareBody, DisparityBody
from app.queries.query import Query, count_years, select
from app.statistics.estimate import cells_of, labels_of
from app.statistics.registry import Result, statistic
from app.statistics.result_models import Comparison, Disparity
from app.table.cells import LIMITS_Z, TIE_DECIMALS
from app.table.estimates import Estimates, estimates_over_years, too_few_limits, with_limits, yearly_estimates
from app.table.survey_table import SurveyTable

NOT_A_GROUP = "Data not reported"  # a stratum of those who did not answer, not of people who have something in common


def _sides(table: SurveyTable, query: Query) -> list[Estimates]:
    """Return the yearly estimates of both sides.

    Raises
    ------
    InvalidRequestError: one of them has none with limits
    """
    sides = [with_limits(yearly_estimates(select(table, query.question, side).cells)) for side in query.sides]
    if not all(side.values.size for side in sides):
        raise too_few_limits(
            table,
            "one of the two has no value with confidence limits; ask for another year, stratum, state or question",
        )
    return sides


@statistic(
    CompareBody, {"question": "Q036", "between": {"location": ["OH", "UT"]}, "years": [2019]}, Comparison, check=_sides
)
def compare(table: SurveyTable, query: Query) -> Result:
    """Return two estimates and their difference in percentage points, with its limits, z and p-value.

    z = (a - b) / sqrt(se_a² + se_b²) for two independent estimates, p two-sided from the standard normal distribution
    (Korn and Graubard, Analysis of Health Surveys, 1999). Several years are averaged over those that both have.
    """
    from app.statistics.fits import two_sided_p  # noqa: PLC0415 - heavy, see there

    yearly = _sides(table, query)
    a, b = map(estimates_over_years, yearly)
    difference = float(a.values[0] - b.values[0])
    error = math.hypot(float(a.errors[0]), float(b.errors[0]))
    z = difference / error
    cell_a, cell_b = (_cell(table, side) for side in yearly)
    test = {"z": z, "p_value": two_sided_p(z)}
    return {
        "dimension": query.dimension,
        "a": cell_a,
        "b": cell_b,
        "difference": {**_with_limits(difference, error), **test},
    }


def _cell(table: SurveyTable, yearly: Estimates) -> dict[str, Any]:
    """Return one side over its years, with these years as one of its keys."""
    (cell,) = cells_of(table, estimates_over_years(yearly), ["location", "category", "stratum"])
    return {"location": cell.pop("location"), "years": labels_of(table, yearly.periods), **cell}


def _with_limits(value: float, error: float) -> dict[str, float]:
    half_width = LIMITS_Z * error
    return {"value": value, "low": value - half_width, "high": value + half_width, "standard_error": error}


def _groups(table: SurveyTable, query: Query) -> Estimates:
    """Return an estimate for each stratum of the category, suppressed ones too.

    Raises
    ------
    InvalidRequestError: fewer than two of them can be compared
    """
    cells = select(table, query.question, query.filters, needs_value=False).cells
    years = count_years(table, query.question, query.filters)
    groups = estimates_over_years(yearly_estimates(cells), years)
    if len(_comparable(table, groups)) < 2:
        raise too_few_limits(
            table,
            "a disparity needs at least two strata with a value and confidence limits; ask for another category, "
            "state, question or years",
        )
    return groups


def _comparable(table: SurveyTable, groups: Estimates) -> list[int]:
    """Return the places of the groups that can be the best or the worst one."""
    places = np.flatnonzero((groups.errors > 0) & (groups.values > 0)).tolist()
    return [place for place in places if table.strata[groups.strata[place]].name != NOT_A_GROUP]


@statistic(
    DisparityBody,
    {"question": "Q036", "stratification": {"category": "Education"}, "state": "OH"},
    Disparity,
    check=_groups,
)
def disparity(table: SurveyTable, query: Query) -> Result:
    """Return the strata of one category with the gap between the worst and the best: absolute and relative.

    The absolute gap is worst less best in percentage points, with the standard error of a difference of independent
    estimates. The relative gap is worst over best; its limits are those of the logarithm, whose variance by the delta
    method is (se_worst / worst)² + (se_best / best)² (Keppel and others, Methodological Issues in Measuring Health
    Disparities, Vital and Health Statistics, series 2, number 141, 2005).
    """
    groups = _groups(table, query)
    ranked = sorted(_comparable(table, groups), key=lambda place: round(float(groups.values[place]), TIE_DECIMALS))
    best, worst = (ranked[0], ranked[-1]) if query.best == "min" else (ranked[-1], ranked[0])
    cells = cells_of(table, groups, ["location", "category", "stratum"])
    (value_best, error_best), (value_worst, error_worst) = (
        (float(groups.values[place]), float(groups.errors[place])) for place in (best, worst)
    )
    ratio = value_worst / value_best
    factor = math.exp(LIMITS_Z * math.hypot(error_worst / value_worst, error_best / value_best))
    return {
        "location": cells[0]["location"],
        "category": cells[0]["category"],
        "groups": [{k: v for k, v in cell.items() if k not in {"location", "category"}} for cell in cells],
        "best": cells[best]["stratum"],
        "worst": cells[worst]["stratum"],
        "absolute_gap": _with_limits(value_worst - value_best, math.hypot(error_worst, error_best)),
        "relative_gap": {"value": ratio, "low": ratio / factor, "high": ratio * factor},
    }
