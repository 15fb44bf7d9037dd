"""Estimates of prevalence with their uncertainty, and the cells that statistics about estimates answer with."""

import math
from collections.abc import Sequence
from typing import Any

from app.queries.bodies import EstimateBody
from app.queries.query import Query, count_years, select
from app.statistics.registry import Result, statistic
from app.statistics.result_models import EstimateCells
from app.table.cells import Codes
from app.table.estimates import Estimates, estimates_over_years, flags_of, yearly_estimates
from app.table.survey_table import SurveyTable

KEYS = ("location", "year", "category", "stratum")


@statistic(EstimateBody, {"question": "Q036", "by": ["location"], "years": [2019]}, EstimateCells)
def estimate(table: SurveyTable, query: Query) -> Result:
    """Return the prevalence with its confidence limits, sample size and flags, for each combination of the keys.

    One row of the table is given as it was published. Several years are averaged without weights; see
    ``estimates_over_years``. Total rows are used unless strata are asked for, and categories are never mixed.
    """
    estimates = yearly_estimates(select(table, query.question, query.filters, needs_value=False).cells)
    if "year" not in query.by:
        years = count_years(table, query.question, query.filters)
        estimates = estimates_over_years(estimates, years)
    return cells_of(table, estimates, [key for key in KEYS if key in query.by])


def cells_of(table: SurveyTable, estimates: Estimates, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Return a JSON-ready cell for each estimate: the given keys, the figures (percent), and the flags.

    What is not known is None: every figure of a suppressed cell, the limits and the sample size where the table does
    not tell them, and the keys of rows without a stratum or a year.
    """
    named = {key: _key_values(table, estimates, key) for key in keys}
    figures = {
        "value": _numbers(estimates.values),
        "low": _numbers(estimates.low),
        "high": _numbers(estimates.high),
        "sample_size": [None if size is None else round(size) for size in _numbers(estimates.respondents)],
        "rows": estimates.rows.tolist(),
        "flags": flags_of(estimates),
    }
    columns = {**named, **figures}
    return [dict(zip(columns, cell, strict=True)) for cell in zip(*columns.values(), strict=True)]


def labels_of(table: SurveyTable, periods: Codes) -> list[int | str]:
    """Return the years of some periods, without those that are not known."""
    return [table.periods[code].label for code in periods.tolist() if code >= 0]


def _key_values(table: SurveyTable, estimates: Estimates, key: str) -> list[Any]:
    """Return the names of one key, None for the code -1."""
    codes, names = {
        "location": (estimates.locations, table.location_names),
        "year": (estimates.periods, [period.label for period in table.periods]),
        "category": (estimates.strata, [stratum.category for stratum in table.strata]),
        "stratum": (estimates.strata, [stratum.name for stratum in table.strata]),
    }[key]
    return [names[code] if code >= 0 else None for code in codes.tolist()]


def _numbers(values: Any) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]
