"""Ranks of locations with their uncertainty."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from app.queries.bodies import BestEnd, QuestionBody
from app.queries.narrowing import estimable, good_end, one_stratum, without_nation
from app.queries.query import Query, count_years, select
from app.statistics.estimate import cells_of
from app.statistics.records import rows_of
from app.statistics.registry import Input, Output, Result, statistic
from app.statistics.result_models import Figures, ResultObject
from app.table.cells import TIE_DECIMALS, Values
from app.table.confidence_limits import HIGHEST, logit
from app.table.estimates import (
    Estimates,
    are_unreliable,
    estimates_over_years,
    missing_limits_error,
    yearly_estimates,
)
from app.table.facts import Direction
from app.table.survey_table import SurveyTable

DRAWS = 10_000  # the error of a probability is at most 0.005
DRAWS_AT_ONCE = 1_000  # bounds the memory over tables of thousands of locations
SEED = 1  # so that equal requests have equal results
COVERAGE = 0.95
TAIL = (1 - COVERAGE) / 2

Counts = npt.NDArray[np.int64]


class RankBody(QuestionBody):
    """A ranking of locations; ``n`` is how many count as being among the best or the worst."""

    n: Annotated[int, Field(ge=1, le=1000)] = Field(5, description="how many locations are the best, and the worst")
    best: BestEnd = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RankQuery(Query):
    """A query about the ranks of locations in one stratum; ``best`` is the good end."""

    best: Direction
    n: int


def resolve_rank(body: RankBody, table: SurveyTable) -> RankQuery:
    """Return a query about the locations, without the nation unless it is named; checks that two can be ranked."""
    question, filters = estimable(body, table)
    filters = without_nation(one_stratum(body, table, filters), table)
    query = RankQuery(question, filters, best=good_end(body.best, question, table), n=body.n)
    _estimates(table, query)
    return query


class RankedLocation(Figures):
    """A location's estimate and rank, 1 being the best; null for a location that is not ranked."""

    location: str
    rank: int | None
    rank_low: int | None = Field(description="lower 95 % limit of the rank")
    rank_high: int | None = Field(description="upper 95 % limit of the rank")
    chance_best: float | None = Field(description="probability of being among the n best, 0 to 1")
    chance_worst: float | None = Field(description="probability of being among the n worst, 0 to 1")


class Ranking(ResultObject):
    """Locations from the best to the worst; those that are not ranked, because of their flags, come last."""

    best: Direction = Field(description="which end is good")
    n: int
    ranked: int = Field(description="number of locations with a rank")
    simulation: str = Field(description="how the limits and probabilities were found")
    locations: list[RankedLocation]


@statistic(
    Input(RankBody, resolve_rank, {"question": "Q036", "years": [2019]}),
    Output(Ranking, rows_of("locations"), ("dots", "map", "tiles")),
    "Ranks of locations with their uncertainty",
)
def rank(table: SurveyTable, query: RankQuery) -> Result:
    """Return the locations from the best to the worst, with the 95 % limits of each rank and the chances of being best.

    A rank is as uncertain as the estimates around it. Each draw of a parametric simulation takes an estimate for each
    location from a normal distribution around its own, on the scale on which the table's confidence limits are
    symmetric, and ranks the draws (Goldstein and Spiegelhalter, League tables and their limitations, Journal of the
    Royal Statistical Society A 159, 1996). Equal estimates share the better rank. Locations whose estimate is
    suppressed, unreliable, below the NCHS standard or without limits are not ranked.
    """
    estimates = _estimates(table, query)
    can_be_ranked = _can_be_ranked(estimates)
    chosen, ranked = np.flatnonzero(can_be_ranked), estimates.select(can_be_ranked)
    sign = 1.0 if query.best == "min" else -1.0
    ranks = _ranks(sign * np.round(ranked.values, TIE_DECIMALS))
    order = np.lexsort((chosen, ranks))
    counts = simulated_ranks(ranked.values, ranked.errors, sign, is_logit=bool(ranked.is_logit.all()))
    columns = [ranks, *rank_limits(counts), *_chances(counts, query.n)]
    found = {int(chosen[place]): [column[place].item() for column in columns] for place in order.tolist()}
    unranked = [place for place in range(estimates.values.size) if place not in found]
    cells = cells_of(table, estimates, ["location"])
    names = ("rank", "rank_low", "rank_high", "chance_best", "chance_worst")
    return {
        "best": query.best,
        "n": query.n,
        "ranked": len(found),
        "simulation": f"parametric, {DRAWS} draws, normal on the {_scale(ranked)} scale",
        "locations": [
            cells[place] | dict(zip(names, found.get(place, [None] * len(names)), strict=True))
            for place in [*found, *unranked]
        ],
    }


def _estimates(table: SurveyTable, query: RankQuery) -> Estimates:
    """Return an estimate for each location.

    Raises
    ------
    InvalidRequestError: fewer than two of them can be ranked
    """
    cells = select(table, query.question, query.filters, needs_value=False).cells
    estimates = estimates_over_years(yearly_estimates(cells), count_years(table, query.question, query.filters))
    if np.count_nonzero(_can_be_ranked(estimates)) < 2:
        raise missing_limits_error(
            table,
            "fewer than two locations have a reliable estimate; ask for other locations, years or another stratum",
        )
    return estimates


def _can_be_ranked(estimates: Estimates) -> npt.NDArray[np.bool_]:
    inside = (estimates.values > 0) & ((estimates.values < HIGHEST) | ~estimates.percentages)
    return (estimates.errors > 0) & ~are_unreliable(estimates) & inside


def _scale(estimates: Estimates) -> str:
    return "logit" if estimates.is_logit.all() else "linear"


def _ranks(values: Values) -> Counts:
    """Return the rank of each value, the lowest first; equal values share the lower rank."""
    return np.searchsorted(np.sort(values), values) + 1


def simulated_ranks(values: Values, errors: Values, sign: float, *, is_logit: bool) -> Counts:
    """Return how often each estimate had each rank, shape (estimates, ranks); the rows sum to ``DRAWS``.

    Parameters
    ----------
    values: in percent, shape (estimates,)
    errors: standard errors in percentage points, shape (estimates,)
    sign: 1 if the lowest is the best, -1 if the highest is
    is_logit: whether to draw on the logit scale
    """
    middles = values
    if is_logit:  # ranks are the same on both scales, so nothing is transformed back
        p = values / HIGHEST
        middles, errors = logit(values), errors / HIGHEST / (p * (1 - p))
    random = np.random.default_rng(SEED)
    size = middles.size
    counts = np.zeros((size, size), dtype=np.int64)
    for _ in range(DRAWS // DRAWS_AT_ONCE):
        draws = sign * (middles + errors * random.standard_normal((DRAWS_AT_ONCE, size)))
        by_rank = np.argsort(draws, axis=1)  # shape (draws, ranks): whose draw has the rank
        flat = by_rank * size + np.arange(size)
        counts += np.bincount(flat.ravel(), minlength=size * size).reshape(size, size)
    return counts


def rank_limits(counts: Counts) -> tuple[Counts, Counts]:
    """Return the 95 % limits of each estimate's rank: the lowest and the highest between the tails of its draws."""
    shares = counts.cumsum(axis=1) / DRAWS
    low = np.argmax(shares > TAIL, axis=1) + 1
    high = np.argmax(shares >= 1 - TAIL, axis=1) + 1
    return low, high


def _chances(counts: Counts, n: int) -> tuple[Values, Values]:
    """Return the shares of draws in which each estimate is among the n best, and among the n worst."""
    return counts[:, :n].sum(axis=1) / DRAWS, counts[:, -n:].sum(axis=1) / DRAWS
