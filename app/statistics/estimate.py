"""Estimates of prevalence with their uncertainty, and the cells that results about estimates consist of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from app.errors import InvalidRequestError
from app.queries.bodies import Dimension, QuestionBody
from app.queries.narrowing import estimable, one_location, one_stratum
from app.queries.query import Query, count_years, select
from app.statistics.registry import Input, Output, Result, statistic
from app.statistics.result_models import Figures, ResultRoot, Year
from app.table.cells import Codes
from app.table.estimates import Estimates, estimates_over_years, flags_of, yearly_estimates
from app.table.survey_table import SurveyTable

KEYS: tuple[Dimension, ...] = ("location", "year", "category", "stratum")


class EstimateBody(QuestionBody):
    """Estimates with their uncertainty, for each combination of some keys."""

    by: tuple[Dimension, ...] = Field(
        ("location",), max_length=4, description="an estimate for each combination of these keys; may be empty"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateQuery(Query):
    """A query for an estimate of each combination of the keys ``by``."""

    by: tuple[Dimension, ...]


def resolve_estimate(body: EstimateBody, table: SurveyTable) -> EstimateQuery:
    """Return a query whose estimates differ only in the requested keys and in the years."""
    question, filters = estimable(body, table)
    by_stratum = "stratum" in body.by or "category" in body.by
    if not by_stratum:
        filters = one_stratum(body, table, filters)
    if "location" not in body.by:
        filters = one_location(None, table, filters, "by")
    cells = select(table, question, filters, needs_value=False).cells
    if by_stratum and "stratum" not in body.by:
        _check_one_stratum_each(cells.strata, table)
    return EstimateQuery(question, filters, by=body.by)


def _check_one_stratum_each(codes: Codes, table: SurveyTable) -> None:
    strata = {table.strata[code] for code in codes.tolist() if code >= 0}
    if len({stratum.category for stratum in strata}) < len(strata):
        raise InvalidRequestError(
            'the strata of a category cannot be averaged, because they differ in size; add "stratum" to "by", or name '
            'one with "stratification": {"category": …, "value": …}',
            "by",
            words="Groups differ in size, so they cannot be averaged. Ask one figure for each group too, or choose one "
            "group.",
        )


class EstimateCell(Figures):
    """An estimate, with the keys that the request names in ``by``; null if the table does not have them."""

    location: str | None = None
    year: Year | None = None
    category: str | None = None
    stratum: str | None = None


class EstimateCells(ResultRoot[list[EstimateCell]]):
    """The estimates for each combination of the keys."""


ESTIMATES = Input(EstimateBody, resolve_estimate, {"question": "Q036", "by": ["location"], "years": [2019]})
CELLS = Output(EstimateCells, charts=("dots", "lines", "map", "tiles", "heatmap", "figure"))


@statistic(ESTIMATES, CELLS, "Estimates with their 95 % confidence limits")
def estimate(table: SurveyTable, query: EstimateQuery) -> Result:
    """Return the prevalence with its confidence limits, sample size and flags, for each combination of the keys.

    An estimate of one row is the row as it was published. Several years are averaged without weights; see
    ``estimates_over_years``. Rows of the total are used unless the request names strata, and categories are never
    mixed.
    """
    estimates = yearly_estimates(select(table, query.question, query.filters, needs_value=False).cells)
    if "year" not in query.by:
        years = count_years(table, query.question, query.filters)
        estimates = estimates_over_years(estimates, years)
    return cells_of(table, estimates, [key for key in KEYS if key in query.by])


def cells_of(table: SurveyTable, estimates: Estimates, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Return a JSON-ready cell for each estimate: the given keys, the figures (percent), the flags and the footnote.

    Unknown values are None: every figure of a suppressed cell, limits and sample sizes that the table does not have,
    and the keys of rows without a stratum or a year.
    """
    named = {key: _key_values(table, estimates, key) for key in keys}
    figures = {
        "value": _numbers(estimates.values),
        "low": _numbers(estimates.low),
        "high": _numbers(estimates.high),
        "sample_size": [None if size is None else round(size) for size in _numbers(estimates.respondents)],
        "rows": estimates.rows.tolist(),
        "flags": flags_of(estimates),
        "footnote": [table.report.footnotes[code] if code >= 0 else None for code in estimates.footnotes.tolist()],
    }
    columns = {**named, **figures}
    return [dict(zip(columns, cell, strict=True)) for cell in zip(*columns.values(), strict=True)]


def labels_of(table: SurveyTable, periods: Codes) -> list[int | str]:
    """Return the years of some periods, except unknown ones."""
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
