"""Flask on Granian in front of Celery and Redis, as the manuals of the three show it.

``python -m benchmarks.rivals.celery_server <port>``, with the environment that ``celery_jobs`` needs
"""

import sys

from flask import Flask, request

from benchmarks.rivals.celery_jobs import compute
from benchmarks.rivals.granian_server import serve

Answer = dict[str, object]


def create_app() -> Flask:
    """Build an application that hands jobs to the workers."""
    app = Flask(__name__)

    @app.post("/api/<statistic>")
    def submit(statistic: str) -> Answer:
        return {"job_id": compute.delay(statistic, request.get_json()).id}

    @app.get("/api/get_results/<job_id>")
    def result(job_id: str) -> Answer:
        job = compute.AsyncResult(job_id)
        return {"status": "done", "data": job.get()} if job.ready() else {"status": "running"}

    return app


if __name__ == "__main__":
    serve(create_app, int(sys.argv[1]))
