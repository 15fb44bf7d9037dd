"""A question of a survey table, with its cells."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from app.table.cells import TIE_DECIMALS, Cells
from app.table.confidence_limits import has_logit_limits
from app.table.conflict import Conflict
from app.table.facts import Direction
from app.table.means import QuestionMeans

LimitsScale = Literal["logit", "linear"]

PERCENT = "percent"  # the unit of percentages
PLAIN_VALUE = "Value"  # a value type that says nothing


def question_name(text: str, response: str | None, value_type: str | None) -> str:
    """Return a question's text with what tells it from others of this text."""
    measure = "; ".join(filter(None, (response, value_type)))
    return f"{text} ({measure})" if measure not in {"", PLAIN_VALUE} else text


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the survey, as far as one response, value type and unit go; a text may have several of them.

    Parameters
    ----------
    rows: number of rows with a value
    value_type: what the table calls its values, such as "Crude Prevalence"; None if it says nothing
    unit: ``PERCENT`` or the table's own word
    response: the response that is counted, in tables that count several
    """

    text: str
    id: str | None
    class_name: str | None
    best: Direction | None
    years: tuple[int, ...]
    rows: int
    suppressed_rows: int
    value_type: str | None = None
    unit: str = PERCENT
    response: str | None = None

    @property
    def name(self) -> str:
        """The text, with the response and the value type that tell it from others of this text."""
        return question_name(self.text, self.response, self.value_type)


class QuestionData:
    """A question with its cells (sums and counts by location, stratum and period) and the means over all of them.

    ``limits_scale`` says on which scale its confidence limits are symmetric; None without any limits.

    ``conflict`` is set if several different rows claim to be the same cell; then there are no estimates.
    ``standardized`` are the cells of prevalences that are standardised by age, None if the table has none.
    """

    def __init__(
        self, question: Question, cells: Cells, conflict: Conflict | None = None, standardized: Cells | None = None
    ) -> None:
        self.question = question
        self.conflict = conflict
        self.standardized = standardized
        is_logit = has_logit_limits(cells)
        has_limits = bool(((cells.rows > 0) & (cells.variance_sum >= 0)).any())
        self.limits_scale: LimitsScale | None = ("logit" if is_logit else "linear") if has_limits else None
        self.cells = cells if is_logit else replace(cells, logit_variance_sum=np.full(cells.rows.size, np.nan))
        self.means = QuestionMeans(cells)
        self._lock()

    def __setstate__(self, state: dict[str, object]) -> None:
        """Restore the pickled state of another process, and lock the arrays again: pickling makes them writable."""
        self.__dict__.update(state)
        self._lock()

    @cached_property
    def has_tenths(self) -> bool:
        """Whether all values are published to tenths of a percent, or coarser."""
        cells = self.cells.select(self.cells.rows == 1)
        tenths = 10 * (cells.value_sum + cells.value_rest)
        return bool(np.allclose(tenths, np.rint(tenths), rtol=0, atol=10.0**-TIE_DECIMALS))

    def _lock(self) -> None:
        self.cells.lock()
        self.means.lock()
        if self.standardized is not None:
            self.standardized.lock()
