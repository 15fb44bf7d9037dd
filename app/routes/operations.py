"""Operating the server: is it alive, is it ready, what has it counted; shutting it down and reading the table again."""

from dataclasses import asdict

from flask import Blueprint, Response

from app.web.guard import protected
from app.web.support import json_answer, services

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

blueprint = Blueprint("operations", __name__)


@blueprint.route("/api/graceful_shutdown", methods=["GET", "POST"])
@protected
def graceful_shutdown() -> Response:
    """Take no more jobs, finish those accepted; done when none is left, running until then."""
    finished = services().pool.graceful_shutdown()
    return json_answer({"status": "done" if finished else "running"})


@blueprint.post("/api/dataset/reload")
@protected
def reload_dataset() -> Response:
    """Read the table again in the background; GET /api/dataset tells how that goes."""
    services().ingestor.reload()
    return json_answer({"status": "running"})


@blueprint.get("/healthz")
def healthz() -> Response:
    """Tell that the server is alive."""
    return json_answer({"status": "done"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """Tell whether jobs can be taken: data loaded, disk writable, not shutting down; and how far a reload has come."""
    parts = services()
    parts.check_ready()
    reload = parts.ingestor.last_reload
    running = {"reload": asdict(reload)} if reload and reload.status == "running" else {}
    return json_answer({"status": "done", **running})


@blueprint.get("/metrics")
def metrics() -> Response:
    """Give the counters in Prometheus' text format."""
    return Response(services().metrics.text(), content_type=METRICS_TYPE)
