"""Every route of the application with what it does."""

from dataclasses import dataclass

from flask import current_app

from app.statistics import STATISTICS


@dataclass(frozen=True, slots=True)
class RouteInfo:
    """A route as the front page shows it."""

    methods: str
    path: str
    summary: str


def route_list() -> list[RouteInfo]:
    """Return the routes of the application in the order of their registration."""
    return [
        RouteInfo(", ".join(sorted((rule.methods or set()) - {"HEAD"})), rule.rule, route_summary(rule.endpoint))
        for rule in current_app.url_map.iter_rules()
    ]


def route_summary(endpoint: str) -> str:
    """Return the line that says what a route does: that of its statistic, or of its view's docstring."""
    statistic = STATISTICS.get(endpoint.rpartition(".")[2])
    docstring = statistic.summary if statistic else current_app.view_functions[endpoint].__doc__
    return (docstring or "").splitlines()[0]
