"""The ceiling: Flask on Granian that answers every request of a job with a constant, and computes nothing.

``python constant_server.py <port>``
"""

import sys

from flask import Flask, Response

from granian_server import serve

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
    serve(create_app, int(sys.argv[1]))
