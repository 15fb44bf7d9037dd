"""The statistics: pure functions ``(table, query) -> JSON-ready data``, which register themselves.

Adding a statistic is adding one function to one of these modules: its route, its validation, its place on the front
page and in the API document follow from the registry.
"""

from app.statistics import means  # the contract's nine come first

# isort: split
from app.statistics import comparison, correlation, estimate, trend
from app.statistics.registry import STATISTICS, Statistic

__all__ = ["STATISTICS", "Statistic", "comparison", "correlation", "estimate", "means", "trend"]
