"""Fixtures: a small survey, and a fresh application with a folder and a pool of its own for each test."""

import csv
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import WSGIRequestHandler, make_server

from app import create_app
from app.jobs.job import Document, done_document, job_request
from app.services import Services
from app.settings import Settings
from support.pool_parts import wait_until_taken
from support.served import served
from support.small_survey import COLUMNS, STRATA_COLUMNS, small_survey
from support.two_readers import READERS, Read, reader_of

GATE_SECONDS = 30.0


def pytest_xdist_auto_num_workers() -> int:
    """Return two processes for each core (``-n auto``): the tests wait for servers half of their time."""
    return 2 * (os.cpu_count() or 1)


class QuietHandler(WSGIRequestHandler):
    """Serves requests without a line for each on standard error."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@pytest.fixture
def survey_file(tmp_path: Path) -> Path:
    """The small table as a file."""
    path = tmp_path / "survey.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=COLUMNS + STRATA_COLUMNS)
        writer.writeheader()
        writer.writerows(small_survey())
    return path


@pytest.fixture
def settings(tmp_path: Path, survey_file: Path) -> Settings:
    """Settings that keep everything in the test's own folder."""
    return Settings(
        data=survey_file,
        results_dir=tmp_path / "results",
        log_file=tmp_path / "webserver.log",
        threads=2,
        drain_seconds=10,
    )


@pytest.fixture
def start_app() -> Iterator[Callable[[Settings], Flask]]:
    """A factory of applications, all of which are drained and closed after the test."""
    started: list[Flask] = []

    def start(settings: Settings) -> Flask:
        started.append(create_app(settings))
        return started[-1]

    yield start
    for app in started:
        assert app.extensions["services"].close()


@pytest.fixture
def app(start_app: Callable[[Settings], Flask], settings: Settings) -> Flask:
    """An application over the small table."""
    return start_app(settings)


@pytest.fixture
def services(app: Flask) -> Services:
    """The parts of the application."""
    found: Services = app.extensions["services"]
    return found


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the application."""
    return app.test_client()


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """The address of the application, served over HTTP by a thread."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    with served(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(params=READERS)
def read(request: pytest.FixtureRequest) -> Read:
    """One of the two readers of tables."""
    return reader_of(request)


@pytest.fixture
def ask(client: FlaskClient) -> Callable[..., Any]:
    """A function that submits a job, waits for it, and returns the whole answer."""

    def submit_and_wait(statistic: str, **body: Any) -> Any:
        submitted = client.post(f"/api/{statistic}", json=body)
        assert submitted.status_code == 200, submitted.json
        return client.get(f"{submitted.headers['Location']}?wait=10").json

    return submit_and_wait


@pytest.fixture
def open_gate(services: Services) -> Iterator[Callable[[], None]]:
    """Keep every runner busy with a job that waits, until the function that this gives is called."""
    gate = threading.Event()

    def wait_at_the_gate() -> Document:
        assert gate.wait(GATE_SECONDS)
        return done_document({})

    for _ in services.pool.runners():
        services.pool.add_task(job_request("gate", b"{}"), wait_at_the_gate)
    wait_until_taken(services.pool)
    yield gate.set
    gate.set()
