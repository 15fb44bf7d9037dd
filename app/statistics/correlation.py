"""Two questions across locations."""

from dataclasses import asdict, dataclass

import numpy as np

from app.errors import InvalidRequestError
from app.queries.bodies import CorrelateBody
from app.queries.query import Query, select
from app.statistics.registry import Result, statistic
from app.statistics.result_models import CorrelationOfTwo
from app.table.cells import TIE_DECIMALS, Codes, Values
from app.table.estimates import estimates_over_years, yearly_estimates
from app.table.survey_table import SurveyTable

FEWEST_LOCATIONS = 4  # the limits of a correlation need one more than three


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The estimates of both questions in each location; arrays of shape (locations,)."""

    locations: Codes
    x: Values
    y: Values


def _pairs(table: SurveyTable, query: Query) -> _Pairs:
    """Return the pairs of estimates.

    Raises
    ------
    InvalidRequestError: there are too few, or one of the questions has the same value everywhere
    """
    first, second = (
        estimates_over_years(yearly_estimates(select(table, question, query.filters).cells))
        for question in query.questions
    )
    pairs = _Pairs(first.locations, first.values, second.values)
    _check(pairs)
    return pairs


def _check(pairs: _Pairs) -> None:
    if pairs.locations.size < FEWEST_LOCATIONS:
        raise InvalidRequestError(
            f"a correlation needs at least {FEWEST_LOCATIONS} locations with a value for both questions, and there are "
            f"{pairs.locations.size}; ask for more locations or years"
        )
    if not all(np.ptp(np.round(values, TIE_DECIMALS)) for values in (pairs.x, pairs.y)):
        raise InvalidRequestError("one of the questions has the same value in all these locations; ask for others")


@statistic(CorrelateBody, {"question": "Q036", "other_question": "Q047"}, CorrelationOfTwo, check=_pairs)
def correlate(table: SurveyTable, query: Query) -> Result:
    """Return the correlation of two questions across locations, Pearson's and Spearman's, and the pairs of figures.

    Each location counts once, by its estimate over the years that each question has; the nation is left out unless it
    is named. See ``app.statistics.fits`` for the formulas.
    """
    from app.statistics.fits import pearson, spearman  # noqa: PLC0415 - heavy, see there

    pairs = _pairs(table, query)
    by_rank, by_value = asdict(spearman(pairs.x, pairs.y)), asdict(pearson(pairs.x, pairs.y))
    names = [table.location_names[code] for code in pairs.locations.tolist()]
    triples = zip(names, pairs.x.tolist(), pairs.y.tolist(), strict=True)
    asked, other = (table.questions[code].question.text for code in query.questions)
    return {
        "question": asked,
        "other_question": other,
        "locations": len(names),
        "pearson": {"r": by_value.pop("value"), **by_value},
        "spearman": {"rho": by_rank.pop("value"), **by_rank},
        "pairs": [{"location": name, "x": x, "y": y} for name, x, y in triples],
    }
