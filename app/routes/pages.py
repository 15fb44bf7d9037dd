"""The front page: every route with what it does, as HTML for a browser and as JSON for a program."""

from dataclasses import asdict

from flask import Blueprint, Response, render_template, request

from app.routes.route_list import route_list
from app.routes.support import data_answer, services
from app.routes.survey import MODELLED_NOTICE

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
@blueprint.get("/index")
def index() -> Response:
    """List the routes."""
    routes = route_list()
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        modelled = services().ingestor.table.report.modelled
        page = render_template("index.html", routes=routes, notice=MODELLED_NOTICE if modelled else None)
        answer = Response(page, mimetype="text/html")
    else:
        answer = data_answer([asdict(route) for route in routes])
    answer.vary.add("Accept")
    return answer
