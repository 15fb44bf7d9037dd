"""The statistics: pure functions ``(table, query) -> JSON-ready data``, each registered by a decorator.

A module here holds all that a statistic consists of: body, resolver, computation, result model, columns, title, charts.
To add one, write such a module and import it below; its order there is its order in every list.
"""

# isort: off
from app.statistics import means  # the nine that every server of this API has come first
from app.statistics import estimate
from app.statistics import comparison
from app.statistics import comparisons
from app.statistics import ranking
from app.statistics import disparity
from app.statistics import correlation
from app.statistics import trend
from app.statistics import trends
from app.statistics.registry import STATISTICS, Statistic

__all__ = [
    "STATISTICS",
    "Statistic",
    "comparison",
    "comparisons",
    "correlation",
    "disparity",
    "estimate",
    "means",
    "ranking",
    "trend",
    "trends",
]
