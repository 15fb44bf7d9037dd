"""The ceiling: Flask on Granian that answers every request of a job with a constant, and computes nothing.

``python -m benchmarks.rivals.constant_server <port> [--one-core]``. With the option its threads are pinned to the cores
as those of our server are, otherwise the system schedules them.
"""

import sys
from functools import partial

from flask import Flask, Response

from app.process.cores import create_on_one_core
from benchmarks.rivals.granian_server import serve

# Answers for a posted job and for a finished one alike, so that the same load runs against it.
CONSTANT = b'{"status":"done","job_id":"job_id_1","data":{"global_mean":31.0}}'


def create_app() -> Flask:
    """Build an application that answers with the constant."""
    app = Flask(__name__)

    @app.post("/api/<statistic>")
    def submit(statistic: str) -> Response:
        return Response(CONSTANT, mimetype="application/json")

    @app.get("/api/get_results/<job_id>")
    def result(job_id: str) -> Response:
        return Response(CONSTANT, mimetype="application/json")

    return app


if __name__ == "__main__":
    serve(partial(create_on_one_core, create_app) if "--one-core" in sys.argv else create_app, int(sys.argv[1]))
