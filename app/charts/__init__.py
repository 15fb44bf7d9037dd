"""Charts of answers: Vega-Lite made in one place, for the page and for pictures alike.

``kinds_of`` tells which kinds suit an answer, ``chart_of`` makes the specification of one; ``app.charts.pictures``
makes pictures of specifications, and the script that draws them in a page.
"""

from collections.abc import Mapping
from typing import Any

from app.charts.context import ChartContext, Theme
from app.charts.kinds import kinds_of
from app.errors import InvalidRequestError, quoted
from app.statistics.registry import ChartKind

__all__ = ["ChartContext", "Theme", "chart_of", "kinds_of"]


def chart_of(
    statistic: str,
    document: Mapping[str, Any],
    about: ChartContext,
    *,
    kind: str | None = None,
    theme: Theme = "light",
) -> dict[str, Any]:
    """Return an answer's chart as a Vega-Lite specification, ready for JSON. The first call takes half a second more.

    Parameters
    ----------
    document: that of a job that is done, with ``data`` and, for the statistics that have it, ``provenance``
    kind: one of ``kinds_of`` the answer, the first of them if none is given

    Raises
    ------
    InvalidRequestError: the kind does not suit the answer, or there is nothing to draw
    """
    from app.charts.drawing import draw  # noqa: PLC0415 - Altair takes 0.6 s and 40 MiB, which the start is spared
    from app.charts.look import LOOKS  # noqa: PLC0415
    from app.charts.scene import Scene  # noqa: PLC0415

    return draw(Scene(statistic, document, about, LOOKS[theme]), _chosen(statistic, document, kind))


def _chosen(statistic: str, document: Mapping[str, Any], kind: str | None) -> ChartKind:
    """Return the kind that is asked for, or else the usual one."""
    suitable = kinds_of(statistic, document)
    if not suitable:
        raise InvalidRequestError(
            "there is nothing to draw: the result is empty, or its statistic has no chart; get it as JSON"
        )
    if kind is None:
        return suitable[0]
    for each in suitable:
        if each == kind:
            return each
    raise InvalidRequestError(
        f"an answer of {statistic} is not drawn as {quoted(kind)}, but as {' or '.join(suitable)}"
    )
