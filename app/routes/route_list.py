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
        RouteInfo(", ".join(sorted((rule.methods or set()) - {"HEAD"})), rule.rule, _summary(rule.endpoint))
        for rule in current_app.url_map.iter_rules()
        if rule.endpoint != "static"
    ]


def _summary(endpoint: str) -> str:
    statistic = STATISTICS.get(endpoint.rpartition(".")[2])
    docstring = statistic.summary if statistic else current_app.view_functions[endpoint].__doc__
    return (docstring or "").splitlines()[0]
