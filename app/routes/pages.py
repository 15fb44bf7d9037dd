"""The front page: every route with what it does, as HTML for a browser and as JSON for a program."""

from dataclasses import asdict, dataclass

from flask import Blueprint, Response, current_app

from app.routes.html import page, wants_page
from app.routes.support import data_answer
from app.statistics import STATISTICS

blueprint = Blueprint("pages", __name__)


@dataclass(frozen=True, slots=True)
class RouteInfo:
    """A route as the front page shows it."""

    methods: str
    path: str
    summary: str


@blueprint.get("/")
@blueprint.get("/index")
def index() -> Response:
    """List the routes."""
    routes = _routes()
    answer = page("index.html", routes=routes) if wants_page() else data_answer([asdict(route) for route in routes])
    answer.vary.add("Accept")
    return answer


def _routes() -> list[RouteInfo]:
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
