"""Charts of results: one Vega-Lite specification serves the page and the pictures.

``kinds_of`` returns the chart kinds that suit a result, ``chart_of`` builds the specification of one, and
``pictures.Pictures`` draws specifications as pictures.
"""

from collections.abc import Mapping
from typing import Any

from app.charts.context import ChartContext, Theme
from app.charts.kinds import MOST_MARKS, count_marks, kinds_of
from app.errors import InvalidRequestError, TooManyMarksError, quoted
from app.statistics.registry import ChartKind

__all__ = ["ChartContext", "Theme", "chart_of", "choose_kind", "kinds_of"]


def chart_of(
    statistic: str,
    document: Mapping[str, Any],
    context: ChartContext,
    *,
    kind: str | None = None,
    theme: Theme = "light",
) -> dict[str, Any]:
    """Return the chart of a result as a Vega-Lite specification, JSON-ready. The first call takes 0.6 s longer.

    Parameters
    ----------
    document: the result document of a finished job
    context: where it comes from, for titles and footer
    kind: one of ``kinds_of`` the result; by default the first

    Raises
    ------
    InvalidRequestError: the kind does not suit the result, or there is nothing to draw
    TooManyMarksError: the chart would have more than ``MOST_MARKS`` marks
    """
    chosen = choose_kind(statistic, document, kind)
    # Importing Altair takes 0.6 s and 40 MiB, which a server that draws no chart does not pay.
    from app.charts.drawing import draw  # noqa: PLC0415
    from app.charts.look import LOOKS  # noqa: PLC0415
    from app.charts.scene import Scene  # noqa: PLC0415

    return draw(Scene(statistic, document, context, LOOKS[theme]), chosen)


def choose_kind(statistic: str, document: Mapping[str, Any], kind: str | None) -> ChartKind:
    """Return the requested kind, or the default one.

    Raises
    ------
    InvalidRequestError, TooManyMarksError: as ``chart_of``
    """
    marks = count_marks(statistic, document)
    if marks > MOST_MARKS:
        raise TooManyMarksError(marks, MOST_MARKS)
    suitable = kinds_of(statistic, document)
    if not suitable:
        raise InvalidRequestError(
            "there is nothing to draw: the result is empty, or its statistic has no chart; request it as json"
        )
    if kind is None:
        return suitable[0]
    for each in suitable:
        if each == kind:
            return each
    raise InvalidRequestError(f"{statistic} cannot be drawn as {quoted(kind)}; choose {' or '.join(suitable)}")
