"""What the public servers of this design do: Flask's development server, an executor, pandas, one file per job.

``python -m benchmarks.rivals.development_server <port> <table> <results folder>``
"""

import itertools
import json
import os
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from flask import Flask, request

from benchmarks.pandas_expressions import EXPRESSIONS, read_frame

Answer = dict[str, object]


def create_app(frame: pd.DataFrame, folder: Path) -> Flask:
    """Build an application that computes over a frame and keeps its results in a folder."""
    app = Flask(__name__)
    executor = ThreadPoolExecutor(os.cpu_count())
    numbers = itertools.count(1)
    jobs: dict[str, Future[None]] = {}

    def compute(job_id: str, statistic: str, body: dict[str, str]) -> None:
        data = EXPRESSIONS[statistic](frame, body)
        (folder / f"{job_id}.json").write_text(json.dumps(data), encoding="utf-8")

    @app.post("/api/<statistic>")
    def submit(statistic: str) -> Answer:
        job_id = f"job_id_{next(numbers)}"
        jobs[job_id] = executor.submit(compute, job_id, statistic, request.get_json())
        return {"job_id": job_id}

    @app.get("/api/get_results/<job_id>")
    def result(job_id: str) -> Answer:
        if not jobs[job_id].done():
            return {"status": "running"}
        jobs[job_id].result()
        return {"status": "done", "data": json.loads((folder / f"{job_id}.json").read_text(encoding="utf-8"))}

    return app


if __name__ == "__main__":
    create_app(read_frame(Path(sys.argv[2])), Path(sys.argv[3])).run(port=int(sys.argv[1]), threaded=True)
