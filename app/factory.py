"""The factory: ``create_app`` wires every part of a server together.

Importing it starts no thread, opens no file and reads no table; calling it does.
"""

import re
from functools import partial

from flask import Flask
from flask_cors import CORS

from app.answers import Answers
from app.data_ingestor import DataIngestor
from app.housekeeper import Housekeeper
from app.job_store import JobStore
from app.journal import Journal
from app.logger_config import configure_logging
from app.metrics import Metrics
from app.observer import Observer
from app.recovery import recover
from app.result_files import ResultFiles
from app.routes import register_routes
from app.routes.lean_flask import LeanFlask
from app.services import Services, preparer
from app.settings import Settings
from app.status_map import Retention
from app.survey_table import SurveyTable
from app.table_reader import load_table
from app.task_runner import ThreadPool

SECONDS_PER_HOUR = 3600
EXPOSED_HEADERS = ["Content-Disposition", "ETag", "Location", "Preference-Applied", "Retry-After"]


def create_app(settings: Settings, table: SurveyTable | None = None) -> Flask:
    """Build a server, start its threads, and go on with what an earlier run has left.

    Whoever calls this calls ``app.extensions["services"].close()`` in the end, which drains the pool.

    Parameters
    ----------
    settings: what the operator chose
    table: the table, where it has been read already

    Raises
    ------
    SourceError: the table cannot be read
    OSError: the log or the results cannot be opened
    """
    ingestor = DataIngestor(partial(load_table, settings), table)
    configure_logging(settings)
    services = _start_services(settings, ingestor)

    app = LeanFlask(__package__ or __name__, static_folder=None)
    app.config.update(PROVIDE_AUTOMATIC_OPTIONS=bool(settings.allowed_origins))
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # it answers with a redirection in HTML
    app.extensions["services"] = services
    register_routes(app)
    if settings.allowed_origins:
        origins = [re.compile(re.escape(origin) + r"\Z") for origin in settings.allowed_origins]
        CORS(app, origins=origins, expose_headers=EXPOSED_HEADERS)
    return app


def _start_services(settings: Settings, ingestor: DataIngestor) -> Services:
    files = ResultFiles(settings.results_dir)
    journal = Journal(settings.results_dir, settings.journal_sync)
    store = JobStore(
        answers=Answers(files, preparer(lambda: ingestor.table)),
        journal=journal,
        retention=Retention(settings.retention_jobs, settings.retention_hours * SECONDS_PER_HOUR),
        recovered=recover(journal, files),
    )
    metrics = Metrics()
    pool = ThreadPool(store=store, threads=settings.threads, queue_size=settings.queue_size, observer=Observer(metrics))
    metrics.queue_length.set_function(store.map.waiting)
    metrics.runners_alive.set_function(lambda: sum(runner.is_alive() for runner in pool.runners()))
    pool.resume()
    housekeeper = Housekeeper(store)
    housekeeper.start()
    return Services(settings, ingestor, store, pool, housekeeper, metrics)
