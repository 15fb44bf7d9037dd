"""Operating the server: shutting it down without losing a job."""

from flask import Blueprint, Response

from app.routes.support import json_answer, services

blueprint = Blueprint("operations", __name__, url_prefix="/api")


@blueprint.route("/graceful_shutdown", methods=["GET", "POST"])
def graceful_shutdown() -> Response:
    """Take no more jobs, finish those accepted; done when none is left, running until then."""
    finished = services().pool.graceful_shutdown()
    return json_answer({"status": "done" if finished else "running"})
