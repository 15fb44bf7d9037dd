"""The front page: the dashboard for a browser, and for a program every route with what it does."""

from dataclasses import asdict

from flask import Blueprint, Response, request

from app.errors import ServiceError
from app.routes.dashboard import dashboard_page
from app.routes.html import problem_page, wants_page
from app.routes.route_list import route_list
from app.routes.support import data_answer

blueprint = Blueprint("pages", __name__)
blueprint.register_error_handler(ServiceError, problem_page)


@blueprint.get("/")
@blueprint.get("/index")
def index() -> Response:
    """Show the dashboard to a browser, list the routes to a program."""
    if wants_page():
        answer = dashboard_page(request.args.to_dict(flat=False))
    else:
        answer = data_answer([asdict(route) for route in route_list()])
    answer.vary.add("Accept")
    return answer
