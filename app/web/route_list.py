"""Every route of the application with its summary."""

from dataclasses import dataclass

from flask import current_app


@dataclass(frozen=True, slots=True)
class RouteInfo:
    """A route and what it does."""

    methods: str
    path: str
    summary: str


def route_list() -> list[RouteInfo]:
    """Return the routes of the current application in the order of their registration."""
    return [
        RouteInfo(", ".join(sorted((rule.methods or set()) - {"HEAD"})), rule.rule, route_summary(rule.endpoint))
        for rule in current_app.url_map.iter_rules()
    ]


def route_summary(endpoint: str) -> str:
    """Return the first line of a view's docstring."""
    return (current_app.view_functions[endpoint].__doc__ or "").splitlines()[0]
