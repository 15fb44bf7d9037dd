"""Operating the server: health, readiness, metrics, shutdown and reload."""

from dataclasses import dataclass, field
from typing import Literal

from flask import Blueprint, Response

from app.data_ingestor import LoadReport
from app.web.api_description import ERROR_HEADERS, ERRORS, ResponseDescription, describe, json_of
from app.web.guard import protected
from app.web.support import JSON_TYPE, Finished, Running, json_response, services
from app.web.waiting_room import NotReady

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
NOT_READY = ResponseDescription(ERRORS[503], {JSON_TYPE: NotReady}, ERROR_HEADERS[503])

blueprint = Blueprint("operations", __name__)


@dataclass(frozen=True, slots=True)
class Reloading:
    """Jobs are accepted while the table is reloaded."""

    status: Literal["done"] = field(default="done", init=False)
    reload: LoadReport


@blueprint.route("/api/graceful_shutdown", methods=["GET", "POST"])
@describe(json_of(Finished | Running, "whether jobs are left"))
@protected
def graceful_shutdown() -> Response:
    """Stop accepting jobs and finish the accepted ones; the status is "running" until the last one has ended."""
    finished = services().pool.graceful_shutdown()
    return json_response(Finished() if finished else Running())


@blueprint.post("/api/dataset/reload")
@describe(json_of(Running, "the table is being reloaded"))
@protected
def reload_dataset() -> Response:
    """Reload the table in the background; GET /api/dataset reports the progress."""
    services().ingestor.reload()
    return json_response(Running())


@blueprint.get("/healthz")
@describe(json_of(Finished))
def healthz() -> Response:
    """Report that the process is up, even while the table is loading."""
    return json_response(Finished())


@blueprint.get("/readyz")
@describe({**json_of(Reloading | Finished), 503: NOT_READY})
def readyz() -> Response:
    """Report whether jobs are accepted: table loaded, disk writable, not shutting down; and a reload's progress."""
    parts = services()
    parts.check_ready()
    reload = parts.ingestor.last_reload
    return json_response(Reloading(reload) if reload and reload.status == "running" else Finished())


@blueprint.get("/metrics")
@describe({200: ResponseDescription("the counters", {"text/plain": str})})
def metrics() -> Response:
    """Return the counters in Prometheus' text format."""
    return Response(services().metrics.text(), content_type=METRICS_TYPE)
